package io.chasqui.engine;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * From the engine to one client: the outputs of all choices of a request. The engine adds and
 * signals, never waits; when the reader lags {@link #LIMIT} outputs behind, {@link #isFull} makes
 * the engine leave the request out of its steps until the reader has caught up.
 */
public final class OutputBuffer {
    /** Outputs a reader may lag behind before its request is parked. */
    public static final int LIMIT = 256;

    private final ConcurrentLinkedQueue<RequestOutput> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger size = new AtomicInteger();
    private final Runnable onOutput;
    private final int limit;

    /**
     * @param onOutput called on the engine thread once per step that added outputs; must not block.
     *     It should schedule a drain with {@link #poll} elsewhere
     */
    public OutputBuffer(Runnable onOutput) {
        this(onOutput, LIMIT);
    }

    OutputBuffer(Runnable onOutput, int limit) {
        this.onOutput = onOutput;
        this.limit = limit;
    }

    /** Next output, or null when there is none now. */
    public RequestOutput poll() {
        var output = queue.poll();
        if (output != null) {
            size.decrementAndGet();
        }
        return output;
    }

    boolean isFull() {
        return size.get() >= limit;
    }

    void add(RequestOutput output) {
        size.incrementAndGet();
        queue.add(output);
    }

    void signal() {
        onOutput.run();
    }
}
