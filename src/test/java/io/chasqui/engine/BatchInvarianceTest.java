package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.KvDType;
import io.chasqui.backend.SamplerParams;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.config.EngineConfig;
import io.chasqui.executor.LocalExecutor;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.testing.SharedData;
import io.chasqui.testing.TinyModel;
import io.chasqui.tokenizer.ByteTokenizer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The promise that makes every other fault visible: what a request generates, down to the last bit
 * of its logprobs, is what it generates alone, whatever runs beside it, however its prompt is cut
 * into steps, after preemption, with or without hits in the prefix cache, on one worker or two.
 */
class BatchInvarianceTest {
    private static final int BLOCK_SIZE = 16;
    private static final int TRACES = Integer.getInteger("chasqui.invariance.traces", 4);

    /** Random requests: some share prefixes, some want logprobs of the prompt. */
    private record Trace(List<GenerationRequest> requests, List<Integer> arrivals, long seed) {}

    private static Trace trace(long seed, int vocab, int requests, int longest) {
        var random = new SplittableRandom(seed);
        int[] prefix = random.ints(3 * longest / 4, 0, vocab).toArray();
        var all = new ArrayList<GenerationRequest>();
        var arrivals = new ArrayList<Integer>();
        for (int i = 0; i < requests; i++) {
            int[] prompt = random.ints(1 + random.nextInt(longest), 0, vocab).toArray();
            int shared = random.nextBoolean() ? Math.min(prompt.length, prefix.length) : 0;
            System.arraycopy(prefix, 0, prompt, 0, shared);
            all.add(request(i, prompt, random));
            arrivals.add(random.nextInt(requests));
        }
        return new Trace(all, arrivals, seed);
    }

    private static GenerationRequest request(int i, int[] prompt, SplittableRandom random) {
        float temperature = random.nextInt(3) * 0.7f;
        var sampler =
                new SamplerParams(
                        temperature,
                        random.nextBoolean() ? 1 : 0.9f,
                        random.nextBoolean() ? 0 : 20,
                        0,
                        random.nextBoolean() ? 1 : 1.1f,
                        0,
                        random.nextBoolean() ? 0 : 0.3f,
                        new int[0],
                        new float[0]);
        var params =
                new SamplingParams(
                        1 + random.nextInt(2),
                        1 + random.nextInt(16),
                        0,
                        List.of(),
                        Set.of(),
                        true,
                        false,
                        random.nextLong(),
                        5,
                        random.nextInt(6) == 0 ? 2 : -1,
                        sampler);
        return new GenerationRequest("r" + i, prompt, params, 0, "", "", null, null);
    }

    private static EngineLoop loop(TinyModel model, EngineConfig config) {
        return new EngineLoop(
                config,
                new LocalExecutor(model.model()),
                new ByteTokenizer(model.config().vocab()),
                Set.of(),
                EngineListener.NONE,
                () -> 0,
                new Admission(config),
                new BlockHasher(new byte[] {1}, BLOCK_SIZE, 128));
    }

    private static EngineConfig config(int numBlocks, int maxNumSeqs, int maxTokens) {
        return new EngineConfig(
                numBlocks * BLOCK_SIZE,
                maxNumSeqs,
                maxTokens,
                numBlocks,
                BLOCK_SIZE,
                1000,
                1_000_000,
                Duration.ofHours(1),
                true,
                true,
                3,
                Duration.ofHours(1));
    }

    /**
     * Runs requests, each entering at its step; returns what came out of each as one string of
     * bits.
     */
    private static List<String> run(EngineLoop loop, Trace trace) {
        var buffers = new ArrayList<OutputBuffer>();
        var groups = new ArrayList<RequestGroup>();
        for (var request : trace.requests()) {
            buffers.add(new OutputBuffer(() -> {}));
            groups.add(new RequestGroup(request, buffers.getLast(), 0));
        }
        int last = trace.arrivals().stream().mapToInt(Integer::intValue).max().orElse(0);
        for (int step = 0; step <= last || loop.hasWork(); step++) {
            assertTrue(step < 100_000, "the engine does not finish");
            for (int i = 0; i < groups.size(); i++) {
                if (trace.arrivals().get(i) == step) {
                    loop.add(groups.get(i));
                }
            }
            loop.step();
        }
        return buffers.stream().map(BatchInvarianceTest::bits).toList();
    }

    private static String bits(OutputBuffer buffer) {
        var perChoice = new java.util.TreeMap<Integer, StringBuilder>();
        for (var o = buffer.poll(); o != null; o = buffer.poll()) {
            var out = perChoice.computeIfAbsent(o.choice(), c -> new StringBuilder());
            if (o.promptTokens() != null) {
                o.promptTokens().forEach(t -> append(out, t));
            }
            o.tokens().forEach(t -> append(out, t));
            out.append(o.error() == null ? "" : o.error().toString());
        }
        return perChoice.toString();
    }

    private static void append(StringBuilder out, TokenOutput token) {
        out.append(token.token()).append(':').append(hex(token.logprob()));
        for (int i = 0; i < token.topTokens().length; i++) {
            out.append(',').append(token.topTokens()[i]).append('=');
            out.append(hex(token.topLogprobs()[i]));
        }
        out.append(' ');
    }

    private static String hex(float f) {
        return Integer.toHexString(Float.floatToRawIntBits(f));
    }

    private static Trace alone(Trace trace, int i) {
        return new Trace(List.of(trace.requests().get(i)), List.of(0), trace.seed());
    }

    private static void checkTraces(Path path, KvDType dtype, int requests, int longest) {
        long first = Long.getLong("chasqui.invariance.seed", System.nanoTime() & 0xffff);
        int traces = 0;
        for (long seed = first; seed < first + TRACES; seed++) {
            var random = new SplittableRandom(seed);
            int pool = longest / BLOCK_SIZE + 4 + random.nextInt(6);
            try (var one = load(path, 1, dtype, 512);
                    var two = load(path, 2, dtype, pool)) {
                var trace = trace(seed, one.config().vocab(), requests, longest);
                var quiet = new ArrayList<String>();
                for (int i = 0; i < requests; i++) {
                    quiet.addAll(run(loop(one, config(512, 64, 512)), alone(trace, i)));
                }
                var busyLoop =
                        loop(two, config(pool, 2 + random.nextInt(12), 8 + random.nextInt(120)));
                var busy = run(busyLoop, trace);
                for (int i = 0; i < requests; i++) {
                    assertEquals(
                            quiet.get(i),
                            busy.get(i),
                            "request " + i + "; replay with -Dchasqui.invariance.seed=" + seed);
                }
                traces++;
            }
        }
        System.out.printf(
                "batch invariance: %s, %s KV: %d traces of %d requests from seed %d, equal to the bit%n",
                path.getFileName(), dtype, traces, requests, first);
    }

    private static TinyModel load(Path path, int threads, KvDType dtype, int blocks) {
        return TinyModel.load(
                path, CpuBackend.create(threads, 0, false), dtype, blocks, BLOCK_SIZE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"tiny-llama31-f32", "tiny-llama31-bf16", "tiny-llama32-tied-bf16-sharded"})
    void goldenModels(String name) {
        checkTraces(SharedData.path("golden/" + name), KvDType.F32, 12, 120);
        checkTraces(SharedData.path("golden/" + name), KvDType.BF16, 12, 120);
    }

    @Test
    void defaultModel() {
        checkTraces(SharedData.defaultModel(), KvDType.BF16, 10, 150);
    }
}
