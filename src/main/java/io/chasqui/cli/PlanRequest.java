package io.chasqui.cli;

/**
 * What memory is planned for.
 *
 * @param kvElementBytes bytes of an element of the KV cache
 * @param context tokens of one request
 * @param utilization share of a GPU's memory that may be taken
 */
record PlanRequest(
        PlannedModel model,
        WeightFormat format,
        int kvElementBytes,
        int context,
        int maxNumSeqs,
        int maxNumBatchedTokens,
        int blockSize,
        double utilization) {

    PlanRequest withFormat(WeightFormat other) {
        return new PlanRequest(
                model,
                other,
                kvElementBytes,
                context,
                maxNumSeqs,
                maxNumBatchedTokens,
                blockSize,
                utilization);
    }

    PlanRequest withKvElementBytes(int bytes) {
        return new PlanRequest(
                model,
                format,
                bytes,
                context,
                maxNumSeqs,
                maxNumBatchedTokens,
                blockSize,
                utilization);
    }
}
