package io.chasqui.backend.cpu;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;
import io.chasqui.backend.ModelShape;

/**
 * The activations of a step. Allocated once for the largest batch and used again for every step, so
 * only the pass opened last is valid.
 */
final class CpuForwardPass implements ForwardPass {
    final ModelShape shape;
    final int maxTokens;
    final int maxRows;

    /** {@code [tokens, hidden]}. */
    final float[] residual;

    /** {@code [tokens, hidden]}: inputs of the projections, normalised. */
    final float[] normed;

    /** {@code [tokens, (heads + 2 · kvHeads) · headDim]}. */
    final float[] qkv;

    /** {@code [tokens, heads · headDim]}. */
    final float[] attention;

    /** {@code [tokens, 2 · ffn]}. */
    final float[] gateUp;

    /** {@code [tokens, ffn]}. */
    final float[] inner;

    /** {@code [rows, hidden]}: residual stream of the tokens whose logits are wanted. */
    final float[] rowInput;

    /** {@code [rows, vocab]}. */
    final float[] logits;

    /** {@code [tokens, headDim / 2]}: the rotation of each token's position. */
    final float[] cos;

    final float[] sin;

    /** Input of the product under way. */
    final PackedActivations packed;

    private ForwardBatch batch;

    CpuForwardPass(ModelShape shape, int maxTokens, int maxRows) {
        this.shape = shape;
        this.maxTokens = maxTokens;
        this.maxRows = maxRows;
        int heads = shape.heads() * shape.headDim();
        residual = floats("residual", maxTokens, shape.hidden());
        normed = floats("normed", Math.max(maxTokens, maxRows), shape.hidden());
        qkv = floats("qkv", maxTokens, qkvRows(shape));
        attention = floats("attention", maxTokens, heads);
        gateUp = floats("gate and up", maxTokens, 2 * shape.ffn());
        inner = floats("inner", maxTokens, shape.ffn());
        rowInput = floats("rows", maxRows, shape.hidden());
        logits = floats("logits", maxRows, shape.vocab());
        cos = floats("cos", maxTokens, shape.headDim() / 2);
        sin = floats("sin", maxTokens, shape.headDim() / 2);
        packed = new PackedActivations(Math.max(maxTokens, maxRows), widestInput(shape));
    }

    private static float[] floats(String name, int rows, int columns) {
        long size = (long) rows * columns;
        if (size > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    "%s [%d, %d] exceed an array: lower the number of batched tokens or sequences"
                            .formatted(name, rows, columns));
        }
        return new float[(int) size];
    }

    /** Most columns of a projection. */
    static int widestInput(ModelShape shape) {
        int heads = shape.heads() * shape.headDim();
        return Math.max(Math.max(shape.hidden(), heads), shape.ffn());
    }

    /** Width of a row of {@link #qkv}. */
    static int qkvRows(ModelShape shape) {
        return (shape.heads() + 2 * shape.kvHeads()) * shape.headDim();
    }

    void open(ForwardBatch next) {
        if (next.numTokens() > maxTokens || next.rows().length > maxRows) {
            throw new IllegalArgumentException(
                    "a batch of %d tokens and %d rows exceeds the workspace of %d and %d"
                            .formatted(next.numTokens(), next.rows().length, maxTokens, maxRows));
        }
        batch = next;
    }

    @Override
    public ForwardBatch batch() {
        return batch;
    }

    int tokens() {
        return batch.numTokens();
    }

    int rows() {
        return batch.rows().length;
    }
}
