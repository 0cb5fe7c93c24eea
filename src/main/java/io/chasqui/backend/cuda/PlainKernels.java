package io.chasqui.backend.cuda;

/** The plain kernels: a thread an element, and nothing tuned. */
final class PlainKernels implements StageKernels {
    private static final String SUFFIX = "_plain";
    private static final int THREADS = 128;

    private final Kernels kernels;
    private final int multiprocessors;

    PlainKernels(Kernels kernels, int multiprocessors) {
        this.kernels = kernels;
        this.multiprocessors = multiprocessors;
    }

    @Override
    public Launch embedding(int tokens) {
        return launch("embedding", tokens, 1);
    }

    @Override
    public Launch qkvProjection(int rows, int tokens) {
        return elements("qkv_projection", rows / 2, tokens);
    }

    @Override
    public Launch pagedAttention() {
        return launch("paged_attention", 2 * multiprocessors, 1);
    }

    @Override
    public Launch attentionCombine() {
        return launch("attention_combine", 2 * multiprocessors, 1);
    }

    @Override
    public Launch residualProjection(int rows, int tokens) {
        return elements("residual_projection", rows / WorkspaceSizes.SQUARES_GROUP, tokens);
    }

    @Override
    public Launch allReduce(int tokens) {
        return launch("all_reduce", 1, 1);
    }

    @Override
    public Launch gateUp(int rows, int tokens) {
        return elements("gate_up", rows / 2, tokens);
    }

    @Override
    public Launch lmHead(int rows, int logits) {
        return elements("lm_head", rows, logits);
    }

    @Override
    public Launch sampling(int logits) {
        return elements("sampling", logits, 1);
    }

    private Launch elements(String name, int columns, int rows) {
        return launch(name, Math.ceilDiv(columns, THREADS), rows);
    }

    private Launch launch(String name, int columns, int rows) {
        return new Launch(kernels.get(name + SUFFIX), columns, rows, THREADS, 0);
    }
}
