package io.chasqui.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;

/**
 * Whether this process can use CUDA. Touches no class of the driver binding, which fails for good
 * where there is no driver.
 *
 * @param reason why not, and what mends it; null when it can
 * @param devices number of GPUs
 */
public record CudaProbe(String reason, int devices) {
    /** Of CUDA 13, with whose compiler the kernels are built. */
    private static final int LEAST_DRIVER = 13000;

    private static final int LEAST_CAPABILITY = 8;

    private static final int NO_DEVICE = 100;
    private static final int STUB_LIBRARY = 34;
    private static final int DRIVER_MISMATCH = 803;

    private static final int CAPABILITY_MAJOR = 75;

    /** Looks at driver, kernels and devices, in this order. */
    public static CudaProbe run() {
        SymbolLookup library;
        try {
            library = SymbolLookup.libraryLookup(Driver.LIBRARY, Arena.global());
        } catch (IllegalArgumentException e) {
            return no("there is no NVIDIA driver (" + Driver.LIBRARY + ").");
        }
        if (KernelModules.ofJar().isEmpty()) {
            return no("this build has no CUDA kernels; build it where nvcc or pip is.");
        }
        return new Calls(library).probe();
    }

    private static CudaProbe no(String reason) {
        return new CudaProbe(reason, 0);
    }

    /** The few calls needed, by hand. */
    private record Calls(SymbolLookup library) {

        CudaProbe probe() {
            int result = call("cuInit", 0);
            if (result != 0) {
                return no(initialisation(result));
            }
            int version = get("cuDriverGetVersion");
            if (version < LEAST_DRIVER) {
                return no(
                        "the NVIDIA driver is for CUDA %d.%d; CUDA 13 needs driver 580 or later."
                                .formatted(version / 1000, version % 1000 / 10));
            }
            int count = get("cuDeviceGetCount");
            for (int device = 0; device < count; device++) {
                int major = attribute(CAPABILITY_MAJOR, device);
                if (major < LEAST_CAPABILITY) {
                    return no(
                            "GPU %d has compute capability %d.x; %d.0 is the least."
                                    .formatted(device, major, LEAST_CAPABILITY));
                }
            }
            return count == 0 ? no("the driver sees no GPU.") : new CudaProbe(null, count);
        }

        private static String initialisation(int result) {
            return switch (result) {
                case NO_DEVICE -> "the driver sees no GPU.";
                case STUB_LIBRARY ->
                        "the libcuda.so.1 found is a toolkit's stub; put the driver's first.";
                case DRIVER_MISMATCH ->
                        "the driver's kernel module and library differ; restart the machine.";
                default -> "the NVIDIA driver does not start: error " + result + ".";
            };
        }

        private int get(String function) {
            try (var arena = Arena.ofConfined()) {
                var value = arena.allocate(ValueLayout.JAVA_INT);
                check(function, call(function, value));
                return value.get(ValueLayout.JAVA_INT, 0);
            }
        }

        private int attribute(int attribute, int device) {
            try (var arena = Arena.ofConfined()) {
                var value = arena.allocate(ValueLayout.JAVA_INT);
                check(
                        "cuDeviceGetAttribute",
                        call("cuDeviceGetAttribute", value, attribute, device));
                return value.get(ValueLayout.JAVA_INT, 0);
            }
        }

        private static void check(String function, int result) {
            if (result != 0) {
                throw new CudaException(function + " answers " + result);
            }
        }

        private int call(String function, Object... arguments) {
            var layouts = new ValueLayout[arguments.length];
            for (int i = 0; i < arguments.length; i++) {
                layouts[i] =
                        arguments[i] instanceof MemorySegment
                                ? ValueLayout.ADDRESS
                                : ValueLayout.JAVA_INT;
            }
            var handle =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    library.findOrThrow(function),
                                    FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts));
            try {
                return (int) handle.invokeWithArguments(arguments);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }
    }
}
