package io.chasqui.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/**
 * Where a figure was measured; without it the figure means nothing.
 *
 * @param cpu the processor's name for itself
 * @param processors those this process may use
 * @param jvm name and version
 * @param flags the JVM's arguments
 * @param time when
 */
record BenchMachine(
        String cpu, int processors, String os, String jvm, List<String> flags, String time) {

    static BenchMachine here() {
        return new BenchMachine(
                cpuName(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("os.name") + " " + System.getProperty("os.version"),
                System.getProperty("java.vm.name") + " " + Runtime.version(),
                ManagementFactory.getRuntimeMXBean().getInputArguments(),
                Instant.now().toString());
    }

    /** Name, family and model: cloud machines often give no more than a maker's name. */
    private static String cpuName() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            var core = lines.takeWhile(line -> !line.isBlank()).toList();
            return "%s (family %s, model %s)"
                    .formatted(
                            value(core, "model name"),
                            value(core, "cpu family"),
                            value(core, "model"));
        } catch (IOException e) {
            return System.getProperty("os.arch");
        }
    }

    private static String value(List<String> lines, String key) {
        return lines.stream()
                .map(line -> line.split(":", 2))
                .filter(entry -> entry.length == 2 && entry[0].strip().equals(key))
                .map(entry -> entry[1].strip())
                .findFirst()
                .orElse("unknown");
    }
}
