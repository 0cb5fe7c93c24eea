package io.chasqui.loader;

import java.util.function.Supplier;

/**
 * Turns the fault that reading a mapped file raises when the file shrank underneath (a JVM {@link
 * InternalError}) into a {@link ModelFormatException}.
 */
public final class FileFaults {
    private FileFaults() {}

    /**
     * Runs {@code action}, which reads from the mapping.
     *
     * @param file named in the message
     * @throws ModelFormatException if the file became shorter while it was read
     */
    public static <T> T guard(String file, Supplier<T> action) {
        try {
            return action.get();
        } catch (InternalError e) {
            throw new ModelFormatException(
                    file + ": became shorter while it was read; is something rewriting it?", e);
        }
    }
}
