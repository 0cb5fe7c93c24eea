package io.chasqui.backend.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** CUDA backends on the emulator, whose kernels need no image. */
public final class EmulatedBackends {
    private static final Path SOURCES =
            Path.of(System.getProperty("basedir", "")).resolve("src/main/cuda");
    private static final Pattern KERNEL = Pattern.compile("^KERNEL\\((\\w+)\\)", Pattern.MULTILINE);

    private static final long DEVICE_BYTES = 1L << 30;
    private static final long IDLE_DEVICE_BYTES = 80L << 30;
    private static final int IDLE_MULTIPROCESSORS = 132;

    private EmulatedBackends() {}

    /** Graphs, tuned kernels. */
    public static final CudaOptions USUAL = new CudaOptions(0.9, true, false);

    /** A backend on so many fresh devices; skips the test where there is no emulator. */
    public static CudaBackend create(int ranks, CudaOptions options) {
        CudaEmulator.load().reset(ranks, DEVICE_BYTES);
        return open(ranks, options);
    }

    /**
     * A backend on so many fresh devices that do nothing: launches and copies return at once, and
     * memory, of which there is much, is addresses only.
     */
    public static CudaBackend createIdle(int ranks, CudaOptions options) {
        var emulator = CudaEmulator.load();
        emulator.reset(ranks, IDLE_DEVICE_BYTES);
        emulator.setMultiprocessors(IDLE_MULTIPROCESSORS);
        emulator.setStub(true);
        return open(ranks, options);
    }

    /** A backend on the first devices of those there are. */
    static CudaBackend open(int ranks, CudaOptions options) {
        return open(IntStream.range(0, ranks).boxed().toList(), options);
    }

    /** A backend on the devices named. */
    static CudaBackend open(List<Integer> devices, CudaOptions options) {
        return CudaBackend.create(devices, options, modules());
    }

    /** All kernels of the source tree. */
    static KernelModules modules() {
        var modules = new ArrayList<KernelModules.Module>();
        try (var files = Files.walk(SOURCES)) {
            for (var file : files.filter(f -> f.toString().endsWith(".cu")).sorted().toList()) {
                var kernels =
                        KERNEL.matcher(Files.readString(file))
                                .results()
                                .map(match -> match.group(1))
                                .toList();
                modules.add(
                        new KernelModules.Module(
                                SOURCES.relativize(file).toString(), kernels, new byte[1]));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new KernelModules("", modules);
    }
}
