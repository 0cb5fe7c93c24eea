package io.chasqui.catalog;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A running SHA-256. */
final class Sha256 {
    static final int CHUNK = 1 << 18;

    private final MessageDigest digest;

    Sha256() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** Checksum of a text in lower-case hex. */
    static String of(String text) {
        var sha256 = new Sha256();
        sha256.digest.update(text.getBytes(StandardCharsets.UTF_8));
        return sha256.hex();
    }

    /** Takes in a whole file. */
    void file(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            copy(in, OutputStream.nullOutputStream(), _ -> {});
        }
    }

    /** Copies a stream and takes in what passes. */
    void copy(InputStream in, OutputStream out, Passed passed) throws IOException {
        var chunk = new byte[CHUNK];
        for (int n; (n = in.read(chunk)) >= 0; ) {
            out.write(chunk, 0, n);
            digest.update(chunk, 0, n);
            passed.bytes(n);
        }
    }

    /** The checksum in lower-case hex; starts anew. */
    String hex() {
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Called for each chunk that was copied. */
    @FunctionalInterface
    interface Passed {
        void bytes(int n) throws IOException;
    }
}
