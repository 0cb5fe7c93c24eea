package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;

import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import java.util.Arrays;
import jcuda.driver.CUstream;

/**
 * What sampling leaves for the host: for each row a struct {@code SampledRow}, then for each row
 * the ids of the likeliest tokens, then their logprobs. Pinned memory for one step's.
 */
final class SamplingResults implements AutoCloseable {
    private static final int RESULT_BYTES = 4 * Integer.BYTES;
    private static final int TOP_BYTES = WorkspaceSizes.MAX_TOP * Integer.BYTES;

    /** Of one row, all parts together. */
    static final int ROW_BYTES = RESULT_BYTES + 2 * TOP_BYTES;

    private static final int[] NO_TOKENS = {};
    private static final float[] NO_LOGPROBS = {};

    private final int maxRows;
    private final PinnedMemory memory;

    SamplingResults(int maxRows) {
        this.maxRows = maxRows;
        memory = new PinnedMemory("results of sampling", Math.max(1, (long) maxRows * ROW_BYTES));
    }

    /** Offset of the likeliest tokens' ids. */
    static long topTokens(int maxRows) {
        return (long) maxRows * RESULT_BYTES;
    }

    /** Offset of their logprobs. */
    static long topLogprobs(int maxRows) {
        return topTokens(maxRows) + (long) maxRows * TOP_BYTES;
    }

    /** Starts the download of what these rows asked for. */
    void download(DeviceMemory results, LogitsRow[] rows, CUstream stream) {
        boolean top = Arrays.stream(rows).anyMatch(row -> row.numLogprobs() > 0);
        long bytes = top ? (long) maxRows * ROW_BYTES : (long) rows.length * RESULT_BYTES;
        CudaError.check(
                cuMemcpyDtoHAsync(
                        memory.pointer(), new DevicePointer(results.address()), bytes, stream),
                "reading sampled tokens");
    }

    /** The tokens, once the download is done. */
    SampledToken[] tokens(LogitsRow[] rows) {
        var tokens = new SampledToken[rows.length];
        for (int i = 0; i < rows.length; i++) {
            tokens[i] = token(i, rows[i].numLogprobs() >= 0);
        }
        return tokens;
    }

    private SampledToken token(int row, boolean logprobs) {
        long at = (long) row * RESULT_BYTES;
        int token = memory.getInt(at);
        boolean finite = memory.getInt(at + 8) != 0;
        if (!finite || !logprobs) {
            return new SampledToken(token, 0, NO_TOKENS, NO_LOGPROBS, finite);
        }
        int count = memory.getInt(at + 12);
        int[] ids = new int[count];
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            long offset = (long) row * TOP_BYTES + (long) i * Integer.BYTES;
            ids[i] = memory.getInt(topTokens(maxRows) + offset);
            values[i] = memory.getFloat(topLogprobs(maxRows) + offset);
        }
        return new SampledToken(token, memory.getFloat(at + 4), ids, values, true);
    }

    @Override
    public void close() {
        memory.close();
    }
}
