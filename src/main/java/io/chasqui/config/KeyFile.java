package io.chasqui.config;

import io.chasqui.config.ApiKeys.Caller;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The file of hashed API keys. A line is {@code <SHA-256 of the key in hex> <name> [priority]};
 * empty lines and lines that start with {@code #} are skipped. The priority is the best one that
 * requests with the key may ask for (lower is sooner), 0 if absent. To revoke a key, delete its
 * line.
 */
public final class KeyFile {
    private static final Pattern LINE =
            Pattern.compile("([0-9a-fA-F]{64})\\s+(\\S{1,64})(?:\\s+(-?\\d{1,9}))?");
    private static final Pattern NAME = Pattern.compile("[\\w.@-]{1,64}");
    private static final int KEY_BYTES = 32;

    private KeyFile() {}

    /** One line. */
    record Entry(byte[] hash, Caller caller) {}

    /**
     * @throws IllegalArgumentException if a line is malformed; the message has its number
     */
    static List<Entry> read(Path file) throws IOException {
        var entries = new ArrayList<Entry>();
        int number = 0;
        for (var line : Files.readAllLines(file)) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            var match = LINE.matcher(line.strip());
            if (!match.matches()) {
                throw new IllegalArgumentException(
                        file + ", line " + number + ": expected a SHA-256 in hex and a name");
            }
            int priority = match.group(3) == null ? 0 : Integer.parseInt(match.group(3));
            entries.add(
                    new Entry(
                            HexFormat.of().parseHex(match.group(1)),
                            new Caller(match.group(2), priority)));
        }
        return entries;
    }

    /**
     * Makes a key and adds its hash to the file, which is readable by its owner alone.
     *
     * @param name whose it is, or null for {@code key-1}, {@code key-2}, …
     * @param minPriority lowest priority value it may ask for
     * @return the key, which is kept nowhere
     * @throws IllegalArgumentException if the name is taken or malformed
     */
    public static String add(Path file, String name, int minPriority) throws IOException {
        var target = file.toAbsolutePath();
        Files.createDirectories(target.getParent());
        try (var channel =
                        FileChannel.open(
                                target.resolveSibling(target.getFileName() + ".lock"),
                                StandardOpenOption.CREATE,
                                StandardOpenOption.WRITE);
                var _ = channel.lock()) {
            var taken =
                    Files.exists(target)
                            ? read(target).stream().map(entry -> entry.caller().name()).toList()
                            : List.<String>of();
            var chosen = name == null ? freeName(taken) : checkName(name, taken);
            var key = newKey();
            append(target, line(key, chosen, minPriority));
            return key;
        }
    }

    private static String freeName(List<String> taken) {
        int n = 1;
        while (taken.contains("key-" + n)) {
            n++;
        }
        return "key-" + n;
    }

    private static String checkName(String name, List<String> taken) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "A key's name has 1 to 64 letters, digits and . _ - @, not '" + name + "'.");
        }
        if (taken.contains(name)) {
            throw new IllegalArgumentException("There is a key named '" + name + "' already.");
        }
        return name;
    }

    private static String newKey() {
        var random = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(random);
        return "sk-" + Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }

    private static String line(String key, String name, int minPriority) {
        return HexFormat.of().formatHex(ConfiguredApiKeys.hash(key))
                + " "
                + name
                + (minPriority == 0 ? "" : " " + minPriority)
                + "\n";
    }

    /** A server that reads the file meanwhile sees it as it was or as it will be. */
    private static void append(Path file, String line) throws IOException {
        var before = Files.exists(file) ? Files.readString(file) : "";
        var separator = before.isEmpty() || before.endsWith("\n") ? "" : "\n";
        var fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(
                fresh,
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, before + separator + line);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
