package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import java.util.List;

/** The inputs of one step in pinned memory, laid out as on the devices: one copy uploads them. */
final class StepBuffer implements AutoCloseable {
    private static final int NO_LIST = -1;

    private final StepLayout layout;
    private final PinnedMemory memory;
    private final TokenCounts counts;
    private final List<CudaEvent> uploaded;
    private long end;
    private ForwardBatch batch;
    private boolean taken = true;

    /**
     * @param uploaded for each rank the event of its upload
     */
    StepBuffer(StepLayout layout, int vocab, List<CudaEvent> uploaded) {
        this.layout = layout;
        this.uploaded = uploaded;
        memory = new PinnedMemory("step inputs", layout.bytes());
        counts = new TokenCounts(vocab);
    }

    PinnedMemory memory() {
        return memory;
    }

    /** Whether all ranks are known to have taken the last step written, so that another may be. */
    boolean isTaken() {
        return taken;
    }

    /** Notes that work behind this step's upload is done. */
    void setTaken(ForwardBatch step) {
        taken |= step == batch;
    }

    /** When a rank has taken the last step written. */
    CudaEvent uploaded(int rank) {
        return uploaded.get(rank);
    }

    /** Bytes to upload. */
    long bytes() {
        return end;
    }

    /**
     * Writes a step down.
     *
     * @throws IllegalArgumentException if block tables and lists exceed their room
     */
    void write(ForwardBatch next, AttentionPlanner plan) {
        taken = false;
        batch = next;
        end = layout.tail();
        int tokens = batch.numTokens();
        memory.put(0, tokens);
        memory.put(4, batch.numSequences());
        memory.put(8, batch.rows().length);
        memory.put(12, plan.workCount());
        memory.put(16, plan.combineCount());
        memory.put(layout.tokens(), batch.tokens(), tokens);
        memory.put(layout.positions(), batch.positions(), tokens);
        memory.put(layout.slots(), batch.slotMapping(), tokens);
        memory.put(layout.seqLens(), batch.seqLens(), batch.numSequences());
        memory.put(layout.attentionWork(), plan.work(), 6 * plan.workCount());
        memory.put(layout.combineWork(), plan.combine(), 4 * plan.combineCount());
        for (int s = 0; s < batch.numSequences(); s++) {
            int[] table = batch.blockTables()[s];
            memory.put(layout.blockStart() + 4L * s, append(table, table.length));
        }
        for (int i = 0; i < batch.rows().length; i++) {
            writeRow(i, batch.rows()[i]);
        }
    }

    /** The struct {@code SampleRow}. */
    private void writeRow(int slot, LogitsRow row) {
        var params = row.params();
        long at = layout.rows() + (long) slot * StepLayout.ROW_BYTES;
        memory.put(at, row.tokenIndex());
        memory.put(at + 4, row.targetToken());
        memory.put(at + 8, slot);
        memory.put(at + 12, params.temperature());
        memory.put(at + 16, params.topP());
        memory.put(at + 20, params.topK());
        memory.put(at + 24, params.minP());
        memory.put(at + 28, params.repetitionPenalty());
        memory.put(at + 32, params.presencePenalty());
        memory.put(at + 36, params.frequencyPenalty());
        memory.put(at + 40, bias(params.biasIds(), params.biasValues()));
        memory.put(at + 44, banned(row.bannedTokens()));
        memory.put(at + 48, penalised(row));
        memory.put(at + 52, row.numLogprobs());
        memory.put(at + 56, (int) row.seed());
        memory.put(at + 60, (int) (row.seed() >>> 32));
        memory.put(at + 64, row.choice());
        memory.put(at + 68, row.outputIndex());
    }

    private int bias(int[] ids, float[] values) {
        if (ids.length == 0) {
            return NO_LIST;
        }
        int at = append(ids.length);
        append(ids, ids.length);
        for (float value : values) {
            append(Float.floatToRawIntBits(value));
        }
        return at;
    }

    private int banned(int[] ids) {
        if (ids.length == 0) {
            return NO_LIST;
        }
        int at = append(ids.length);
        append(ids, ids.length);
        return at;
    }

    private int penalised(LogitsRow row) {
        var params = row.params();
        if (params.repetitionPenalty() == 1
                && params.presencePenalty() == 0
                && params.frequencyPenalty() == 0) {
            return NO_LIST;
        }
        counts.count(row);
        int at = append(counts.size());
        append(counts.ids(), counts.size());
        append(counts.counts(), counts.size());
        return at;
    }

    /** Appends to the tail; returns the index where. */
    private int append(int value) {
        int at = tailIndex(1);
        memory.put(end, value);
        end += Integer.BYTES;
        return at;
    }

    private int append(int[] values, int count) {
        int at = tailIndex(count);
        memory.put(end, values, count);
        end += (long) count * Integer.BYTES;
        return at;
    }

    private int tailIndex(int count) {
        if (end + (long) count * Integer.BYTES > layout.bytes()) {
            throw new IllegalArgumentException(
                    "block tables and token lists of a step exceed %d bytes"
                            .formatted(layout.bytes() - layout.tail()));
        }
        return (int) ((end - layout.tail()) / Integer.BYTES);
    }

    @Override
    public void close() {
        memory.close();
    }
}
