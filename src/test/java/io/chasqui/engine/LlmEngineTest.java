package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LlmEngineTest {
    private static final int BLOCKS = 64;

    private static LlmEngine engine(ModelExecutor executor) {
        var engine =
                new LlmEngine(
                        EngineBed.config(BLOCKS, 4, 8, 64),
                        executor,
                        new ByteTokenizer("<end>"),
                        Set.of(EngineBed.EOS),
                        EngineListener.NONE);
        engine.start();
        return engine;
    }

    private static HashExecutor hash() {
        return new HashExecutor(BLOCKS, 4, 256);
    }

    private static GenerationRequest request(long seed, int n, int maxTokens) {
        var prompt = new SplittableRandom(seed % 7).ints(12, 0, 256).toArray();
        return EngineBed.request("r" + seed, prompt, EngineBed.params(n, maxTokens, seed));
    }

    /** Reads a request's outputs on the caller's thread. */
    private static final class Reader {
        private final CountDownLatch ended;
        private final List<RequestOutput> outputs = new ArrayList<>();
        private final OutputBuffer buffer = new OutputBuffer(this::drain);

        Reader(int n) {
            ended = new CountDownLatch(n);
        }

        private synchronized void drain() {
            for (var output = buffer.poll(); output != null; output = buffer.poll()) {
                outputs.add(output);
                if (output.last()) {
                    ended.countDown();
                }
            }
        }

        List<RequestOutput> await() throws InterruptedException {
            assertTrue(ended.await(60, TimeUnit.SECONDS), "a request does not end");
            synchronized (this) {
                return List.copyOf(outputs);
            }
        }
    }

    private static void together(int threads, Callable<Void> body) throws Exception {
        try (var pool = Executors.newFixedThreadPool(threads)) {
            for (var done :
                    pool.invokeAll(IntStream.range(0, threads).mapToObj(i -> body).toList())) {
                done.get();
            }
        }
    }

    @Test
    void requestsFromManyThreadsEachEndOnceWhetherTheirClientsStayOrLeave() throws Exception {
        try (var engine = engine(hash())) {
            together(
                    16,
                    () -> {
                        for (int i = 0; i < 60; i++) {
                            var random =
                                    new SplittableRandom(Thread.currentThread().threadId() + i);
                            int n = 1 + random.nextInt(3);
                            var reader = new Reader(n);
                            var submission =
                                    engine.submit(
                                            request(random.nextInt(100), n, random.nextInt(20)),
                                            reader.buffer);
                            boolean leaves = random.nextInt(3) == 0;
                            if (leaves) {
                                submission.abort();
                                submission.abort();
                            }
                            var outputs = reader.await();
                            assertEquals(n, outputs.stream().filter(RequestOutput::last).count());
                            assertTrue(leaves || outputs.stream().allMatch(o -> o.error() == null));
                        }
                        return null;
                    });
            assertEquals(0, engine.queued());
            assertEquals(0, engine.stats().running());
            assertEquals(0, engine.stats().usedBlocks());
        }
    }

    @Test
    void everyRequestAcceptedBeforeTheEndGetsAnEnd() throws Exception {
        for (int round = 0; round < 200; round++) {
            var engine = engine(hash());
            var readers = new java.util.concurrent.ConcurrentLinkedQueue<Reader>();
            var started = new CountDownLatch(4);
            var submitter =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        for (int i = 0; ; i++) {
                                            var reader = new Reader(1);
                                            try {
                                                engine.submit(request(i, 1, 50), reader.buffer);
                                            } catch (AdmissionException e) {
                                                return;
                                            }
                                            readers.add(reader);
                                            started.countDown();
                                        }
                                    });
            started.await();
            engine.close();
            submitter.join();
            for (var reader : readers) {
                assertNotNull(reader.await().getLast());
            }
        }
    }

    @Test
    void drainRefusesNewRequestsAndLetsTheOthersFinish() throws Exception {
        try (var engine = engine(hash())) {
            var reader = new Reader(1);
            engine.submit(request(1, 1, 30), reader.buffer);
            engine.drain();
            var refusal =
                    assertThrows(
                            AdmissionException.class,
                            () -> engine.submit(request(2, 1, 1), new OutputBuffer(() -> {})));
            assertEquals(AdmissionException.Reason.DRAINING, refusal.reason());
            assertEquals(FinishReason.LENGTH, reader.await().getLast().finish());
        }
    }

    @Test
    void endsWhatRunsAtTheDrainLimit() throws Exception {
        try (var engine = engine(slow())) {
            var reader = new Reader(2);
            engine.submit(request(1, 2, 200), reader.buffer);
            engine.drain();
            engine.abortAll();
            for (var output : reader.await()) {
                assertTrue(!output.last() || output.error().kind() == EngineError.Kind.DRAINING);
            }
        }
    }

    private static ModelExecutor slow() {
        var hash = hash();
        return executor(
                batch -> {
                    try {
                        Thread.sleep(5);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    return hash.execute(batch);
                });
    }

    private interface Execute {
        ModelExecutor.StepHandle execute(ForwardBatch batch);
    }

    private static ModelExecutor executor(Execute body) {
        return new ModelExecutor() {
            @Override
            public StepHandle execute(ForwardBatch batch) {
                return body.execute(batch);
            }

            @Override
            public void close() {}
        };
    }

    @Test
    void whenTheMachineFailsAllRequestsEndAndNoneIsTaken() throws Exception {
        try (var engine =
                engine(
                        executor(
                                batch -> {
                                    throw new OutOfMemoryError("injected");
                                }))) {
            var reader = new Reader(1);
            engine.submit(request(1, 1, 5), reader.buffer);
            assertEquals(EngineError.Kind.ENGINE_DEAD, reader.await().getLast().error().kind());
            assertFalse(engine.isAlive(Duration.ofHours(1)));
            var refusal =
                    assertThrows(
                            AdmissionException.class,
                            () -> engine.submit(request(2, 1, 1), new OutputBuffer(() -> {})));
            assertEquals(AdmissionException.Reason.DEAD, refusal.reason());
        }
    }

    @Test
    void whatCanNeverFitIsRefusedAtOnce() {
        try (var engine = engine(hash())) {
            assertEquals(BLOCKS * 4, engine.maxModelLen());
            var refusal =
                    assertThrows(
                            AdmissionException.class,
                            () ->
                                    engine.submit(
                                            request(1, 1, BLOCKS * 4 - 11),
                                            new OutputBuffer(() -> {})));
            assertEquals(AdmissionException.Reason.TOO_LONG, refusal.reason());
            assertEquals(0, engine.queued());
        }
    }

    @Test
    void aRequestThatCannotBeMadeFailsItsCallerAlone() throws Exception {
        try (var engine = engine(hash())) {
            var r = request(1, 1, 5);
            var broken =
                    new GenerationRequest(
                            "b", r.promptTokens(), r.params(), 0, null, "", null, null);
            assertThrows(
                    NullPointerException.class,
                    () -> engine.submit(broken, new OutputBuffer(() -> {})));
            var reader = new Reader(1);
            var patient =
                    new GenerationRequest(
                            "p",
                            r.promptTokens(),
                            r.params(),
                            0,
                            "",
                            "",
                            Duration.ofSeconds(Long.MAX_VALUE),
                            null);
            engine.submit(patient, reader.buffer);
            assertEquals(FinishReason.LENGTH, reader.await().getLast().finish());
            assertEquals(0, engine.queued());
        }
    }
}
