package io.chasqui.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/**
 * A stand-in for the CUDA driver that runs the kernels of {@code src/main/cuda} and {@code
 * src/test/cuda} on the host. Once {@link #load} has returned, JCuda in this process finds it as
 * {@code libcuda.so.1}. One machine of emulated devices a process: a test begins with {@link
 * #reset}.
 */
public final class CudaEmulator {
    private static CudaEmulator loaded;

    private final EmulatorBuild build;
    private final Path folder;
    private final SymbolLookup library;

    private CudaEmulator(EmulatorBuild build) {
        this.build = build;
        this.folder = build.build();
        this.library = SymbolLookup.libraryLookup(folder.resolve("libcuda.so.1"), Arena.global());
    }

    /** Builds and loads the emulator; skips the test, saying why, where that is impossible. */
    public static synchronized CudaEmulator load() {
        EmulatorBuild.obstacle()
                .ifPresent(why -> Assumptions.abort("CUDA tests are SKIPPED: " + why));
        if (loaded == null) {
            loaded = new CudaEmulator(EmulatorBuild.here());
        }
        return loaded;
    }

    /** Environment variables for a child process that is to find the emulator as the driver. */
    public Map<String, String> environment() {
        return Map.of("LD_LIBRARY_PATH", folder.toString());
    }

    /** Starts anew with so many devices of so much memory, and with settings as at the start. */
    public void reset(int devices, long memoryBytes) {
        invoke(function("emu_reset", null, JAVA_INT, JAVA_LONG), devices, memoryBytes);
    }

    /** With 0 threads run in order; any other seed draws orders of threads, blocks and streams. */
    public void setSeed(long seed) {
        invoke(function("emu_set_seed", null, JAVA_LONG), seed);
    }

    /** Whether launches and copies do nothing and memory is addresses only. */
    public void setStub(boolean stub) {
        invoke(function("emu_set_stub", null, JAVA_INT), stub ? 1 : 0);
    }

    public void setMultiprocessors(int count) {
        invoke(function("emu_set_multiprocessors", null, JAVA_INT), count);
    }

    /** How long threads may spin before their launch fails with error 702. */
    public void setSpinLimit(Duration limit) {
        invoke(function("emu_set_spin_limit", null, JAVA_INT), (int) limit.toMillis());
    }

    /**
     * Adds faults, comma-separated: {@code sticky@<device>:<n>[=<error>]} at the device's n-th
     * launch, {@code nan@<kernel>:<n>} over what the kernel's n-th launch writes, {@code
     * oom@<device>:<n>} at the device's n-th allocation, {@code slow@<kernel>:<n>=<milliseconds>}.
     */
    public void addFaults(String faults) {
        try (var arena = Arena.ofConfined()) {
            var read =
                    invoke(
                            function("emu_set_faults", JAVA_INT, ADDRESS),
                            arena.allocateFrom(faults));
            if ((int) read == 0) {
                throw new IllegalArgumentException("not faults: " + faults);
            }
        }
    }

    public void removeFaults() {
        invoke(function("emu_set_faults", JAVA_INT, ADDRESS), MemorySegment.NULL);
    }

    /** Lets modules loaded from now on have their kernels from another library. */
    public void setKernels(Path kernelLibrary) {
        try (var arena = Arena.ofConfined()) {
            invoke(
                    function("emu_set_kernels", null, ADDRESS),
                    arena.allocateFrom(kernelLibrary.toString()));
        }
    }

    /** Compiles the {@code .cu} files of a folder into a library for {@link #setKernels}. */
    public Path buildKernels(String name, Path sources) {
        return buildKernels(name, sources, true);
    }

    /** The same, with or without checks of each access. */
    public Path buildKernels(String name, Path sources, boolean checks) {
        return build.buildKernels(name, sources.toAbsolutePath(), checks);
    }

    /** The library of all kernels of the source tree. */
    public Path kernels() {
        return folder.resolve("libkernels.so");
    }

    public long allocatedBytes(int device) {
        return (long) invoke(function("emu_allocated_bytes", JAVA_LONG, JAVA_INT), device);
    }

    public long peakBytes(int device) {
        return (long) invoke(function("emu_peak_bytes", JAVA_LONG, JAVA_INT), device);
    }

    public long allocations(int device) {
        return (long) invoke(function("emu_allocations", JAVA_LONG, JAVA_INT), device);
    }

    /** Launches that the device has run, those of graphs included. */
    public long launches(int device) {
        return (long) invoke(function("emu_launches", JAVA_LONG, JAVA_INT), device);
    }

    /** What the last launch that failed did, in words; empty when none has failed. */
    public String lastFailure() {
        var bytes = 64 * 1024;
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocate(bytes);
            invoke(function("emu_last_failure", JAVA_INT, ADDRESS, JAVA_INT), text, bytes);
            return text.getString(0);
        }
    }

    private MethodHandle function(String name, MemoryLayout result, MemoryLayout... parameters) {
        var descriptor =
                result == null
                        ? FunctionDescriptor.ofVoid(parameters)
                        : FunctionDescriptor.of(result, parameters);
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), descriptor);
    }

    private static Object invoke(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
