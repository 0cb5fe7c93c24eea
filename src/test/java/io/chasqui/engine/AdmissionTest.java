package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.config.EngineConfig;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AdmissionTest {
    private static EngineConfig config(int requests, int tokens) {
        return new EngineConfig(
                1000,
                8,
                64,
                64,
                4,
                requests,
                tokens,
                Duration.ofSeconds(1),
                true,
                true,
                3,
                Duration.ofMillis(100));
    }

    private static GenerationRequest request(String key, int n, int promptLength) {
        return new GenerationRequest(
                "r", new int[promptLength], EngineBed.params(n, 1, 0), 0, key, "", null, null);
    }

    @Test
    void neverHoldsMoreThanItsBoundsWhateverTheNumberOfCallers() throws Exception {
        var config = config(40, 300);
        var admission = new Admission(config);
        var bed = new EngineBed(config, new io.chasqui.executor.HashExecutor(64, 4, 16));
        var most = new AtomicInteger();
        var refused = new AtomicInteger();
        Callable<Void> caller =
                () -> {
                    var request = request("", 2, 9);
                    var group = bed.loop.newGroup(request, new OutputBuffer(() -> {}));
                    for (int i = 0; i < 2000; i++) {
                        try {
                            admission.charge(request, 1);
                        } catch (AdmissionException e) {
                            refused.incrementAndGet();
                            continue;
                        }
                        most.accumulateAndGet(held.incrementAndGet(), Math::max);
                        Thread.yield();
                        held.decrementAndGet();
                        group.choices().forEach(admission::release);
                    }
                    return null;
                };
        try (var threads = Executors.newFixedThreadPool(32)) {
            for (var done :
                    threads.invokeAll(IntStream.range(0, 32).mapToObj(i -> caller).toList())) {
                done.get();
            }
        }
        assertTrue(most.get() <= 20, most + " requests of two choices held at once");
        assertEquals(0, admission.requests());
        assertEquals(0, admission.tokens());
    }

    private final AtomicInteger held = new AtomicInteger();

    @Test
    void refusesWhatDoesNotFitAndChargesNothingForIt() {
        var admission = new Admission(config(10, 100));
        admission.charge(request("a", 5, 60), 1);
        assertEquals(AdmissionException.Reason.QUEUE_FULL, refusal(admission, request("b", 6, 1)));
        assertEquals(AdmissionException.Reason.QUEUE_FULL, refusal(admission, request("b", 1, 41)));
        assertEquals(AdmissionException.Reason.KEY_SHARE, refusal(admission, request("a", 1, 1)));
        assertEquals(5, admission.requests());
        assertEquals(60, admission.tokens());
        assertEquals(5, admission.requests("a"));
        assertEquals(0, admission.requests("b"));
    }

    @Test
    void aPromptLongerThanTheQueueIsTakenWhenNothingElseWaits() {
        var admission = new Admission(config(10, 100));
        admission.charge(request("", 1, 500), 1);
        assertEquals(AdmissionException.Reason.QUEUE_FULL, refusal(admission, request("", 1, 1)));
    }

    private static AdmissionException.Reason refusal(Admission admission, GenerationRequest r) {
        return assertThrows(AdmissionException.class, () -> admission.charge(r, 1)).reason();
    }
}
