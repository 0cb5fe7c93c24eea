package io.chasqui.backend;

import io.chasqui.loader.LinearSource;
import java.util.List;
import java.util.Optional;

/**
 * What computes: one or more devices that hold weights and a KV cache and run the {@link
 * DecoderStages} over ragged batches.
 *
 * <p>Weights are opaque: a backend packs them once and keeps the layout. One thread at a time may
 * call a backend.
 */
public interface Backend extends AutoCloseable {

    /** Short name for logs, e.g. {@code cpu-vector-512}. */
    String name();

    /**
     * Packs matrices that read the same input into one, rows stacked in the order given (q, k, v;
     * or gate, up). All have the same number of columns; types may differ.
     *
     * @param shape of the model, whose heads say how rows may be ordered and shared out
     */
    LinearWeights packLinear(ModelShape shape, LinearRole role, List<LinearSource> stacked);

    /** Packs a vector of {@code float} (norm weights). */
    VectorWeights packVector(float[] values);

    /**
     * How the memory of each device is going to be divided; asked before anything is allocated.
     *
     * @param tiedHead whether the output head is the embedding
     * @param maxTokens most tokens in a batch
     * @param maxRows most logits rows in a batch
     * @param blockSize tokens in a block of the KV cache
     * @return empty for a backend that works in the memory of the machine
     * @throws IllegalArgumentException if the model cannot be divided over the devices; the message
     *     says why
     */
    default Optional<MemoryPlan> plan(
            ModelShape shape, boolean tiedHead, int maxTokens, int maxRows, int blockSize) {
        return Optional.empty();
    }

    /**
     * Allocates everything a step needs; nothing grows afterwards.
     *
     * @param maxTokens most tokens in a batch
     * @param maxRows most logits rows in a batch
     */
    void allocateWorkspace(ModelShape shape, int maxTokens, int maxRows);

    /**
     * Bytes that the KV cache takes for one token, in all layers and with the backend's padding.
     */
    long kvCacheBytesPerToken(ModelShape shape, KvDType dtype);

    /** Allocates the KV cache; its storage is zeroed. */
    KvCacheStorage allocateKvCache(ModelShape shape, KvDType dtype, int numBlocks, int blockSize);

    /**
     * Runs a model over a batch, or starts to: {@link #sample} and the {@code read} methods wait
     * for it.
     *
     * @return the pass, valid until the next one
     */
    ForwardPass forward(ForwardBatch batch, DecoderProgram program);

    /**
     * Whether a pass may begin before the tokens of the last one are read, so that its batch names
     * tokens by the row that sampled them. At most two passes are then under way.
     */
    boolean pipelined();

    /**
     * Begins to turn each row of logits into a token.
     *
     * @param masks per row, a bit set of allowed token ids, or null for all; the array itself may
     *     be null
     */
    PendingTokens sample(ForwardPass pass, long[][] masks);

    /** Copy of the residual stream, {@code [numTokens * hidden]}: for tests and diagnostics. */
    float[] readResidual(ForwardPass pass);

    /** Copy of the logits, {@code [rows][vocab]}: for tests and diagnostics. */
    float[][] readLogits(ForwardPass pass);

    @Override
    void close();
}
