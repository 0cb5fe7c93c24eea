package io.chasqui.backend.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/**
 * Compiles the host emulator and the kernels with g++ into {@code target/cuda-emulator}. An object
 * file carries the digest of all that it was compiled from, so that only what changed is compiled.
 */
final class EmulatorBuild {
    private static final List<String> COMPILE =
            List.of(
                    "g++",
                    "-std=c++17",
                    "-O2",
                    "-g1",
                    "-fPIC",
                    "-fvisibility=hidden",
                    "-fno-gnu-unique",
                    "-fno-strict-aliasing",
                    "-fstack-clash-protection");

    /**
     * Lets the emulator look at each address that a kernel accesses: its alignment, and whether it
     * lies in shared memory or in an allocation that the device may use.
     */
    private static final List<String> CHECK_ACCESSES =
            List.of(
                    "-fsanitize=alignment,kernel-address",
                    "--param",
                    "asan-instrumentation-with-call-threshold=0",
                    "--param",
                    "asan-stack=0",
                    "--param",
                    "asan-globals=0");

    private final Path root = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
    private final Path kernels = root.resolve("src/main/cuda");
    private final Path testKernels = root.resolve("src/test/cuda");
    private final Path emulator = testKernels.resolve("emulator");
    private final Path out = root.resolve("target/cuda-emulator");
    private final Path include;

    private EmulatorBuild(Path include) {
        this.include = include;
    }

    /** Kernels run faster without checks of their accesses: {@code -Dchasqui.cuda.checks=false}. */
    private static List<String> kernelOptions() {
        return Boolean.parseBoolean(System.getProperty("chasqui.cuda.checks", "true"))
                ? CHECK_ACCESSES
                : List.of();
    }

    /** Why the emulator cannot be built here; empty when it can. */
    static Optional<String> obstacle() {
        if (!System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64")) {
            return Optional.of("the CUDA emulator runs on Linux on x86-64 only");
        }
        if (findOnPath("g++").isEmpty()) {
            return Optional.of("the CUDA emulator needs g++ (Debian: apt install g++)");
        }
        if (findHeaders().isEmpty()) {
            return Optional.of(
                    "the CUDA emulator needs CUDA's headers: run src/main/cuda/build.sh kernels"
                            + " --fetch, or set CUDA_HOME to a toolkit of version 13");
        }
        return Optional.empty();
    }

    static EmulatorBuild here() {
        return new EmulatorBuild(findHeaders().orElseThrow());
    }

    /** Builds what is stale and returns the folder of libcuda.so.1 and libkernels.so. */
    Path build() {
        return locked(
                () -> {
                    var driver =
                            compileAll(
                                    files(emulator, ".cpp"),
                                    headers(emulator),
                                    out.resolve("driver"),
                                    List.of());
                    var library = out.resolve("libcuda.so.1");
                    link(library, driver, List.of("-Wl,-soname,libcuda.so.1", "-ldl", "-lpthread"));
                    var sources = new ArrayList<>(files(kernels, ".cu"));
                    sources.addAll(files(testKernels, ".cu"));
                    linkKernels(
                            sources,
                            out.resolve("kernels"),
                            kernelOptions(),
                            out.resolve("libkernels.so"));
                    return out;
                });
    }

    /**
     * Builds a library of kernels that differ from those of the source tree: {@code name}.so from a
     * folder of changed {@code .cu} files.
     */
    Path buildKernels(String name, Path sources, boolean checks) {
        return locked(
                () -> {
                    var library = out.resolve(name + ".so");
                    var options = checks ? CHECK_ACCESSES : List.<String>of();
                    linkKernels(files(sources, ".cu"), out.resolve(name), options, library);
                    return library;
                });
    }

    private void linkKernels(List<Path> sources, Path objects, List<String> options, Path library)
            throws IOException, InterruptedException {
        var driver = List.of(out.resolve("libcuda.so.1").toString());
        var headers = headers(kernels);
        headers.addAll(headers(testKernels));
        link(library, compileAll(sources, headers, objects, options), driver);
    }

