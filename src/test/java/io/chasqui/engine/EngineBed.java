package io.chasqui.engine;

import io.chasqui.backend.SamplerParams;
import io.chasqui.config.EngineConfig;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** An engine loop driven by hand, on a clock of its own. */
final class EngineBed {
    static final int EOS = 256;

    final EngineConfig config;
    final Admission admission;
    final EngineLoop loop;
    long now;

    EngineBed(EngineConfig config, ModelExecutor executor) {
        this(config, executor, EngineListener.NONE, 128);
    }

    EngineBed(EngineConfig config, ModelExecutor executor, EngineListener listener, int hashBits) {
        this.config = config.fittedToPool();
        admission = new Admission(this.config);
        loop =
                new EngineLoop(
                        this.config,
                        executor,
                        new ByteTokenizer("<end>"),
                        Set.of(EOS),
                        listener,
                        () -> now,
                        admission,
                        new BlockHasher(new byte[] {7}, config.blockSize(), hashBits));
    }

    static EngineConfig config(int numBlocks, int blockSize, int maxNumSeqs, int maxTokens) {
        return new EngineConfig(
                100_000,
                maxNumSeqs,
                maxTokens,
                numBlocks,
                blockSize,
                1_000_000,
                100_000_000,
                Duration.ofSeconds(30),
                true,
                true,
                3,
                Duration.ofMillis(500));
    }

    static SamplingParams params(int n, int maxTokens, long seed) {
        return new SamplingParams(
                n,
                maxTokens,
                0,
                List.of(),
                Set.of(),
                true,
                false,
                seed,
                -1,
                -1,
                SamplerParams.GREEDY);
    }

    static GenerationRequest request(String id, int[] prompt, SamplingParams params) {
        return new GenerationRequest(id, prompt, params, 0, "", "", null, null);
    }

    Answer submit(GenerationRequest request) {
        var answer = new Answer();
        answer.group = loop.newGroup(request, answer.buffer);
        admission.charge(request, 1);
        loop.add(answer.group);
        return answer;
    }

    /** Steps until nothing is left to do. */
    void run() {
        for (int i = 0; loop.hasWork(); i++) {
            if (i > 100_000) {
                throw new IllegalStateException("the engine does not finish");
            }
            now += 1_000_000;
            loop.step();
        }
    }

    /** What came out of one request. */
    static final class Answer {
        final OutputBuffer buffer = new OutputBuffer(() -> {});
        RequestGroup group;

        List<RequestOutput> drain() {
            var all = new ArrayList<RequestOutput>();
            for (var o = buffer.poll(); o != null; o = buffer.poll()) {
                all.add(o);
            }
            return all;
        }
    }

    static List<Integer> tokens(List<RequestOutput> outputs, int choice) {
        return outputs.stream()
                .filter(o -> o.choice() == choice)
                .flatMap(o -> o.tokens().stream())
                .map(TokenOutput::token)
                .toList();
    }

    static String text(List<RequestOutput> outputs, int choice) {
        var text = new StringBuilder();
        outputs.stream().filter(o -> o.choice() == choice).forEach(o -> text.append(o.text()));
        return text.toString();
    }
}
