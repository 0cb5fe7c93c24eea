package io.chasqui.http;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.SamplerParams;
import io.chasqui.chat.ModelRegistry;
import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.EngineError;
import io.chasqui.engine.GenerationRequest;
import io.chasqui.engine.LlmEngine;
import io.chasqui.engine.OutputBuffer;
import io.chasqui.engine.RequestOutput;
import io.chasqui.engine.SamplingParams;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The phases of a stop: still accepting, refusing, cutting off. */
class GracefulDrainTest {
    private final ModelRegistry registry = new ModelRegistry();
    private final OpenCalls calls = new OpenCalls();

    private LlmEngine engine() {
        TestModels.serve(registry);
        return TestModels.engine(registry, TestModels.HASH);
    }

    private static GenerationRequest request(int maxTokens) {
        var params =
                new SamplingParams(
                        1,
                        maxTokens,
                        0,
                        List.of(),
                        Set.of(),
                        true,
                        false,
                        1,
                        -1,
                        -1,
                        SamplerParams.GREEDY);
        return new GenerationRequest("id", new int[] {1, 2}, params, 0, "", "", null, null);
    }

    private CompletableFuture<Void> drain(Duration delay, Duration timeout) {
        var drain = new GracefulDrain(registry, calls, delay, timeout);
        return CompletableFuture.runAsync(() -> drain.run(new ShutdownDelayInitiatedEvent()));
    }

    @Test
    void endsAtOnceWhenNothingIsOpen() {
        engine();
        drain(Duration.ZERO, Duration.ofHours(1)).join();
        assertEquals(ModelRegistry.State.DRAINING, registry.state());
    }

    @Test
    void acceptsDuringTheDelayAndRefusesAfterIt() throws InterruptedException {
        var engine = engine();
        calls.opened();
        var stop = drain(Duration.ofSeconds(1), Duration.ofHours(1));
        await().until(() -> registry.state() == ModelRegistry.State.DRAINING);
        engine.submit(request(1), new OutputBuffer(() -> {})).abort();
        await().until(() -> refusal(engine) == AdmissionException.Reason.DRAINING);
        assertFalse(stop.isDone());
        calls.closed();
        stop.join();
    }

    private static AdmissionException.Reason refusal(LlmEngine engine) {
        try {
            engine.submit(request(1), new OutputBuffer(() -> {})).abort();
            return null;
        } catch (AdmissionException e) {
            return e.reason();
        }
    }

    @Test
    void cutsOffWhatRunsWhenTheTimeIsOver() {
        engine();
        var gated = TestModels.engine(registry, TestModels.GATED);
        TestModels.GATE.shut();
        var outputs = new OutputBuffer(() -> {});
        gated.submit(request(400), outputs);
        calls.opened();
        var stop = drain(Duration.ZERO, Duration.ofSeconds(2));
        var last = new RequestOutput[1];
        await().until(
                        () -> {
                            TestModels.GATE.allow(1);
                            for (var o = outputs.poll(); o != null; o = outputs.poll()) {
                                last[0] = o;
                            }
                            return last[0] != null && last[0].error() != null;
                        });
        assertEquals(EngineError.Kind.DRAINING, last[0].error().kind());
        var error = ApiError.of(last[0].error());
        assertEquals(503, error.status());
        assertEquals("draining", error.code());
        assertTrue(error.headers().containsKey("Retry-After"));
        calls.closed();
        stop.join();
        assertThrows(AdmissionException.class, () -> gated.submit(request(1), outputs));
    }
}
