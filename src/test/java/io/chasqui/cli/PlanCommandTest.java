package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.model.TinyModels;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlanCommandTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int plan(String arguments) {
        var all = new ArrayList<>(List.of("plan"));
        all.addAll(List.of(arguments.split(" ")));
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return Main.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(all.toArray(String[]::new));
    }

    private JsonNode json(String arguments) throws IOException {
        plan(arguments + " --json");
        return new ObjectMapper().readTree(out.toString());
    }

    /** 405B in FP8 runs on eight H100; in bf16 it takes eight H200; 70B in bf16 four H100. */
    @ParameterizedTest
    @CsvSource({
        "llama-3.1-8b --gpu H100, true",
        "llama-3.1-8b --gpu RTX4090, false",
        "llama-3.1-8b --gpu RTX4090 --context 8192, true",
        "llama-3.1-70b --gpu H100, false",
        "llama-3.1-70b --gpu H100 --tp 4, true",
        "llama-3.1-405b --gpu H100 --tp 8, false",
        "llama-3.1-405b --gpu H100 --tp 8 --dtype fp8_ffn, true",
        "llama-3.1-405b --gpu H200 --tp 8, true",
    })
    void saysWhetherItFits(String arguments, boolean fits) throws IOException {
        assertEquals(fits ? 0 : 1, plan(arguments), out.toString());
        assertTrue(out.toString().contains(fits ? "Fits:" : "Does not fit:"), out.toString());
        assertEquals(fits, json(arguments).get("fits").asBoolean());
    }

    @Test
    void theDevicesMemoryIsDividedWithoutRest() throws IOException {
        var plan = json("llama-3.1-8b --memory 80GiB --tp 2 --kv-dtype fp8");
        var device = plan.get("device");
        assertEquals(80L << 30, device.get("memory").asLong());
        assertEquals((80L << 30) * 9 / 10, device.get("usable").asLong());
        assertEquals(32_768, device.get("kv_bytes_per_token").asLong());
        long cache =
                device.get("usable").asLong()
                        - device.get("weights").asLong()
                        - device.get("workspace").asLong();
        assertEquals(cache, device.get("kv_cache").asLong());
        long tokens = plan.get("pool_tokens").asLong();
        assertEquals(tokens, 16 * device.get("blocks").asLong());
        assertTrue(cache - tokens * 32_768 < 16 * 32_768);
        assertEquals(tokens / 131_072, plan.get("contexts").asLong());
    }

    @Test
    void everyRemedyHelps() throws IOException {
        for (var arguments :
                List.of(
                        "llama-3.1-70b --gpu H200",
                        "llama-3.1-8b --gpu RTX4090",
                        "llama-3.1-8b --gpu L40S --context 300000",
                        "llama-3.1-405b --gpu H200 --tp 4")) {
            var remedies = json(arguments).get("remedies");
            assertFalse(remedies.isEmpty(), arguments);
            for (var remedy : remedies) {
                // A later --tp or --context on the command line would be given twice.
                var option = remedy.asText().split(" ")[0];
                var rest = arguments.replaceAll(" " + option + " \\S+", "");
                assertEquals(0, plan(rest + " " + remedy.asText()), arguments + ": " + remedy);
            }
        }
    }

    @Test
    void comparesGpusWhenNoneIsNamed() {
        assertEquals(0, plan("llama-3.1-70b"));
        assertTrue(out.toString().matches("(?s).*H100 +79\\.1 GiB +4, .*"), out.toString());
    }

    @Test
    void readsTheConfigurationOfAModelThatIsHere(@TempDir Path folder) throws IOException {
        var plan = json(TinyModels.huggingFace(folder, false, config -> {}) + " --memory 1GiB");
        assertTrue(plan.get("fits").asBoolean());
        assertTrue(plan.get("stored_bytes").asLong() > 0);
    }

    @Test
    void ofAFolderTheConfigurationIsEnough(@TempDir Path folder) throws IOException {
        TinyModels.huggingFace(folder, false, config -> {});
        var whole = json(folder + " --memory 1GiB");
        try (var files = Files.list(folder)) {
            for (var file : files.filter(f -> f.toString().contains("safetensors")).toList()) {
                Files.delete(file);
            }
        }
        var bare = json(folder + " --memory 1GiB");
        assertFalse(bare.has("stored_bytes"));
        assertEquals(whole.get("device"), bare.get("device"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama-3.1-8b --gpu H99",
                "llama-3.1-8b --memory lots",
                "llama-3.1-8b --gpu H100 --dtype int3",
                "llama-3.1-8b --gpu H100 --kv-dtype f32",
                "llama-3.1-8b --gpu H100 --context 0",
                "llama-3.1-8b --gpu H100 --block-size 0",
                "llama-3.1-8b --gpu H100 --gpu-memory-utilization 1.5",
                "smollm2-135m --gpu H100 --tensor-parallel-size 2",
            })
    void whatCannotBeIsToldWithTheOptionsName(String arguments) {
        assertEquals(1, plan(arguments));
        var option = arguments.replaceAll(".* (--\\S+) \\S+", "$1");
        assertTrue(err.toString().startsWith("chasqui: " + option), err.toString());
        assertEquals(1, err.toString().lines().count(), err.toString());
    }

    @Test
    void aModelIsNeeded() {
        assertEquals(1, plan("--json"));
        assertTrue(err.toString().contains("needs a model"), err.toString());
    }
}
