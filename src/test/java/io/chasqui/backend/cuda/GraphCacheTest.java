package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.RandomModel;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.LlamaModel;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GraphCacheTest {
    private static final int BLOCK_SIZE = 16;
    private static final int MAX_ROWS = 20;

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theFirstStepRecordsAllThatLaterOnesNeed(int ranks) {
        var backend = EmulatedBackends.create(ranks, EmulatedBackends.USUAL);
        var emulator = CudaEmulator.load();
        try (var model = load(backend)) {
            model.sample(model.forward(decode(1)), null).await();
            assertEquals(3, graphs(backend), "8, 16 and 24 tokens");
            long allocations = emulator.allocations(0);
            for (int sequences = 1; sequences <= MAX_ROWS; sequences += 3) {
                model.sample(model.forward(decode(sequences)), null).await();
                backend.readResidual(model.forward(withoutRows(decode(sequences))));
            }
            assertEquals(3, graphs(backend));
            assertEquals(allocations, emulator.allocations(0));
        }
    }

    private static int graphs(CudaBackend backend) {
        return backend.ranks().first().graphs().size();
    }

    private static LlamaModel load(CudaBackend backend) {
        var shape = RandomModel.shape(1, 64, 4, 2, 16, 64, 64);
        var random = new RandomModel(shape, 11, true);
        var weights = random.pack(backend);
        backend.allocateWorkspace(shape, MAX_ROWS, MAX_ROWS);
        var cache = backend.allocateKvCache(shape, KvDType.BF16, MAX_ROWS, BLOCK_SIZE);
        return random.model(weights, backend, cache);
    }

    /** A token of each of so many sequences. */
    private static ForwardBatch decode(int sequences) {
        var slices = new Slice[sequences];
        for (int i = 0; i < sequences; i++) {
            var sequence = TestSequence.contiguous(new int[] {i}, i, BLOCK_SIZE, BLOCK_SIZE);
            slices[i] = Slice.lastRow(sequence, 1);
        }
        return TestSequence.batch(SamplerParams.GREEDY, -1, slices);
    }

    private static ForwardBatch withoutRows(ForwardBatch batch) {
        return new ForwardBatch(
                batch.tokens(),
                batch.positions(),
                batch.slotMapping(),
                batch.queryStart(),
                batch.seqLens(),
                batch.blockTables(),
                new LogitsRow[0]);
    }
}
