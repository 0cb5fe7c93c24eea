package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Another process finds the emulator as its driver. */
class EmulatorProcessTest {
    @Test
    void environmentVariablesChooseTheDevices() throws IOException, InterruptedException {
        var process = start("plain", Map.of("EMULATOR_DEVICES", "3", "EMULATOR_MEMORY", "48M"));
        assertEquals("3 devices of " + (48 << 20) + "\nread 1.0\n", output(process));
        assertEquals(0, process.exitValue());
    }

    @Test
    void environmentVariablesInjectFaults() throws IOException, InterruptedException {
        var process = start("plain", Map.of("EMULATOR_FAULTS", "oom@0:1"));
        assertTrue(output(process).contains("CUDA_ERROR_OUT_OF_MEMORY"));
        assertNotEquals(0, process.exitValue());
    }

    @Test
    void codeOfTheHostCannotReadADevicesMemory() throws IOException, InterruptedException {
        var process = start("touch", Map.of());
        var output = output(process);
        assertNotEquals(0, process.exitValue());
        assertTrue(output.contains("SIGSEGV"), output);
        assertFalse(output.contains("read 1.0"), output);
    }

    private static Process start(String argument, Map<String, String> environment)
            throws IOException {
        var builder =
                new ProcessBuilder(
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "--enable-native-access=ALL-UNNAMED",
                                "-Xmx64m",
                                "-XX:ErrorFile=/dev/null",
                                "-XX:-CreateCoredumpOnCrash",
                                "-Djava.library.path=" + System.getProperty("java.library.path"),
                                "-cp",
                                System.getProperty("java.class.path"),
                                EmulatorProcess.class.getName(),
                                argument));
        builder.environment().putAll(CudaEmulator.load().environment());
        builder.environment().putAll(environment);
        return builder.redirectErrorStream(true).start();
    }

    private static String output(Process process) throws IOException, InterruptedException {
        var output = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return output;
    }
}
