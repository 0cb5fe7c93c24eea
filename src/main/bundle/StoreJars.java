import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Collections;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Writes the jars of a folder anew without compression, so that xz can compress all of them
 * together, and without times, so that equal builds give equal archives.
 *
 * <p>{@code java StoreJars.java FOLDER}
 */
final class StoreJars {
    private static final FileTime TIME = FileTime.from(Instant.parse("2000-01-01T00:00:00Z"));

    public static void main(String[] args) throws IOException {
        try (var files = Files.walk(Path.of(args[0]))) {
            for (var jar : files.filter(file -> file.toString().endsWith(".jar")).toList()) {
                store(jar);
            }
        }
    }

    private static void store(Path jar) throws IOException {
        var stored = Files.createTempFile(jar.getParent(), "stored", ".jar");
        try (var in = new ZipFile(jar.toFile());
                var out = new ZipOutputStream(Files.newOutputStream(stored))) {
            out.setMethod(ZipOutputStream.STORED);
            for (var entry : Collections.list(in.entries())) {
                var bytes = in.getInputStream(entry).readAllBytes();
                out.putNextEntry(stored(entry.getName(), bytes));
                out.write(bytes);
            }
        }
        Files.move(stored, jar, StandardCopyOption.REPLACE_EXISTING);
    }

    private static ZipEntry stored(String name, byte[] bytes) {
        var crc = new CRC32();
        crc.update(bytes);
        var entry = new ZipEntry(name);
        entry.setSize(bytes.length);
        entry.setCrc(crc.getValue());
        entry.setLastModifiedTime(TIME);
        return entry;
    }
}
