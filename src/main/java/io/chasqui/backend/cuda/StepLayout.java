package io.chasqui.backend.cuda;

/**
 * Where the inputs of a step lie in their buffer, as byte offsets: those of {@code StepInputs} in
 * {@code params.cuh}, each with room for the largest step, at the end one array for the block
 * tables and the lists of the rows.
 */
record StepLayout(
        long tokens,
        long positions,
        long slots,
        long seqLens,
        long blockStart,
        long rows,
        long attentionWork,
        long combineWork,
        long tail,
        long bytes) {

    static final int ROW_BYTES = 18 * Integer.BYTES;
    static final int ATTENTION_WORK_BYTES = 6 * Integer.BYTES;
    static final int COMBINE_WORK_BYTES = 4 * Integer.BYTES;

    private static final long COUNTS_BYTES = 32;
    private static final long ALIGNMENT = 16;

    /** Block ids of a row's sequence, or elements of its lists: most of all rows together. */
    private static final int TAIL_INTS_PER_ROW = 4096;

    /**
     * @param maxTokens most tokens, and sequences
     * @param maxRows most rows of logits
     * @param vocab ids that the lists of one row can hold
     */
    static StepLayout of(int maxTokens, int maxRows, int vocab) {
        var offsets =
                new Object() {
                    long end = COUNTS_BYTES;

                    long next(long count, int bytes) {
                        long at = end;
                        end = (at + count * bytes + ALIGNMENT - 1) & -ALIGNMENT;
                        return at;
                    }
                };
        int work = AttentionPlanner.maxWork(maxTokens);
        long tailInts = (long) maxRows * TAIL_INTS_PER_ROW + 4L * vocab;
        return new StepLayout(
                offsets.next(maxTokens, Integer.BYTES),
                offsets.next(maxTokens, Integer.BYTES),
                offsets.next(maxTokens, Integer.BYTES),
                offsets.next(maxTokens, Integer.BYTES),
                offsets.next(maxTokens, Integer.BYTES),
                offsets.next(maxRows, ROW_BYTES),
                offsets.next(work, ATTENTION_WORK_BYTES),
                offsets.next(work, COMBINE_WORK_BYTES),
                offsets.next(tailInts, Integer.BYTES),
                offsets.end);
    }

    /**
     * Writes the struct {@code StepInputs}.
     *
     * @param buffer address of the step's buffer on the device
     * @param sampled address of the tokens that the last step sampled
     */
    void write(long buffer, long sampled, ParameterBlock parameters) {
        parameters
                .put(buffer)
                .put(buffer + tokens)
                .put(buffer + positions)
                .put(buffer + slots)
                .put(buffer + seqLens)
                .put(buffer + blockStart)
                .put(buffer + tail)
                .put(buffer + rows)
                .put(buffer + attentionWork)
                .put(buffer + combineWork)
                .put(buffer + tail)
                .put(sampled);
    }
}
