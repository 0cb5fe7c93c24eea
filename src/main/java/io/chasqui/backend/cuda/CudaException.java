package io.chasqui.backend.cuda;

/** A call of the driver failed; the device can still be used. */
public class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CudaException(String message) {
        super(message);
    }
}
