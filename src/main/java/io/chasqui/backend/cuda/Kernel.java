package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.lang.foreign.Arena;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUstream;

/**
 * A kernel on one device. Its parameters are written to {@link #parameters}, then it is launched;
 * all on the device's thread.
 */
final class Kernel {
    /** Dynamic shared memory that needs no permission. */
    private static final int FREE_SHARED_BYTES = 48 << 10;

    private final String name;
    private final CUfunction function;
    private final int parameterBytes;
    private final ParameterBlock parameters;
    private int allowedSharedBytes = FREE_SHARED_BYTES;

    Kernel(String name, CUfunction function, int parameterBytes, Arena arena) {
        this.name = name;
        this.function = function;
        this.parameterBytes = parameterBytes;
        this.parameters = new ParameterBlock(arena);
    }

    String name() {
        return name;
    }

    /** The parameters of the next launch, still empty. */
    ParameterBlock parameters() {
        return parameters.begin();
    }

    /**
     * Launches it with the parameters written.
     *
     * @param columns blocks along x
     * @param rows blocks along y
     * @param threads in a block
     * @param sharedBytes dynamic shared memory
     */
    void launch(CUstream stream, int columns, int rows, int threads, int sharedBytes) {
        if (parameters.endStruct().size() != parameterBytes) {
            throw new IllegalStateException(
                    "%s takes %d bytes of parameters, not the %d written"
                            .formatted(name, parameterBytes, parameters.size()));
        }
        allowShared(sharedBytes);
        int result =
                cuLaunchKernel(
                        function,
                        columns,
                        rows,
                        1,
                        threads,
                        1,
                        1,
                        sharedBytes,
                        stream,
                        parameters.arguments(),
                        null);
        if (result != 0) {
            CudaError.check(result, "launching " + name);
        }
    }

    private void allowShared(int bytes) {
        if (bytes > allowedSharedBytes) {
            CudaError.check(
                    cuFuncSetAttribute(
                            function,
                            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            bytes),
                    "%d bytes of shared memory for %s".formatted(bytes, name));
            allowedSharedBytes = bytes;
        }
    }
}
