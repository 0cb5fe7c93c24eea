package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * A model without weights that shows every mistake of the KV book-keeping. Each slot stores a hash
 * of its token, its position and the slot before it; a row's hash folds all slots that its
 * attention reads, through the block table; the next token is made of that hash, the history and
 * the sampling key. A slot aliased, stale, skipped or shared wrongly changes the tokens, so what a
 * request generates must equal what it generates alone.
 */
public final class HashExecutor implements ModelExecutor {
    /** State before the first slot is read, and the slot before the first. */
    public static final long ROOT = 1;

    private static final long GARBAGE = 0x0DDBA11L;
    private static final int[] NO_TOKENS = {};
    private static final float[] NO_LOGPROBS = {};

    private final int blockSize;
    private final int[] alphabet;
    private final long[] slots;

    /** Tokens of the last pass, by row, which the next may name. */
    private SampledToken[] lastSampled = {};

    /** Samples the tokens 0 to {@code vocab - 1}. */
    public HashExecutor(int numBlocks, int blockSize, int vocab) {
        this(numBlocks, blockSize, IntStream.range(0, vocab).toArray());
    }

    /**
     * @param alphabet the tokens that can be sampled
     */
    public HashExecutor(int numBlocks, int blockSize, int[] alphabet) {
        this.blockSize = blockSize;
        this.alphabet = alphabet.clone();
        slots = new long[numBlocks * blockSize];
        Arrays.fill(slots, GARBAGE);
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        for (int s = 0; s < batch.numSequences(); s++) {
            write(batch, s);
        }
        var rows = batch.rows();
        var states = new long[rows.length];
        var histories = new int[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            states[i] = attend(batch, rows[i].tokenIndex());
            histories[i] = history(rows[i]);
        }
        return masks -> {
            var sampled = new SampledToken[rows.length];
            for (int i = 0; i < sampled.length; i++) {
                int[] tokens =
                        masks == null || masks[i] == null ? alphabet : allowed(masks[i], alphabet);
                sampled[i] = answer(rows[i], histories[i], states[i], tokens);
            }
            lastSampled = sampled;
            return () -> sampled;
        };
    }

    /** Of an alphabet the tokens that a mask allows; if there are none, all it allows. */
    public static int[] allowed(long[] mask, int[] alphabet) {
        var bits = BitSet.valueOf(mask);
        int[] known = Arrays.stream(alphabet).filter(bits::get).toArray();
        return known.length > 0 ? known : bits.stream().toArray();
    }

    private int token(int idOrRow) {
        return idOrRow >= 0 ? idOrRow : lastSampled[-1 - idOrRow].token();
    }

    private int[] history(LogitsRow row) {
        int[] history = Arrays.copyOf(row.history(), row.historyLength());
        Arrays.setAll(history, i -> token(history[i]));
        return history;
    }

    /**
     * Writes a sequence's slots. Sequences come in the order of the batch, and one that shares a
     * block written in the same step comes after the one that writes it.
     */
    private void write(ForwardBatch batch, int s) {
        for (int t = batch.queryStart()[s]; t < batch.queryStart()[s + 1]; t++) {
            int position = batch.positions()[t];
            long previous = position == 0 ? ROOT : slots[slot(batch, s, position - 1)];
            slots[batch.slotMapping()[t]] = slotHash(previous, token(batch.tokens()[t]), position);
        }
    }

    private long attend(ForwardBatch batch, int token) {
        int s = 0;
        while (batch.queryStart()[s + 1] <= token) {
            s++;
        }
        long state = ROOT;
        for (int p = 0; p <= batch.positions()[token]; p++) {
            state = fold(state, slots[slot(batch, s, p)]);
        }
        return state;
    }

    private int slot(ForwardBatch batch, int s, int position) {
        return batch.blockTables()[s][position / blockSize] * blockSize + position % blockSize;
    }

    /** Makes a block's content useless, as whatever reuses its memory would. */
    public void forget(int block) {
        Arrays.fill(slots, block * blockSize, (block + 1) * blockSize, GARBAGE);
    }

    /** What a forward pass may leave behind that fails halfway: garbage in the slots it writes. */
    public void scribble(ForwardBatch batch) {
        for (int slot : batch.slotMapping()) {
            slots[slot] = GARBAGE;
        }
    }

    /** Content of the slot of a token. */
    public static long slotHash(long previous, int token, int position) {
        return mix(previous * 31 + token * 0x9E3779B97F4A7C15L + position);
    }

    /** What attention knows after one more slot. */
    public static long fold(long state, long slot) {
        return mix(state * 31 + slot);
    }

    /** The token of a row, given the request's tokens so far and what its attention has read. */
    public static SampledToken answer(LogitsRow row, int[] history, long state, int[] alphabet) {
        float logprob = row.numLogprobs() < 0 ? 0 : -(float) (state >>> 40) / (1 << 24);
        int token =
                row.targetToken() != LogitsRow.SAMPLE
                        ? row.targetToken()
                        : allowed(mix(state + key(row, history)), alphabet, row.bannedTokens());
        return new SampledToken(token, logprob, NO_TOKENS, NO_LOGPROBS, true);
    }

    private static long key(LogitsRow row, int[] history) {
        long hash = row.promptLength();
        for (int token : history) {
            hash = hash * 31 + token;
        }
        return mix(hash) + row.seed() * 1_000_003 + row.choice() * 101L + row.outputIndex();
    }

    private static int allowed(long hash, int[] alphabet, int[] banned) {
        int i = (int) Long.remainderUnsigned(hash, alphabet.length);
        while (contains(banned, alphabet[i])) {
            i = (i + 1) % alphabet.length;
        }
        return alphabet[i];
    }

    private static boolean contains(int[] tokens, int token) {
        for (int t : tokens) {
            if (t == token) {
                return true;
            }
        }
        return false;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    @Override
    public void close() {}
}
