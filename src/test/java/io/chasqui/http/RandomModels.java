package io.chasqui.http;

import io.chasqui.backend.KvDType;
import io.chasqui.backend.RandomModel;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.chat.ChatMlTemplate;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.LlmEngine;
import io.chasqui.executor.LocalExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * A small Llama with random weights on the CPU backend, in real engines: what it says is sampled.
 */
final class RandomModels {
    private static final int END = 257;
    private static final int VOCAB = 259;
    private static final int MAX_NUM_SEQS = 64;

    private static final int MAX_BATCHED_TOKENS = 128;
    private static final String[] SPECIALS = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};
    private static final RandomModel WEIGHTS =
            new RandomModel(RandomModel.shape(2, 32, 2, 2, 16, 64, VOCAB), 20, false);

    private RandomModels() {}

    /**
     * Serves it; every model served by this has the same weights.
     *
     * @param blocks size of its KV pool
     * @param prefixCaching whether prefixes are shared
     * @param between puts something between engine and model
     */
    static ServedModel serve(
            String id,
            int blocks,
            int blockSize,
            boolean prefixCaching,
            UnaryOperator<ModelExecutor> between) {
        var backend = CpuBackend.create(1, 0, false);
        var packed = WEIGHTS.pack(backend);
        backend.allocateWorkspace(
                WEIGHTS.shape, MAX_BATCHED_TOKENS, LlmEngine.maxRows(MAX_NUM_SEQS));
        var cache = backend.allocateKvCache(WEIGHTS.shape, KvDType.F32, blocks, blockSize);
        var executor = between.apply(new LocalExecutor(WEIGHTS.model(packed, backend, cache)));
        var tokenizer = new ByteTokenizer(SPECIALS);
        var engine =
                new LlmEngine(
                        config(blocks, blockSize, prefixCaching),
                        executor,
                        tokenizer,
                        Set.of(END),
                        EngineListener.NONE);
        engine.start();
        return new ServedModel(
                id,
                List.of(),
                engine,
                tokenizer,
                ChatMlTemplate.generic(),
                null,
                Set.of(END),
                GenerationDefaults.OPENAI,
                1_700_000_000,
                "fp_random");
    }

    /** Steps whose size depends on no clock. */
    private static EngineConfig config(int blocks, int blockSize, boolean prefixCaching) {
        return new EngineConfig(
                512,
                MAX_NUM_SEQS,
                MAX_BATCHED_TOKENS,
                blocks,
                blockSize,
                1000,
                100_000,
                Duration.ofMinutes(5),
                prefixCaching,
                true,
                1000,
                Duration.ofHours(1));
    }
}
