package io.chasqui.loader;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Files that a model file names: plain names inside its own folder, nothing else. */
final class FolderFiles {
    private static final Pattern PLAIN = Pattern.compile("[\\p{L}\\p{N}_][\\p{L}\\p{N} ._()+=@-]*");

    private FolderFiles() {}

    /**
     * The file {@code name} beside {@code origin}.
     *
     * @param origin the file that says the name
     * @throws ModelFormatException if the name is a path, or a link that leads out of the folder
     */
    static Path resolve(Path origin, String name) {
        var says = MappedFile.fileName(origin) + ": names the file " + MappedFile.quote(name);
        if (name.length() > 255 || !PLAIN.matcher(name).matches()) {
            throw new ModelFormatException(says + ", which is not a plain file name");
        }
        var folder = origin.toAbsolutePath().getParent();
        var file = child(folder, name);
        if (file == null || !Files.isRegularFile(file)) {
            throw new ModelFormatException(says + ", which is not there");
        }
        if (!staysInside(folder, file)) {
            throw new ModelFormatException(says + ", which is a link out of the model's folder");
        }
        return file;
    }

    /** Null for a name that this file system cannot spell. */
    private static Path child(Path folder, String name) {
        try {
            return folder.resolve(name);
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /**
     * True if the file, links followed, lies in the folder; the blobs of a Hugging Face cache
     * ({@code snapshots/<revision>/file → ../../blobs/<hash>}) count as inside.
     */
    private static boolean staysInside(Path folder, Path file) {
        try {
            var home = folder.toRealPath();
            var parent = file.toRealPath().getParent();
            return parent.equals(home) || parent.equals(blobs(home));
        } catch (IOException e) {
            return false;
        }
    }

    private static Path blobs(Path snapshot) {
        var snapshots = snapshot.getParent();
        return snapshots != null && snapshots.endsWith("snapshots")
                ? snapshots.resolveSibling("blobs")
                : null;
    }
}
