package io.chasqui.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file of one name in a folder of its own, written anew for each input of a fuzz target. */
public final class InputFile {
    private static final int MAX_MESSAGE = 4_096;

    private final Path folder;
    private final Path file;

    public InputFile(String name) {
        try {
            folder = Files.createTempDirectory("chasqui-fuzz");
            file = folder.resolve(name);
            folder.toFile().deleteOnExit();
            file.toFile().deleteOnExit();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Path folder() {
        return folder;
    }

    public Path write(byte[] input) {
        try {
            return Files.write(file, input);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A refusal has to be words, and not without end. */
    public static void checkMessage(RuntimeException refusal) {
        var message = refusal.getMessage();
        if (message == null || message.isBlank() || message.length() > MAX_MESSAGE) {
            throw new AssertionError("the message is empty or endless", refusal);
        }
    }
}