    private <T> T locked(Callable<T> work) {
        try {
            Files.createDirectories(out);
            try (var channel =
                            FileChannel.open(
                                    out.resolve("lock"),
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.WRITE);
                    var lock = channel.lock()) {
                return work.call();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private List<Path> compileAll(
            List<Path> sources, List<Path> headers, Path objects, List<String> options)
            throws IOException, InterruptedException {
        Files.createDirectories(objects);
        var common = digest(headers, String.join(" ", COMPILE) + options);
        var tasks = new ArrayList<Callable<Path>>();
        for (var source : sources) {
            tasks.add(() -> compile(source, objects, options, common));
        }
        var result = new ArrayList<Path>();
        try (var pool = Executors.newFixedThreadPool(2)) {
            for (var task : pool.invokeAll(tasks)) {
                result.add(task.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause().getMessage(), e);
        }
        removeOthers(objects, result);
        return result;
    }

    private List<Path> headers(Path folder) throws IOException {
        var headers = new ArrayList<>(List.of(include.resolve("cuda.h")));
        for (var suffix : List.of(".h", ".cuh", ".inc")) {
            headers.addAll(files(folder, suffix));
        }
        return headers;
    }

    private Path compile(Path source, Path objects, List<String> options, String common)
            throws IOException, InterruptedException {
        var name = root.relativize(source.toAbsolutePath()).toString().replaceAll("[/\\\\]", "_");
        var object = objects.resolve(name + "-" + digest(List.of(source), common) + ".o");
        if (Files.exists(object)) {
            return object;
        }
        var command = new ArrayList<>(COMPILE);
        command.addAll(options);
        for (var folder : List.of(source.getParent(), kernels, emulator, include)) {
            command.add("-I" + folder);
        }
        var temporary = objects.resolve(name + ".tmp.o");
        command.addAll(List.of("-x", "c++", "-c", source.toString(), "-o", temporary.toString()));
        execute(command);
        Files.move(temporary, object);
        return object;
    }

    private void link(Path library, List<Path> objects, List<String> options)
            throws IOException, InterruptedException {
        var stamp = library.resolveSibling(library.getFileName() + ".stamp");
        var wanted = objects.toString() + options;
        if (Files.exists(library)
                && Files.exists(stamp)
                && Files.readString(stamp).equals(wanted)) {
            return;
        }
        // A process may have the old library mapped: make a new file, don't write into that one.
        Files.deleteIfExists(library);
        var command = new ArrayList<>(List.of("g++", "-shared", "-Wl,-z,defs"));
        objects.forEach(object -> command.add(object.toString()));
        command.addAll(options);
        command.addAll(List.of("-o", library.toString()));
        execute(command);
        Files.writeString(stamp, wanted);
    }

    private static void execute(List<String> command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        var output = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IllegalStateException(String.join(" ", command) + "\n" + output);
        }
    }

    private static void removeOthers(Path folder, List<Path> kept) throws IOException {
        try (var all = Files.list(folder)) {
            for (var path : (Iterable<Path>) all::iterator) {
                if (!kept.contains(path)) {
                    Files.delete(path);
                }
            }
        }
    }

    private static List<Path> files(Path folder, String suffix) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (var all = Files.walk(folder)) {
            return all.filter(path -> path.getFileName().toString().endsWith(suffix))
                    .sorted()
                    .toList();
        }
    }

    private static String digest(List<Path> files, String more) throws IOException {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            digest.update(more.getBytes());
            for (var file : files) {
                digest.update(file.getFileName().toString().getBytes());
                digest.update(Files.readAllBytes(file));
            }
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Optional<Path> findHeaders() {
        var root = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        return Stream.of(
                        System.getProperty("chasqui.cuda.home", ""),
                        System.getenv().getOrDefault("CUDA_HOME", ""),
                        root.resolve("target/cuda-toolkit").toString(),
                        "/usr/local/cuda")
                .filter(home -> !home.isBlank())
                .map(home -> Path.of(home).resolve("include"))
                .filter(folder -> Files.exists(folder.resolve("cuda_bf16.h")))
                .filter(folder -> Files.exists(folder.resolve("cuda.h")))
                .findFirst();
    }

    private static Optional<Path> findOnPath(String program) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
