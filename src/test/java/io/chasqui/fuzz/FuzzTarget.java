package io.chasqui.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A class {@code …FuzzTarget} with a method {@code fuzzerTestOneInput(byte[])}, as Jazzer calls it,
 * and the seeds that belong to it.
 *
 * @param name name of the class without its ending, and of the folder of seeds
 * @param seeds inputs to begin with, the same order every time
 */
record FuzzTarget(String name, MethodHandle method, List<byte[]> seeds) {
    private static final Path SOURCES = Path.of("src/test/java");
    private static final Path SEEDS = Path.of("src/test/fuzz/seeds");
    private static final String ENDING = "FuzzTarget.java";

    /** All there are, found by the names of their sources. */
    static List<FuzzTarget> all() {
        try (var files = Files.walk(SOURCES.resolve("io/chasqui"))) {
            return files.filter(FuzzTarget::isTarget).sorted().map(FuzzTarget::of).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isTarget(Path source) {
        var name = source.getFileName().toString();
        return name.endsWith(ENDING) && !name.equals(ENDING);
    }

    private static FuzzTarget of(Path source) {
        var path = SOURCES.relativize(source).toString().replace('/', '.').replace('\\', '.');
        var fileName = source.getFileName().toString();
        var name = fileName.substring(0, fileName.length() - ENDING.length());
        try {
            var type = Class.forName(path.substring(0, path.length() - ".java".length()));
            var signature = MethodType.methodType(void.class, byte[].class);
            var method =
                    MethodHandles.publicLookup().findStatic(type, "fuzzerTestOneInput", signature);
            return new FuzzTarget(name, method, read(SEEDS.resolve(name)));
        } catch (ReflectiveOperationException | IOException e) {
            throw new IllegalStateException("cannot use " + source, e);
        }
    }

    private static List<byte[]> read(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.sorted().map(FuzzTarget::bytes).toList();
        }
    }

    private static byte[] bytes(Path seed) {
        try {
            return Files.readAllBytes(seed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whatever the target throws is a finding. */
    void run(byte[] input) throws Throwable {
        method.invokeExact(input);
    }

    @Override
    public String toString() {
        return name;
    }
}
