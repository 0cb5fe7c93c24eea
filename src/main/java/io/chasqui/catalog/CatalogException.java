package io.chasqui.catalog;

/** A model that cannot be had. The message is for the user and says what to do. */
public final class CatalogException extends RuntimeException {
    public CatalogException(String message) {
        super(message);
    }

    public CatalogException(String message, Throwable cause) {
        super(message, cause);
    }
}
