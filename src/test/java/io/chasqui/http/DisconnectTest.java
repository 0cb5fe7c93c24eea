package io.chasqui.http;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client that leaves ends its request, wherever that stands, and frees its blocks. */
@QuarkusTest
class DisconnectTest extends HttpTestBase {
    private static final String CHAT = "/v1/chat/completions";

    @Inject MeterRegistry meters;
    @Inject OpenCalls calls;

    @BeforeEach
    void shut() {
        TestModels.GATE.shut();
    }

    @AfterEach
    void open() {
        TestModels.GATE.allow(10);
        awaitIdle(TestModels.GATED);
    }

    private double aborted() {
        return meters.counter("chasqui_requests_aborted", "reason", "disconnect").count();
    }

    private Socket gated(boolean stream) {
        return open(CHAT, chatBody(TestModels.GATED, "\"max_tokens\":400,\"stream\":" + stream));
    }

    /** After it no more than a step or two may be made, however many are allowed. */
    private void checkEnded(double abortedBefore, int requests) {
        await().until(() -> aborted() == abortedBefore + requests);
        long steps = TestModels.engine(registry, TestModels.GATED).stats().steps();
        TestModels.GATE.allow(50);
        awaitIdle(TestModels.GATED);
        assertTrue(TestModels.engine(registry, TestModels.GATED).stats().steps() - steps <= 2L);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void inPrefill(boolean stream) {
        double before = aborted();
        var socket = gated(stream);
        await().until(TestModels.GATE::isWaiting);
        close(socket);
        checkEnded(before, 1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whileQueued(boolean stream) {
        double before = aborted();
        var first = gated(true);
        await().until(TestModels.GATE::isWaiting);
        var second = gated(stream);
        var engine = TestModels.engine(registry, TestModels.GATED);
        await().until(() -> engine.queued() == 1);
        close(second);
        await().until(() -> aborted() == before + 1);
        TestModels.GATE.allow(2);
        await().until(() -> engine.queued() == 0);
        assertEquals(1, engine.stats().running());
        close(first);
        checkEnded(before, 2);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void inDecode(boolean stream) throws IOException {
        double before = aborted();
        var socket = gated(stream);
        TestModels.GATE.allow(5);
        await().until(() -> TestModels.GATE.isWaiting());
        if (stream) {
            assertEquals('H', socket.getInputStream().read());
        }
        close(socket);
        checkEnded(before, 1);
    }

    @Test
    void severalPromptsAndChoices() {
        double before = aborted();
        var body =
                "{\"model\":\"gated\",\"prompt\":[\"ab\",\"cd\",\"ef\"],\"n\":2,\"max_tokens\":100}";
        var socket = open("/v1/completions", body);
        await().until(TestModels.GATE::isWaiting);
        close(socket);
        checkEnded(before, 1);
    }

    /** With pauses drawn at random, so that every state is met. */
    @Test
    void inAStorm() throws InterruptedException {
        long seed = System.nanoTime();
        var random = new Random(seed);
        var sockets = new ArrayList<Socket>();
        for (int i = 0; i < 200; i++) {
            var members =
                    "\"max_tokens\":300,\"ignore_eos\":true,\"n\":%d,\"stream\":%b"
                            .formatted(1 + i % 2, random.nextBoolean());
            sockets.add(open(CHAT, chatBody(TestModels.HASH, members)));
            if (sockets.size() > 20) {
                close(sockets.remove(random.nextInt(sockets.size())));
            }
            Thread.sleep(random.nextInt(3));
        }
        sockets.forEach(HttpTestBase::close);
        await("seed " + seed)
                .until(
                        () -> {
                            var engine = TestModels.engine(registry, TestModels.HASH);
                            return TestModels.isIdle(engine.stats()) && engine.queued() == 0;
                        });
        await().until(() -> calls.count() == 0);
        var answers = List.of(chat(TestModels.HASH, "\"max_tokens\":5").statusCode());
        assertEquals(List.of(200), answers);
    }
}
