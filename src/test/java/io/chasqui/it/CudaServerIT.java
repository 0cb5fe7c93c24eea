package io.chasqui.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.backend.cuda.CudaEmulator;
import io.chasqui.backend.cuda.KernelModules;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The packaged server with a tiny model on emulated GPUs, over HTTP; and when these fail. */
class CudaServerIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Of the watchdog that finds the engine dead. */
    private static final int EXIT_SOFTWARE = 70;

    private static Map<String, String> emulator;

    @BeforeAll
    static void load() {
        emulator = CudaEmulator.load().environment();
        assumeTrue(
                KernelModules.ofJar().isPresent(),
                "the jar has no CUDA kernels: run src/main/cuda/build.sh kernels --fetch");
    }

    private static ServerProcess start(int devices, String faults, String... options)
            throws IOException {
        var environment = new HashMap<>(emulator);
        environment.put("EMULATOR_DEVICES", String.valueOf(devices));
        environment.put("EMULATOR_MEMORY", "2G");
        if (faults != null) {
            environment.put("EMULATOR_FAULTS", faults);
        }
        var arguments =
                new ArrayList<>(List.of("--load-format", "dummy", "--geometry", "llama-tiny"));
        arguments.addAll(List.of("--backend", "cuda", "--max-model-len", "512"));
        arguments.addAll(List.of("--tensor-parallel-size", String.valueOf(devices)));
        arguments.addAll(List.of("--max-num-seqs", "8", "--kv-cache-memory", "32M"));
        arguments.addAll(List.of(options));
        return ServerProcess.launch(environment, arguments);
    }

    private static String body(String prompt, int tokens) {
        return """
                {"model":"test","prompt":"%s","max_tokens":%d,"temperature":0.8,"seed":7,
                 "ignore_eos":true}"""
                .formatted(prompt, tokens);
    }

    private static CompletableFuture<HttpResponse<String>> ask(
            ServerProcess server, String prompt, int tokens) {
        return server.client()
                .sendAsync(
                        server.post("/v1/completions", body(prompt, tokens)),
                        BodyHandlers.ofString());
    }

    private static String text(HttpResponse<String> response) throws IOException {
        assertEquals(200, response.statusCode(), response.body());
        JsonNode answer = JSON.readTree(response.body());
        return answer.at("/choices/0/text").asText();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void answersAreTheSameAloneAndTogether(int devices) throws Exception {
        try (var server = start(devices, null)) {
            server.awaitReady();
            var prompts = List.of("Hello there", "A llama walks", "One two three", "Wool");
            var alone = new ArrayList<String>();
            for (var prompt : prompts) {
                alone.add(text(ask(server, prompt, 12).get(60, TimeUnit.SECONDS)));
            }
            var together = prompts.stream().map(prompt -> ask(server, prompt, 12)).toList();
            for (int i = 0; i < prompts.size(); i++) {
                assertEquals(alone.get(i), text(together.get(i).get(60, TimeUnit.SECONDS)));
            }
            assertTrue(server.log().contains("cuda-"), server.log());
        }
    }

    @Test
    void aLostDeviceEndsTheProcess() throws Exception {
        try (var server = start(1, "sticky@0:400=700")) {
            server.awaitReady();
            var answer = ask(server, "Hello", 200).handle((response, failure) -> response);
            assertTrue(server.process.waitFor(90, TimeUnit.SECONDS), server.log());
            assertEquals(EXIT_SOFTWARE, server.process.exitValue(), server.log());
            var response = answer.get(10, TimeUnit.SECONDS);
            assertTrue(response == null || response.statusCode() >= 500, "answered after all");
            assertTrue(server.log().contains("CUDA_ERROR_ILLEGAL_ADDRESS"), server.log());
        }
    }

    @Test
    void notANumberFailsTheRequestAndTheNextOneIsAnswered() throws Exception {
        try (var server = start(1, "nan@lm_head_16x8:40", "--enforce-eager")) {
            server.awaitReady();
            int failed = 0;
            for (int i = 0; i < 8; i++) {
                var response = ask(server, "Hello " + i, 10).get(60, TimeUnit.SECONDS);
                if (response.statusCode() != 200) {
                    assertEquals(500, response.statusCode());
                    assertTrue(response.body().contains("numerical_error"), response.body());
                    failed++;
                }
            }
            assertEquals(1, failed);
        }
    }

    @Test
    void tooLittleMemoryIsRefusedWithTheArithmetic() throws Exception {
        try (var server = start(1, "oom@0:5")) {
            assertTrue(server.process.waitFor(60, TimeUnit.SECONDS));
            assertTrue(server.process.exitValue() != 0);
            var log = server.log();
            assertTrue(log.contains("bytes, of 2,147,483,648 the device has"), log);
            assertTrue(!log.contains("\tat io.chasqui"), log);
        }
    }
}
