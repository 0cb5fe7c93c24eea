package io.chasqui.backend.cuda;

/** A device has too little memory left. */
public final class OutOfDeviceMemoryException extends CudaException {
    private static final long serialVersionUID = 1;

    OutOfDeviceMemoryException(String message) {
        super(message);
    }
}
