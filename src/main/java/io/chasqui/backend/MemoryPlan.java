package io.chasqui.backend;

import java.util.Locale;

/**
 * How the memory of one device is divided, in bytes, before anything is allocated: weights and
 * workspace are what they are, the KV cache gets the rest.
 *
 * @param memory all that the device has
 * @param usable the part of it that may be taken
 * @param weights packed weights of the device's rank
 * @param workspace activations and step buffers
 * @param kvBytesPerToken keys and values of one token in all layers
 * @param blockSize tokens in a block
 */
public record MemoryPlan(
        long memory,
        long usable,
        long weights,
        long workspace,
        long kvBytesPerToken,
        int blockSize) {

    /** What is left for the KV cache; negative when weights and workspace alone are too much. */
    public long kvCache() {
        return usable - weights - workspace;
    }

    /** Blocks of the KV cache. */
    public long blocks() {
        return Math.max(0, kvCache() / blockBytes());
    }

    public long blockBytes() {
        return kvBytesPerToken * blockSize;
    }

    /** Tokens that the KV cache holds. */
    public long poolTokens() {
        return blocks() * blockSize;
    }

    /** Sequences of {@code length} tokens that the KV cache holds at once. */
    public long sequences(long length) {
        return blocks() / blocksOf(length);
    }

    /** Bytes of one sequence of {@code length} tokens, whole blocks. */
    public long sequenceBytes(long length) {
        return blocksOf(length) * blockBytes();
    }

    /** Bytes that are missing for one sequence of {@code length} tokens; 0 when there are none. */
    public long missing(long length) {
        return Math.max(0, sequenceBytes(length) - kvCache());
    }

    /** What one sequence of {@code length} tokens takes beside what there is, in a sentence. */
    public String arithmetic(long length) {
        return String.format(
                Locale.ROOT,
                "weights %.2f + workspace %.2f + KV cache of %,d tokens %.2f = %.2f GiB, and %.2f of"
                        + " %.2f GiB are usable",
                gib(weights),
                gib(workspace),
                length,
                gib(sequenceBytes(length)),
                gib(weights + workspace + sequenceBytes(length)),
                gib(usable),
                gib(memory));
    }

    private static double gib(long bytes) {
        return bytes / 0x1p30;
    }

    private long blocksOf(long length) {
        return (length + blockSize - 1) / blockSize;
    }
}
