package io.chasqui.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Functions of the driver that the binding lacks. */
final class Driver {
    static final String LIBRARY = "libcuda.so.1";

    private static final MethodHandle GET_PARAM_INFO =
            function(
                    "cuFuncGetParamInfo",
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS);

    private Driver() {}

    private static MethodHandle function(String name, ValueLayout... parameters) {
        var address = SymbolLookup.libraryLookup(LIBRARY, Arena.global()).findOrThrow(name);
        return Linker.nativeLinker()
                .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
    }

    /** Size of the one parameter that a kernel takes. */
    static int parameterBytes(long function, String name) {
        try (var arena = Arena.ofConfined()) {
            MemorySegment offset = arena.allocate(ValueLayout.JAVA_LONG);
            MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
            int result = (int) GET_PARAM_INFO.invokeExact(function, 0L, offset, size);
            CudaError.check(result, "parameters of kernel " + name);
            return (int) size.get(ValueLayout.JAVA_LONG, 0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
