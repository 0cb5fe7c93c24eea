package io.chasqui.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every lie in a header is refused with a reason, in little memory. */
@Timeout(60)
class HostileHeadersTest {
    @TempDir Path folder;

    @TestFactory
    Stream<DynamicTest> gguf() {
        return refusals(HostileGguf.lies(), "lie.gguf");
    }

    @TestFactory
    Stream<DynamicTest> safetensors() {
        return refusals(HostileSafetensors.lies(), "lie.safetensors");
    }

    private Stream<DynamicTest> refusals(Map<String, Lie> lies, String fileName) {
        return lies.entrySet().stream()
                .map(lie -> dynamicTest(lie.getKey(), () -> refuses(lie.getValue(), fileName)));
    }

    private void refuses(Lie lie, String fileName) throws IOException {
        var file = Files.write(folder.resolve(fileName), lie.content());
        var error =
                assertThrows(ModelFormatException.class, () -> OpenHostileFiles.open(file).close());
        assertTrue(error.getMessage().startsWith(fileName), error.getMessage());
        assertTrue(
                error.getMessage().contains(lie.reason()),
                () -> "no '" + lie.reason() + "' in: " + error.getMessage());
        assertTrue(error.getMessage().length() < 1000, "a message of endless length");
    }

    @Test
    void areRefusedWithin64MiBOfHeap() throws IOException, InterruptedException {
        int count = writeAll(HostileGguf.lies(), ".gguf");
        count += writeAll(HostileSafetensors.lies(), ".safetensors");
        var child =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx64m",
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                OpenHostileFiles.class.getName(),
                                folder.toString())
                        .redirectErrorStream(true)
                        .start();
        var output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, child.waitFor(), output);
        assertTrue(output.contains(count + " refused"), output);
    }

    private int writeAll(Map<String, Lie> lies, String extension) throws IOException {
        int count = 0;
        for (var lie : lies.entrySet()) {
            var name = "%03d %s%s".formatted(count++, lie.getKey(), extension);
            Files.write(folder.resolve(name), lie.getValue().content());
        }
        return count;
    }
}
