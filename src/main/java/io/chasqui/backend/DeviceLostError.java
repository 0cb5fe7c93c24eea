package io.chasqui.backend;

/**
 * A device failed so that nothing it says can be trusted any more: the process must end, for only a
 * new one can use the device again.
 */
public final class DeviceLostError extends Error {
    private static final long serialVersionUID = 1;

    public DeviceLostError(String message) {
        super(message);
    }
}
