package io.chasqui.http;

import io.chasqui.config.HttpConfig;
import io.chasqui.engine.FailureTrace;
import io.chasqui.engine.RequestOutput;
import io.chasqui.http.Generation.AbortReason;
import io.vertx.core.Context;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/**
 * Carries a generation's outputs to one client's socket. All work happens on the client's event
 * loop; the engine only signals. Nothing is sent before there is an output or a failure, so that a
 * refusal still has its own status. A client that takes nothing is asked for nothing: its outputs
 * stay in the engine's bounded buffer, and after a while it is cut off.
 */
final class OutputPublisher implements Flow.Publisher<byte[]>, Flow.Subscription {
    private static final Logger LOG = Logger.getLogger(OutputPublisher.class);

    /** Bytes joined into one write when several outputs are waiting. */
    private static final int MAX_WRITE = 16 * 1024;

    private final Generation generation;
    private final ResponseWriter writer;
    private final Context eventLoop;
    private final HttpConfig limits;
    private final Listener listener;
    private final AtomicLong demand = new AtomicLong();
    private final AtomicBoolean scheduled = new AtomicBoolean();
    private final long startNanos = System.nanoTime();

    private Flow.Subscriber<? super byte[]> subscriber;
    private long timer = -1;
    private long lastWriteNanos = startNanos;
    private boolean opened;
    private boolean committed;
    private volatile boolean done;
    private ApiError failure;

    /** Looks on. */
    interface Listener {
        /** An output is about to be written. */
        void onOutput(RequestOutput output);

        /** All is written, or this error was sent instead. */
        void onEnd(ApiError error);

        /** The client took nothing for too long. */
        void onStall();
    }

    OutputPublisher(
            Generation generation,
            ResponseWriter writer,
            Context eventLoop,
            HttpConfig limits,
            Listener listener) {
        this.generation = generation;
        this.writer = writer;
        this.eventLoop = eventLoop;
        this.limits = limits;
        this.listener = listener;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super byte[]> client) {
        subscriber = client;
        generation.onOutput(this::schedule);
        client.onSubscribe(this);
        eventLoop.runOnContext(ignored -> startTimer());
        schedule();
    }

    @Override
    public void request(long n) {
        demand.addAndGet(n);
        schedule();
    }

    @Override
    public void cancel() {
        generation.disconnected();
        done = true;
        eventLoop.runOnContext(ignored -> stop());
    }

    private void schedule() {
        if (scheduled.compareAndSet(false, true)) {
            eventLoop.runOnContext(
                    ignored -> {
                        scheduled.set(false);
                        drain();
                    });
        }
    }

    private void startTimer() {
        if (!done) {
            long millis = Math.min(1000, limits.heartbeat().toMillis() / 4 + 1);
            timer = eventLoop.owner().setPeriodic(millis, ignored -> tick());
        }
    }

    private void stop() {
        done = true;
        if (timer >= 0) {
            eventLoop.owner().cancelTimer(timer);
            timer = -1;
        }
    }

    private void drain() {
        if (!done && demand.get() > 0) {
            guarded(this::write);
        }
    }

    /**
     * Whatever breaks while an answer is written ends that answer, as an error of the engine does.
     */
    private void guarded(Consumer<EventBuffer> step) {
        var out = new EventBuffer();
        try {
            step.accept(out);
        } catch (Throwable broken) {
            if (done) {
                throw broken;
            }
            var id = Call.newId();
            LOG.errorf("Internal error %s: %s", id, FailureTrace.of(broken));
            failure = ApiError.internal(id);
            out.cutBack();
            fail(out);
        }
    }

    private void write(EventBuffer out) {
        boolean more = true;
        while (more && failure == null && out.size() < MAX_WRITE) {
            more = generation.poll((prompt, output) -> take(prompt, output, out));
        }
        if (failure != null) {
            fail(out);
        } else if (!more && generation.isComplete()) {
            complete(out);
        } else if (out.size() > 0) {
            emit(out.toByteArray());
            if (more) {
                schedule();
            }
        }
    }

    private void take(int prompt, RequestOutput output, EventBuffer out) {
        if (failure != null) {
            return;
        }
        if (output.error() != null) {
            failure = ApiError.of(output.error());
            return;
        }
        open(out);
        listener.onOutput(output);
        writer.write(prompt, output, out);
        out.mark();
    }

    private void open(EventBuffer out) {
        if (!opened) {
            opened = true;
            writer.open(out);
        }
    }

    private void complete(EventBuffer out) {
        generation.release();
        writer.close(out);
        stop();
        listener.onEnd(null);
        emit(out.toByteArray());
        subscriber.onComplete();
    }

    /** Before the first byte a failure is a status; after it, an event. */
    private void fail(EventBuffer out) {
        generation.release();
        stop();
        listener.onEnd(failure);
        if (!committed) {
            subscriber.onError(new ApiException(failure));
            return;
        }
        Sse.error(out, failure);
        emit(out.toByteArray());
        subscriber.onComplete();
    }

    private void emit(byte[] bytes) {
        committed = true;
        demand.decrementAndGet();
        lastWriteNanos = System.nanoTime();
        subscriber.onNext(bytes);
    }

    private void tick() {
        long now = System.nanoTime();
        if (demand.get() == 0) {
            if (now - lastWriteNanos > limits.writeStall().toNanos()) {
                generation.abort(AbortReason.SLOW_READER);
                stop();
                listener.onStall();
            }
        } else if (writer.streaming()) {
            guarded(out -> keepAlive(now, out));
        }
    }

    private void keepAlive(long now, EventBuffer out) {
        if (committed) {
            if (now - lastWriteNanos > limits.heartbeat().toNanos()) {
                emit(Sse.PING);
            }
        } else if (now - startNanos > limits.statusHold().toNanos()) {
            open(out);
            emit(out.size() > 0 ? out.toByteArray() : Sse.PING);
        }
    }
}
