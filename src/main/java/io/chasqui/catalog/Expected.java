package io.chasqui.catalog;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * What is known of a file before it is fetched.
 *
 * @param sha256 its checksum in lower-case hex, or null
 * @param size its bytes, or null
 */
record Expected(String sha256, Long size) {
    static final Expected NOTHING = new Expected(null, null);

    /** Refuses a size other than the known one, before anything is fetched. */
    void checkSize(long actual) throws IOException {
        if (size != null && actual != size) {
            throw new IOException("it has " + actual + " bytes instead of " + size);
        }
    }

    /**
     * Puts a complete download into its place, or aside if it is not what was expected.
     *
     * @param part the download, beside {@code target}
     * @param actual its checksum
     * @throws IOException if size or checksum is wrong
     */
    void accept(Path part, Path target, String actual) throws IOException {
        if ((sha256 != null && !sha256.equals(actual))
                || (size != null && Files.size(part) != size)) {
            var rejected = target.resolveSibling(target.getFileName() + ".rejected");
            Files.move(part, rejected, StandardCopyOption.REPLACE_EXISTING);
            throw new IOException(
                    "its checksum is " + actual + ", not " + sha256 + "; set aside as " + rejected);
        }
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    }
}
