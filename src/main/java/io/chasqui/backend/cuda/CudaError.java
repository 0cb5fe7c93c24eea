package io.chasqui.backend.cuda;

import io.chasqui.backend.DeviceLostError;
import jcuda.driver.CUresult;

/** What the driver's result codes mean for those who called. */
final class CudaError {
    private CudaError() {}

    /**
     * @param what was tried, for the message
     * @throws DeviceLostError if the context cannot be used any more
     * @throws OutOfDeviceMemoryException if memory is short
     * @throws CudaException if this call failed and others may succeed
     */
    static void check(int result, String what) {
        if (result == CUresult.CUDA_SUCCESS) {
            return;
        }
        var message = what + ": " + name(result) + mend(result);
        if (isSticky(result)) {
            throw new DeviceLostError(message);
        }
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw new OutOfDeviceMemoryException(message);
        }
        throw new CudaException(message);
    }

    /** What can be done about errors that have one cause. */
    private static String mend(int result) {
        return switch (result) {
            case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU ->
                    "; this build has no kernels for this GPU";
            case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION ->
                    "; a newer NVIDIA driver is needed, 580 or later";
            case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE ->
                    "; another process has the GPU for itself";
            default -> "";
        };
    }

    /** The code's name and number. */
    static String name(int result) {
        return CUresult.stringFor(result) + " (" + result + ")";
    }

    /** Errors after which every call in the context fails, or may say anything. */
    static boolean isSticky(int result) {
        return switch (result) {
            case CUresult.CUDA_ERROR_DEINITIALIZED,
                    CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE,
                    CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
                    CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
                    CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                    CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
                    CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
                    CUresult.CUDA_ERROR_ASSERT,
                    CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
                    CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
                    CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
                    CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
                    CUresult.CUDA_ERROR_INVALID_PC,
                    CUresult.CUDA_ERROR_LAUNCH_FAILED,
                    CUresult.CUDA_ERROR_UNKNOWN ->
                    true;
            default -> false;
        };
    }
}
