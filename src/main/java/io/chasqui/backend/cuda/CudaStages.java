package io.chasqui.backend.cuda;

import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.VectorWeights;
import jcuda.driver.CUstream;

/** The stages of one rank: each a launch or two. All methods are for the device's thread. */
final class CudaStages implements DecoderStages {
    private final int rank;
    private final RankShape shape;
    private final CUstream stream;
    private final Workspace workspace;
    private final StepLayout layout;
    private final Peers peers;
    private final DeviceMemory frequencies;
    private final StageKernels kernels;

    private int tokens;
    private int rows;

    CudaStages(CudaRank owner, StepLayout layout, Peers peers, DeviceMemory frequencies) {
        this.rank = owner.index();
        this.shape = owner.shape();
        this.stream = owner.device().stream();
        this.workspace = owner.workspace();
        this.layout = layout;
        this.peers = peers;
        this.frequencies = frequencies;
        this.kernels = owner.stageKernels();
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
        var launch = kernels.embedding(tokens);
        var parameters = withStep(launch);
        parameters.put(matrix.addresses(), Peers.MAX_RANKS);
        parameters.put(shape.ranks() == 1 ? matrix.rows() : shape.vocab());
        parameters.put(vector(norm));
        writeResidual(parameters);
        launch.run(stream);
    }

    @Override
    public void qkvProjection(LinearWeights qkv, KvCacheStorage kv, int layer) {
        var weights = part(qkv);
        var launch = kernels.qkvProjection(weights.rows(), tokens);
        var parameters = withNormedInput(launch);
        weights.write(parameters);
        parameters.put(shape.heads());
        parameters.put(frequencies.address());
        parameters.put(workspace.queries.address());
        ((CudaKvCache) kv).write(rank, layer, parameters);
        launch.run(stream);
    }

    @Override
    public void attention(KvCacheStorage kv, int layer) {
        attention(kernels.pagedAttention(), (CudaKvCache) kv, layer);
        attention(kernels.attentionCombine(), (CudaKvCache) kv, layer);
    }

    private void attention(StageKernels.Launch launch, CudaKvCache kv, int layer) {
        var parameters = withStep(launch);
        parameters.put(workspace.queries.address());
        kv.write(rank, layer, parameters);
        parameters.put(shape.heads());
        parameters.put(workspace.states.address());
        parameters.put(workspace.attention.address());
        launch.run(stream);
    }

    @Override
    public void outputProjection(LinearWeights output, VectorWeights norm) {
        addToResidual(workspace.attention, output, norm, 0);
    }

    @Override
    public void gateUp(LinearWeights gateUp) {
        var weights = part(gateUp);
        var launch = kernels.gateUp(weights.rows(), tokens);
        var parameters = withNormedInput(launch);
        weights.write(parameters);
        parameters.put(workspace.inner.address());
        launch.run(stream);
    }

    @Override
    public void down(LinearWeights down, VectorWeights norm) {
        addToResidual(workspace.inner, down, norm, 1);
    }

    /**
     * @param turn which buffer takes partial sums: peers may still read the last one's
     */
    private void addToResidual(
            DeviceMemory in, LinearWeights matrix, VectorWeights norm, int turn) {
        var weights = part(matrix);
        var launch = kernels.residualProjection(weights.rows(), tokens);
        var parameters = withStep(launch);
        parameters.put(in.address());
        weights.write(parameters);
        parameters.put(vector(norm));
        writeResidual(parameters);
        parameters.put(workspace.partial.get(turn).address());
        launch.run(stream);
        if (peers.ranks() > 1) {
            reduce(norm, turn);
        }
    }

    private void reduce(VectorWeights norm, int turn) {
        var launch = kernels.allReduce(tokens);
        var parameters = withStep(launch);
        parameters.put(peers.partials().get(turn), Peers.MAX_RANKS);
        parameters.put(peers.reduced(), Peers.MAX_RANKS);
        parameters.put(peers.flags(), Peers.MAX_RANKS);
        parameters.put(rank);
        parameters.put(peers.ranks());
        parameters.put(vector(norm));
        writeResidual(parameters);
        launch.run(stream);
    }

    @Override
    public void lmHead(LinearWeights head) {
        var weights = part(head);
        if (rows == 0 || weights.rows() == 0) {
            return;
        }
        var launch = kernels.lmHead(weights.rows(), rows);
        var parameters = withNormedInput(launch);
        weights.write(parameters);
        parameters.put(peers.logits());
        parameters.put(shape.model().vocab());
        parameters.put(rank * shape.vocab());
        launch.run(stream);
    }

    private ParameterBlock withStep(StageKernels.Launch launch) {
        var parameters = launch.parameters();
        layout.write(workspace.step.address(), workspace.sampled.address(), parameters);
        return parameters;
    }

    private ParameterBlock withNormedInput(StageKernels.Launch launch) {
        var parameters = withStep(launch);
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
}
