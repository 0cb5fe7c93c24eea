package io.chasqui.engine;

import io.chasqui.backend.SamplerParams;
import io.chasqui.engine.SchedulerOutput.Scheduled;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.testing.ByteTokenizer;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/** An engine loop with 64 requests whose prompts are computed and whose answers have begun. */
final class DecodingRequests {
    static final int RUNNING = 64;
    static final int CONTEXT = 1000;
    static final int BLOCK_SIZE = 16;
    static final int MAX_TOKENS = 8192;

    /** Steps that there is room for. */
    static final int STEPS = 200;

    private static final int ROOM = CONTEXT + STEPS + 10 * BLOCK_SIZE;
    static final int BLOCKS = RUNNING * ROOM / BLOCK_SIZE + RUNNING;

    private static final SamplerParams SAMPLER =
            new SamplerParams(0.6f, 0.9f, 0, 0, 1, 0, 0, new int[0], new float[0]);

    final EngineLoop loop;

    DecodingRequests(ModelExecutor executor, SplittableRandom random) {
        var config = EngineBed.config(BLOCKS, BLOCK_SIZE, RUNNING, MAX_TOKENS).fittedToPool();
        var admission = new Admission(config);
        loop =
                new EngineLoop(
                        config,
                        executor,
                        new ByteTokenizer("<end>"),
                        Set.of(EngineBed.EOS),
                        EngineListener.NONE,
                        System::nanoTime,
                        admission,
                        new BlockHasher(new byte[] {7}, BLOCK_SIZE, 128));
        for (int i = 0; i < RUNNING; i++) {
            var prompt = random.ints(CONTEXT, 0, 256).toArray();
            var request = EngineBed.request("r" + i, prompt, params(i));
            admission.charge(request, 1);
            loop.add(loop.newGroup(request, new Reader().buffer));
        }
        while (loop.scheduler().numWaiting() > 0 || !allDecode()) {
            loop.step();
        }
    }

    private boolean allDecode() {
        return loop.scheduler().running().stream().allMatch(r -> r.numPendingTokens() == 1);
    }

    private static SamplingParams params(long seed) {
        return new SamplingParams(
                1, ROOM, 0, List.of(), Set.of(), true, false, seed, -1, -1, SAMPLER);
    }

    /** The next step, with blocks for its tokens. */
    List<Scheduled> next() {
        var running = loop.scheduler().running();
        for (var request : running) {
            loop.kvCache().allocateSlots(request.sequence(), request.numTokens(), 0);
        }
        return running.stream().map(request -> new Scheduled(request, 1)).toList();
    }

    /** Keeps up with what it is sent. */
    private static final class Reader {
        final OutputBuffer buffer = new OutputBuffer(this::read);

        private void read() {
            while (buffer.poll() != null) {
                // Nothing is done with it.
            }
        }
    }
}
