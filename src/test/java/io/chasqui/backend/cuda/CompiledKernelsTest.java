package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What nvcc made of the kernels, where it was there to be asked. */
class CompiledKernelsTest {
    private static final Path SOURCES = Path.of("src/main/cuda");
    private static final Path WORK = Path.of("target/cuda");
    private static final String TABLES_COMPILER = "13.0.88";
    private static final int ARCHITECTURE = 1;
    private static final int SPILLS = 5;

    private KernelModules modules;

    @BeforeEach
    void needsKernels() {
        modules = KernelModules.ofJar().orElse(null);
        assumeTrue(
                modules != null,
                "NO CUDA KERNELS: the build found neither nvcc nor pip; run src/main/cuda/build.sh"
                        + " kernels --fetch");
    }

    private static List<String> lines(Path file) throws IOException {
        var lines = Files.readAllLines(file);
        return lines.subList(1, lines.size());
    }

    @Test
    void theyAreCompiledFromTheSourcesThatAreHere() throws Exception {
        assertEquals(
                digest(),
                modules.sources(),
                "the kernels are older than their sources: run src/main/cuda/build.sh kernels");
    }

    /** As the build makes it: of what sha256sum prints for each file, in order of their paths. */
    private static String digest() throws IOException, NoSuchAlgorithmException {
        var names = new TreeSet<String>();
        try (var files = Files.walk(SOURCES)) {
            files.map(file -> SOURCES.relativize(file).toString())
                    .filter(name -> name.matches(".*\\.(cu|cuh|h)"))
                    .forEach(names::add);
        }
        var sums = new StringBuilder();
        for (var name : names) {
            sums.append(
                    "%s  ./%s%n"
                            .formatted(sha256(Files.readAllBytes(SOURCES.resolve(name))), name));
        }
        return sha256(sums.toString().getBytes());
    }

    private static String sha256(byte[] bytes) throws NoSuchAlgorithmException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @Test
    void everyKernelIsThereForEveryArchitecture() throws IOException {
        var architectures = new HashSet<String>();
        var kernels = new TreeSet<String>();
        var pairs = new HashSet<String>();
        for (var line : lines(WORK.resolve("registers.tsv"))) {
            var fields = line.split("\t");
            kernels.add(fields[0]);
            architectures.add(fields[ARCHITECTURE]);
            assertTrue(pairs.add(fields[0] + " " + fields[ARCHITECTURE]), line);
        }
        assertTrue(
                architectures.containsAll(
                        List.of("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")),
                architectures.toString());
        assertEquals(kernels.size() * architectures.size(), pairs.size());
        var packed = new TreeSet<String>();
        modules.modules().forEach(module -> packed.addAll(module.kernels()));
        assertEquals(kernels, packed);
    }

    @Test
    void noKernelSpills() throws IOException {
        for (var line : lines(WORK.resolve("registers.tsv"))) {
            assertEquals("0", line.split("\t")[SPILLS], line);
        }
    }

    @Test
    void theRegisterTableIsCurrent() throws IOException {
        var compiler = Files.readString(WORK.resolve("nvcc.version")).strip();
        assumeTrue(
                compiler.equals(TABLES_COMPILER),
                "registers.tsv is of nvcc " + TABLES_COMPILER + "; this is " + compiler);
        var kept = lines(SOURCES.resolve("registers.tsv"));
        var now = lines(WORK.resolve("registers.tsv"));
        var difference = new StringBuilder();
        kept.stream()
                .filter(line -> !now.contains(line))
                .forEach(line -> append(difference, '-', line));
        now.stream()
                .filter(line -> !kept.contains(line))
                .forEach(line -> append(difference, '+', line));
        assertTrue(
                difference.isEmpty(),
                () ->
                        "registers.tsv (-) is not what the compiler says now (+): kernel,"
                                + " architecture, registers, shared, stack, spills. If that is meant,"
                                + " run src/main/cuda/build.sh registers\n"
                                + difference);
    }

    private static void append(StringBuilder difference, char sign, String line) {
        difference
                .append(sign)
                .append(' ')
                .append(String.join("  ", Arrays.asList(line.split("\t"))));
        difference.append('\n');
    }
}
