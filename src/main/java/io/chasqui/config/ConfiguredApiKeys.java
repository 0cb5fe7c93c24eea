package io.chasqui.config;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The API keys that clients may use: those given in plain, and the hashed ones of a key file, which
 * is read again when it changes. Safe for many threads.
 */
public final class ConfiguredApiKeys implements ApiKeys {
    private static final System.Logger LOG = System.getLogger(ConfiguredApiKeys.class.getName());
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

    private final List<KeyFile.Entry> given;
    private final Path file;
    private final long lookAgainNanos;
    private volatile Snapshot snapshot;
    private volatile long lookedAt;

    /** The file as last read; {@code modified} is null when it is absent. */
    private record Snapshot(
            FileTime modified, long size, List<KeyFile.Entry> keys, boolean required) {}

    /**
     * @param plainKeys keys given in plain, named {@code api-key-1} and so on
     * @param file the key file, which may be absent; null for none
     * @throws IOException if the file is there and cannot be read
     * @throws IllegalArgumentException if a line of it is malformed; the message has its number
     */
    public ConfiguredApiKeys(List<String> plainKeys, Path file) throws IOException {
        this(plainKeys, file, LOOK_AGAIN);
    }

    ConfiguredApiKeys(List<String> plainKeys, Path file, Duration lookAgain) throws IOException {
        this.given = new ArrayList<>();
        for (int i = 0; i < plainKeys.size(); i++) {
            given.add(
                    new KeyFile.Entry(hash(plainKeys.get(i)), new Caller("api-key-" + (i + 1), 0)));
        }
        this.file = file;
        this.lookAgainNanos = lookAgain.toNanos();
        this.snapshot = read(!given.isEmpty());
        this.lookedAt = System.nanoTime();
    }

    /** The keys that a configuration names. */
    public static ConfiguredApiKeys of(ChasquiConfig config) throws IOException {
        return new ConfiguredApiKeys(
                config.apiKey().orElse(List.of()),
                config.apiKeyFile().orElseGet(ChasquiHome::keyFile));
    }

    /**
     * Whether a request needs a key. Once there has been a key it stays so: removing the file or
     * its last line shuts everybody out rather than letting everybody in.
     */
    @Override
    public boolean required() {
        return current().required();
    }

    /** The key that was presented, if it is one of these. Takes equally long whichever it is. */
    @Override
    public Optional<Caller> find(String presented) {
        if (!required()) {
            return Optional.of(Caller.ANONYMOUS);
        }
        var hash = hash(presented);
        Caller found = null;
        for (var keys : List.of(given, current().keys())) {
            for (var candidate : keys) {
                if (MessageDigest.isEqual(candidate.hash(), hash)) {
                    found = candidate.caller();
                }
            }
        }
        return Optional.ofNullable(found);
    }

    /** SHA-256 of a key. */
    public static byte[] hash(String key) {
        try {
            return MessageDigest.getInstance("SHA-256")
                    .digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private Snapshot current() {
        if (file != null && System.nanoTime() - lookedAt >= lookAgainNanos) {
            lookAgain();
        }
        return snapshot;
    }

    /** A file that has become unreadable leaves the keys as they were. */
    private synchronized void lookAgain() {
        lookedAt = System.nanoTime();
        try {
            if (hasChanged()) {
                snapshot = read(snapshot.required());
                LOG.log(System.Logger.Level.INFO, "{0} API keys read", snapshot.keys().size());
            }
        } catch (IOException | IllegalArgumentException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the API keys stay as they were: {0}",
                    e.getMessage());
        }
    }

    private boolean hasChanged() throws IOException {
        if (!Files.exists(file)) {
            return snapshot.modified() != null;
        }
        return !Files.getLastModifiedTime(file).equals(snapshot.modified())
                || Files.size(file) != snapshot.size();
    }

    private Snapshot read(boolean requiredBefore) throws IOException {
        if (file == null || !Files.exists(file)) {
            return new Snapshot(null, 0, List.of(), requiredBefore);
        }
        var modified = Files.getLastModifiedTime(file);
        long size = Files.size(file);
        var keys = KeyFile.read(file);
        return new Snapshot(modified, size, keys, requiredBefore || !keys.isEmpty());
    }
}
