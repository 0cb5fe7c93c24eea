package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;

/**
 * A model that repeats the last turn of its prompt, so that the one who asks chooses the answer.
 * The prompt is ChatML and ends where the answer begins.
 */
public final class ParrotExecutor implements ModelExecutor {
    private final int turnStart;
    private final int turnEnd;

    /**
     * @param turnStart id of {@code <|im_start|>}
     * @param turnEnd id of {@code <|im_end|>}
     */
    public ParrotExecutor(int turnStart, int turnEnd) {
        this.turnStart = turnStart;
        this.turnEnd = turnEnd;
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        var sampled = new SampledToken[batch.rows().length];
        for (int i = 0; i < sampled.length; i++) {
            sampled[i] = answer(batch.rows()[i]);
        }
        return masks -> () -> sampled;
    }

    private SampledToken answer(LogitsRow row) {
        int[] prompt = row.history();
        int end = lastIndexOf(turnEnd, prompt, row.promptLength());
        int text = lastIndexOf(turnStart, prompt, end) + 1;
        while (prompt[text] != '\n') {
            text++;
        }
        int at = text + 1 + row.outputIndex();
        int token = at < end ? prompt[at] : turnEnd;
        return new SampledToken(token, -0.5f, new int[0], new float[0], true);
    }

    private static int lastIndexOf(int token, int[] tokens, int end) {
        int i = end - 1;
        while (tokens[i] != token) {
            i--;
        }
        return i;
    }

    @Override
    public void close() {}
}
