package io.chasqui.backend.cuda;

import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.VectorWeights;

/** The stages of one rank: each a launch or two. All methods are for the device's thread. */
final class CudaStages implements DecoderStages {
    private static final int THREADS = 128;

    private final int rank;
    private final RankShape shape;
    private final CudaDevice device;
    private final Workspace workspace;
    private final StepLayout layout;
    private final Peers peers;
    private final DeviceMemory frequencies;
    private final int multiprocessors;

    private final Kernel embedding;
    private final Kernel qkvProjection;
    private final Kernel pagedAttention;
    private final Kernel attentionCombine;
    private final Kernel residualProjection;
    private final Kernel allReduce;
    private final Kernel gateUp;
    private final Kernel lmHead;

    private int tokens;
    private int rows;

    CudaStages(CudaRank owner, StepLayout layout, Peers peers, DeviceMemory frequencies) {
        this.rank = owner.index();
        this.shape = owner.shape();
        this.device = owner.device();
        this.workspace = owner.workspace();
        this.layout = layout;
        this.peers = peers;
        this.frequencies = frequencies;
        this.multiprocessors = device.multiprocessors();
        var kernels = owner.kernels();
        embedding = kernels.plain("embedding");
        qkvProjection = kernels.plain("qkv_projection");
        pagedAttention = kernels.plain("paged_attention");
        attentionCombine = kernels.plain("attention_combine");
        residualProjection = kernels.plain("residual_projection");
        allReduce = peers.ranks() > 1 ? kernels.plain("all_reduce") : null;
        gateUp = kernels.plain("gate_up");
        lmHead = kernels.plain("lm_head");
    }

    /**
     * Prepares for a step.
     *
     * @param tokens that the grids are made for, at least those of the step
     * @param rows of logits, likewise
     */
    void begin(int tokens, int rows) {
        this.tokens = tokens;
        this.rows = rows;
    }

    @Override
    public void embed(LinearWeights table, VectorWeights norm) {
        var matrix = (CudaMatrix) table;
        var parameters = withStep(embedding);
        parameters.put(matrix.addresses(), Peers.MAX_RANKS);
        parameters.put(shape.ranks() == 1 ? matrix.rows() : shape.vocab());
        parameters.put(vector(norm));
        writeResidual(parameters);
        embedding.launch(device.stream(), tokens, 1, THREADS, 0);
    }

    @Override
    public void qkvProjection(LinearWeights qkv, KvCacheStorage kv, int layer) {
        var parameters = withNormedInput(qkvProjection);
        part(qkv).write(parameters);
        parameters.put(shape.heads());
        parameters.put(frequencies.address());
        parameters.put(workspace.queries.address());
        ((CudaKvCache) kv).write(rank, layer, parameters);
        launch(qkvProjection, part(qkv).rows() / 2, tokens);
    }

    @Override
    public void attention(KvCacheStorage kv, int layer) {
        writeAttention(pagedAttention, (CudaKvCache) kv, layer);
        pagedAttention.launch(device.stream(), 2 * multiprocessors, 1, THREADS, 0);
        writeAttention(attentionCombine, (CudaKvCache) kv, layer);
        attentionCombine.launch(device.stream(), 2 * multiprocessors, 1, THREADS, 0);
    }

    private void writeAttention(Kernel kernel, CudaKvCache kv, int layer) {
        var parameters = withStep(kernel);
        parameters.put(workspace.queries.address());
        kv.write(rank, layer, parameters);
        parameters.put(shape.heads());
        parameters.put(workspace.states.address());
        parameters.put(workspace.attention.address());
    }

    @Override
    public void outputProjection(LinearWeights output, VectorWeights norm) {
        addToResidual(workspace.attention, output, norm);
    }

    @Override
    public void gateUp(LinearWeights weights) {
        var parameters = withNormedInput(gateUp);
        part(weights).write(parameters);
        parameters.put(workspace.inner.address());
        launch(gateUp, part(weights).rows() / 2, tokens);
    }

    @Override
    public void down(LinearWeights down, VectorWeights norm) {
        addToResidual(workspace.inner, down, norm);
    }

    private void addToResidual(DeviceMemory in, LinearWeights weights, VectorWeights norm) {
        var parameters = withStep(residualProjection);
        parameters.put(in.address());
        part(weights).write(parameters);
        parameters.put(vector(norm));
        writeResidual(parameters);
        parameters.put(workspace.partial.address());
        launch(residualProjection, shape.model().hidden() / WorkspaceSizes.SQUARES_GROUP, tokens);
        if (allReduce != null) {
            reduce(norm);
        }
    }

    private void reduce(VectorWeights norm) {
        var parameters = withStep(allReduce);
        parameters.put(peers.partials(), Peers.MAX_RANKS);
        parameters.put(peers.reduced(), Peers.MAX_RANKS);
        parameters.put(peers.flags(), Peers.MAX_RANKS);
        parameters.put(rank);
        parameters.put(peers.ranks());
        parameters.put(vector(norm));
        writeResidual(parameters);
        allReduce.launch(device.stream(), 1, 1, THREADS, 0);
    }

    @Override
    public void lmHead(LinearWeights head) {
        var weights = part(head);
        if (rows == 0 || weights.rows() == 0) {
            return;
        }
        var parameters = withNormedInput(lmHead);
        weights.write(parameters);
        parameters.put(peers.logits());
        parameters.put(shape.model().vocab());
        parameters.put(rank * shape.vocab());
        launch(lmHead, weights.rows(), rows);
    }

    private ParameterBlock withStep(Kernel kernel) {
        var parameters = kernel.parameters();
        layout.write(workspace.step.address(), workspace.sampled.address(), parameters);
        return parameters;
    }

    private ParameterBlock withNormedInput(Kernel kernel) {
        var parameters = withStep(kernel);
        writeResidual(parameters);
        parameters.put(shape.model().normEps());
        return parameters.endStruct();
    }

    /** The struct {@code Residual}. */
    private void writeResidual(ParameterBlock parameters) {
        parameters
                .put(workspace.residual.address())
                .put(workspace.x.address())
                .put(workspace.squares.address())
                .put(shape.model().hidden())
                .endStruct();
    }

    private CudaMatrix.Part part(LinearWeights weights) {
        return ((CudaMatrix) weights).parts().get(rank);
    }

    private long vector(VectorWeights weights) {
        return ((CudaVector) weights).copies().get(rank).address();
    }

    /** One thread an element. */
    private void launch(Kernel kernel, int columns, int rows) {
        kernel.launch(device.stream(), Math.ceilDiv(columns, THREADS), rows, THREADS, 0);
    }
}
