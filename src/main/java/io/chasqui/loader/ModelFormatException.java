package io.chasqui.loader;

/** A model file says something that cannot be true. The message names file, tensor and reason. */
public final class ModelFormatException extends RuntimeException {
    public ModelFormatException(String message) {
        super(message);
    }

    public ModelFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
