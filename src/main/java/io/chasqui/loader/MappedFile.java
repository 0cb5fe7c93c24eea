package io.chasqui.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * A file of a checkpoint, mapped read-only; it may be larger than 2 GiB. Closing unmaps it and ends
 * every view of it.
 */
final class MappedFile implements AutoCloseable {
    private final Path path;
    private final Arena arena;
    private final MemorySegment bytes;

    private MappedFile(Path path, Arena arena, MemorySegment bytes) {
        this.path = path;
        this.arena = arena;
        this.bytes = bytes;
    }

    /**
     * @throws ModelFormatException if there is no such regular file, it cannot be read, or its name
     *     is that of a pickle
     */
    static MappedFile open(Path path) {
        refusePickle(fileName(path));
        if (!Files.isRegularFile(path)) {
            throw new ModelFormatException(path + ": no such file");
        }
        var arena = Arena.ofShared();
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            var bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return new MappedFile(path, arena, bytes);
        } catch (IOException e) {
            arena.close();
            throw new ModelFormatException(path + ": cannot be read: " + e, e);
        }
    }

    /** Refuses PyTorch's pickles by name: reading one means running what it says. */
    static void refusePickle(String fileName) {
        var name = fileName.toLowerCase(Locale.ROOT);
        if (name.endsWith(".bin")
                || name.endsWith(".pt")
                || name.endsWith(".pth")
                || name.endsWith(".ckpt")
                || name.endsWith(".pkl")) {
            throw new ModelFormatException(
                    fileName
                            + ": pickle files can run code and are never opened; use a safetensors"
                            + " or GGUF version of the model");
        }
    }

    static String fileName(Path path) {
        var name = path.getFileName();
        return name == null ? path.toString() : name.toString();
    }

    MemorySegment bytes() {
        return bytes;
    }

    long size() {
        return bytes.byteSize();
    }

    String name() {
        return fileName(path);
    }

    Path path() {
        return path;
    }

    /** An error about this file. */
    ModelFormatException error(String reason) {
        return new ModelFormatException(name() + ": " + reason);
    }

    /** An error about a tensor of this file. */
    ModelFormatException error(String tensor, String reason) {
        return error("tensor " + quote(tensor) + ": " + reason);
    }

    /** A name from the file, fit for a log line. */
    static String quote(String name) {
        var shown = name.length() <= 100 ? name : name.substring(0, 100) + "…";
        return "'" + shown.replaceAll("\\p{Cntrl}", "?") + "'";
    }

    @Override
    public void close() {
        arena.close();
    }
}
