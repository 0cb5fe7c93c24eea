package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;

/**
 * A model without weights that shows every mistake of the KV book-keeping. Each slot stores a hash
 * of its token, position and the slot before it; a row's hash folds all slots that its attention
 * reads, through the block table; the next token is made of that hash and the sampling key. A slot
 * aliased, stale, skipped or shared wrongly changes the tokens, so what a request generates must
 * equal what it generates alone.
 */
public final class HashExecutor implements ModelExecutor {
    private static final long UNWRITTEN = 0x0DDBA11L;

    private final int blockSize;
    private final int vocab;
    private final long[] slots;

    public HashExecutor(int numBlocks, int blockSize, int vocab) {
        this.blockSize = blockSize;
        this.vocab = vocab;
        slots = new long[numBlocks * blockSize];
        java.util.Arrays.fill(slots, UNWRITTEN);
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        write(batch);
        var sampled = new SampledToken[batch.rows().length];
        for (int i = 0; i < sampled.length; i++) {
            sampled[i] = sample(batch, batch.rows()[i]);
        }
        return masks -> sampled;
    }

    /** Writes the keys and values of all tokens before any is read, as a layer does. */
    private void write(ForwardBatch batch) {
        for (int s = 0; s < batch.numSequences(); s++) {
            for (int t = batch.queryStart()[s]; t < batch.queryStart()[s + 1]; t++) {
                int position = batch.positions()[t];
                slots[batch.slotMapping()[t]] = slotHash(batch.tokens()[t], position);
            }
        }
    }

    private static long slotHash(int token, int position) {
        return mix(token * 0x9E3779B97F4A7C15L + position);
    }

    private SampledToken sample(ForwardBatch batch, LogitsRow row) {
        int s = sequenceOf(batch, row.tokenIndex());
        long state = 1;
        for (int p = 0; p <= batch.positions()[row.tokenIndex()]; p++) {
            int slot = batch.blockTables()[s][p / blockSize] * blockSize + p % blockSize;
            state = mix(state * 31 + slots[slot]);
        }
        long key = row.seed() * 1_000_003 + row.choice() * 101L + row.outputIndex();
        int token =
                row.targetToken() != LogitsRow.SAMPLE
                        ? row.targetToken()
                        : allowed(mix(state + key), row.bannedTokens());
        float logprob = row.numLogprobs() < 0 ? 0 : -(float) (state >>> 40) / (1 << 24);
        return new SampledToken(token, logprob, new int[0], new float[0], true);
    }

    private int allowed(long hash, int[] banned) {
        int token = (int) Long.remainderUnsigned(hash, vocab);
        while (contains(banned, token)) {
            token = (token + 1) % vocab;
        }
        return token;
    }

    private static boolean contains(int[] tokens, int token) {
        for (int t : tokens) {
            if (t == token) {
                return true;
            }
        }
        return false;
    }

    private static int sequenceOf(ForwardBatch batch, int token) {
        int s = 0;
        while (batch.queryStart()[s + 1] <= token) {
            s++;
        }
        return s;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    @Override
    public void close() {}
}
