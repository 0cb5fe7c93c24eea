package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The sampling kernel with the memory it needs, for rows of logits of one vocabulary. */
final class SamplingRig implements AutoCloseable {
    private static final int COPIES = 2;

    private final CudaDevice device;
    private final Kernel kernel;
    private final int vocab;
    private final int maxRows;
    private final StepLayout layout;
    private final AttentionPlanner noAttention;
    private final StepBuffer inputs;
    private final SamplingResults results;
    private final DeviceMemory step;
    private final DeviceMemory logits;
    private final DeviceMemory masks;
    private final DeviceMemory scratch;
    private final DeviceMemory sampled;
    private final DeviceMemory resultMemory;

    /** To be called on the device's thread, as all methods. */
    SamplingRig(CudaDevice device, Kernel kernel, int vocab, int maxRows) {
        this.device = device;
        this.kernel = kernel;
        this.vocab = vocab;
        this.maxRows = maxRows;
        layout = StepLayout.of(maxRows, maxRows, vocab);
        noAttention = new AttentionPlanner(1, 1, 1, 16, maxRows);
        inputs = new StepBuffer(layout, vocab, java.util.List.of());
        results = new SamplingResults(maxRows);
        step = DeviceMemory.allocate("step inputs", layout.bytes());
        logits = DeviceMemory.allocate("logits", (long) maxRows * vocab * Float.BYTES);
        masks = DeviceMemory.allocate("masks", maxRows * WorkspaceSizes.maskBytes(vocab));
        scratch = DeviceMemory.allocate("scratch", maxRows * WorkspaceSizes.scratchBytes(vocab));
        sampled = DeviceMemory.allocate("sampled", (long) COPIES * maxRows * Integer.BYTES);
        resultMemory = DeviceMemory.allocate("results", (long) maxRows * SamplingResults.ROW_BYTES);
    }

    /**
     * Samples rows.
     *
     * @param rowMasks a bit set a row, null for all ids; null for no masks
     * @param blocks at least the number of rows
     */
    SampledToken[] sample(
            float[][] rowLogits, LogitsRow[] rows, long[][] rowMasks, int blocks, int threads) {
        inputs.write(batch(rows), noAttention);
        step.write(0, inputs.memory().segment().asSlice(0, inputs.bytes()));
        try (var arena = Arena.ofConfined()) {
            for (int i = 0; i < rows.length; i++) {
                logits.write(
                        (long) i * vocab * Float.BYTES,
                        arena.allocateFrom(ValueLayout.JAVA_FLOAT, rowLogits[i]));
                if (rowMasks != null) {
                    masks.write(i * WorkspaceSizes.maskBytes(vocab), maskWords(rowMasks[i], arena));
                }
            }
        }
        writeParameters(rowMasks != null);
        kernel.launch(device.stream(), blocks, 1, threads, 0);
        results.download(resultMemory, rows, device.stream());
        device.synchronize();
        return results.tokens(rows);
    }

    private MemorySegment maskWords(long[] mask, Arena arena) {
        var words = arena.allocate(WorkspaceSizes.maskBytes(vocab), Long.BYTES);
        if (mask == null) {
            return words.fill((byte) -1);
        }
        MemorySegment.copy(MemorySegment.ofArray(mask), 0, words, 0, words.byteSize());
        return words;
    }

    private void writeParameters(boolean masked) {
        var parameters = kernel.parameters();
        layout.write(step.address(), sampled.address(), parameters);
        long result = resultMemory.address();
        parameters
                .put(logits.address())
                .put(vocab)
                .put(masked ? masks.address() : 0L)
                .put((int) (WorkspaceSizes.maskBytes(vocab) / Integer.BYTES))
                .put(scratch.address())
                .put((int) WorkspaceSizes.scratchBytes(vocab))
                .put(result)
                .put(result + SamplingResults.topTokens(maxRows))
                .put(result + SamplingResults.topLogprobs(maxRows))
                .put(new long[] {sampledCopy(0), sampledCopy(1)}, Peers.MAX_RANKS);
    }

    private long sampledCopy(int rank) {
        return sampled.address() + (long) rank * maxRows * Integer.BYTES;
    }

    /** What the kernel told a rank. */
    int[] sampledOnRank(int rank, int rows) {
        try (var arena = Arena.ofConfined()) {
            var ids = arena.allocate(ValueLayout.JAVA_INT, rows);
            sampled.read((long) rank * maxRows * Integer.BYTES, ids);
            return ids.toArray(ValueLayout.JAVA_INT);
        }
    }

    private static ForwardBatch batch(LogitsRow[] rows) {
        int n = rows.length;
        int[] queryStart = new int[n + 1];
        for (int i = 0; i < n; i++) {
            queryStart[i + 1] = i + 1;
        }
        return new ForwardBatch(
                new int[n], new int[n], new int[n], queryStart, new int[n], new int[n][0], rows);
    }

    @Override
    public void close() {
        inputs.close();
        results.close();
        for (var memory :
                new DeviceMemory[] {step, logits, masks, scratch, sampled, resultMemory}) {
            memory.close();
        }
    }
}
