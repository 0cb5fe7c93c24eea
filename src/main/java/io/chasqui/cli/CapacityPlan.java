package io.chasqui.cli;

import io.chasqui.backend.MemoryPlan;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.cuda.RankMemory;
import io.chasqui.engine.LlmEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What fits on a number of equal GPUs.
 *
 * @param gpu the GPU's name, or its memory in words
 * @param rank what each of them holds
 * @param memory how the memory of each is divided
 */
record CapacityPlan(PlanRequest request, String gpu, RankShape rank, MemoryPlan memory) {
    /** The most GPUs that a model is divided over. */
    static final int MOST_RANKS = 8;

    private static final List<WeightFormat> SMALLER =
            List.of(WeightFormat.BF16, WeightFormat.FP8, WeightFormat.INT4);

    /**
     * @param bytes memory of each GPU
     * @throws UserException if the model cannot be divided over so many
     */
    static CapacityPlan of(PlanRequest request, String gpu, long bytes, int ranks) {
        try {
            var config = request.model().config();
            var rank = new RankShape(config.shape(), ranks);
            var sizes = new RankMemory(rank, config.tiedHead());
            int layers = config.layers();
            var plan =
                    new MemoryPlan(
                            bytes,
                            (long) (bytes * request.utilization()),
                            sizes.weights(
                                    (matrix, layer) ->
                                            request.format().matrix(matrix, layer, layers)),
                            sizes.workspace(
                                    request.maxNumBatchedTokens(),
                                    LlmEngine.maxRows(request.maxNumSeqs())),
                            sizes.kvBytesPerToken(request.kvElementBytes()),
                            request.blockSize());
            return new CapacityPlan(request, gpu, rank, plan);
        } catch (IllegalArgumentException e) {
            throw new UserException("--tensor-parallel-size: " + e.getMessage() + ".");
        }
    }

    /** Whether at least one request of the length asked for fits. */
    boolean fits() {
        return contexts() > 0;
    }

    /** Requests of the length asked for that fit at once. */
    long contexts() {
        return memory.sequences(request.context());
    }

    /** Bytes of a checkpoint by the format's formula. */
    long checkpoint() {
        return request.format()
                .checkpoint(new RankShape(rank.model(), 1), request.model().config().tiedHead());
    }

    /** Single changes of the command line with which it would fit. */
    List<String> remedies() {
        var remedies = new ArrayList<String>();
        fewestGpus(request, gpu, memory.memory()).ifPresent(ranks -> remedies.add("--tp " + ranks));
        SMALLER.stream()
                .filter(format -> with(request.withFormat(format)).fits())
                .findFirst()
                .ifPresent(format -> remedies.add("--dtype " + format.label()));
        if (request.kvElementBytes() > 1 && with(request.withKvElementBytes(1)).fits()) {
            remedies.add("--kv-dtype fp8");
        }
        if (memory.poolTokens() > 0) {
            remedies.add("--context " + memory.poolTokens());
        }
        return remedies;
    }

    private CapacityPlan with(PlanRequest other) {
        return of(other, gpu, memory.memory(), rank.ranks());
    }

    /** The fewest GPUs on which one request fits, if up to {@value #MOST_RANKS} are enough. */
    static Optional<Integer> fewestGpus(PlanRequest request, String gpu, long bytes) {
        for (int ranks = 1; ranks <= MOST_RANKS; ranks *= 2) {
            try {
                if (of(request, gpu, bytes, ranks).fits()) {
                    return Optional.of(ranks);
                }
            } catch (UserException e) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }
}
