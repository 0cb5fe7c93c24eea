package io.chasqui.model;

import io.chasqui.backend.KvDType;
import io.chasqui.backend.cuda.EmulatedBackends;
import io.chasqui.testing.TinyModel;
import org.junit.jupiter.api.Nested;

/** On emulated GPUs, whose activations are bf16. */
class CudaGoldenModelTest {
    @Nested
    class OneRank extends Contract {
        OneRank() {
            super(1, 0, 1, 6);
        }
    }

    @Nested
    class TwoRanks extends Contract {
        TwoRanks() {
            super(2, 1);
        }
    }

    abstract static class Contract extends GoldenModelContract {
        private final int ranks;
        private final int[] prompts;

        Contract(int ranks, int... prompts) {
            this.ranks = ranks;
            this.prompts = prompts;
        }

        @Override
        TinyModel load(String name) {
            var backend = EmulatedBackends.create(ranks, EmulatedBackends.USUAL);
            return TinyModel.golden(name, backend, KvDType.BF16, 64, TinyModel.BLOCK_SIZE);
        }

        @Override
        int[] prompts() {
            return prompts;
        }

        @Override
        double tolerance() {
            return 1.5e-2;
        }

        @Override
        float minMargin() {
            return 0.1f;
        }
    }
}
