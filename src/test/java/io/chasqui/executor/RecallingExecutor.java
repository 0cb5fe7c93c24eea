package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;

/**
 * A model that repeats its prompt as its KV cache holds it: a slot keeps the token it was computed
 * from, and token {@code i} of the answer is the one in the slot of position {@code i}. A slot of
 * another request's is so another's text in the answer.
 */
public final class RecallingExecutor implements ModelExecutor {
    private final int blockSize;
    private final int[] slots;

    public RecallingExecutor(int numBlocks, int blockSize) {
        this.blockSize = blockSize;
        slots = new int[numBlocks * blockSize];
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        for (int t = 0; t < batch.numTokens(); t++) {
            slots[batch.slotMapping()[t]] = batch.tokens()[t];
        }
        var sampled = new SampledToken[batch.rows().length];
        int s = 0;
        for (int i = 0; i < sampled.length; i++) {
            var row = batch.rows()[i];
            while (batch.queryStart()[s + 1] <= row.tokenIndex()) {
                s++;
            }
            int position = row.outputIndex() % row.promptLength();
            int block = batch.blockTables()[s][position / blockSize];
            int token = slots[block * blockSize + position % blockSize];
            sampled[i] = new SampledToken(token, -1, new int[0], new float[0], true);
        }
        return masks -> () -> sampled;
    }

    @Override
    public void close() {}
}
