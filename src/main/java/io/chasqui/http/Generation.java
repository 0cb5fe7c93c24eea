package io.chasqui.http;

import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.GenerationRequest;
import io.chasqui.engine.LlmEngine;
import io.chasqui.engine.LlmEngine.Submission;
import io.chasqui.engine.OutputBuffer;
import io.chasqui.engine.RequestOutput;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What one call has the engine do: one submission per prompt. It can be aborted before, while and
 * after it is submitted, from any thread.
 */
final class Generation {
    private final LlmEngine engine;
    private final Consumer<AbortReason> onAbort;
    private final List<Part> parts = new ArrayList<>();
    private volatile Runnable onOutput = () -> {};
    private boolean aborted;
    private boolean finished;

    /**
     * @param onAbort told once, if it is aborted
     */
    Generation(LlmEngine engine, Consumer<AbortReason> onAbort) {
        this.engine = engine;
        this.onAbort = onAbort;
    }

    /** Who ended it before its time. */
    enum AbortReason {
        /** The client left. */
        DISCONNECT,
        /** The client took nothing for too long. */
        SLOW_READER
    }

    /** One prompt. */
    private static final class Part {
        final int prompt;
        final OutputBuffer outputs;
        Submission submission;
        int openChoices;
        int unread;

        Part(int prompt, int choices, Runnable onOutput) {
            this.prompt = prompt;
            openChoices = choices;
            outputs = new OutputBuffer(onOutput);
        }

        /** Next output; tells the engine when a buffer that may have been full is empty again. */
        RequestOutput poll() {
            var output = outputs.poll();
            if (output != null) {
                unread++;
                openChoices -= output.last() ? 1 : 0;
            } else if (unread >= OutputBuffer.LIMIT) {
                submission.resume();
                unread = 0;
            } else {
                unread = 0;
            }
            return output;
        }
    }

    /** Takes outputs. */
    @FunctionalInterface
    interface Sink {
        void take(int prompt, RequestOutput output);
    }

    /**
     * Submits every prompt, or none.
     *
     * @throws AdmissionException when the engine refuses one of them
     */
    synchronized void submit(List<GenerationRequest> requests) {
        try {
            for (var request : requests) {
                if (aborted) {
                    return;
                }
                var part = new Part(parts.size(), request.params().n(), () -> onOutput.run());
                part.submission = engine.submit(request, part.outputs);
                parts.add(part);
            }
        } catch (RuntimeException | Error refusal) {
            release();
            throw refusal;
        }
    }

    /** Ends it in whatever state it is; does nothing when it has ended. */
    synchronized void abort(AbortReason reason) {
        if (!aborted && !finished) {
            aborted = true;
            parts.forEach(part -> part.submission.abort());
            onAbort.accept(reason);
        }
    }

    void disconnected() {
        abort(AbortReason.DISCONNECT);
    }

    /** Ends what is left of it after an answer or a failure. */
    synchronized void release() {
        if (!finished) {
            finished = true;
            parts.stream()
                    .filter(part -> part.openChoices > 0)
                    .forEach(part -> part.submission.abort());
        }
    }

    synchronized boolean isAborted() {
        return aborted;
    }

    /**
     * @param action called on the engine's thread when there are outputs; must not block
     */
    void onOutput(Runnable action) {
        onOutput = action;
    }

    /** Hands the next output of each prompt to the sink; false when there was none. */
    boolean poll(Sink sink) {
        boolean any = false;
        for (var part : parts) {
            var output = part.poll();
            if (output != null) {
                any = true;
                sink.take(part.prompt, output);
            }
        }
        return any;
    }

    /** Whether every choice of every prompt has had its last output. */
    boolean isComplete() {
        return parts.stream().allMatch(part -> part.openChoices == 0);
    }
}
