package io.chasqui.loader;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Opens every file of a folder and expects each to be refused; run in a JVM with a small heap. Ends
 * with status 1 and names the file when something else happens.
 */
final class OpenHostileFiles {
    private OpenHostileFiles() {}

    public static void main(String[] args) throws IOException {
        int refused = 0;
        try (var files = Files.newDirectoryStream(Path.of(args[0]))) {
            for (var file : files) {
                if (!isRefused(file)) {
                    System.exit(1);
                }
                refused++;
            }
        }
        System.out.println(refused + " refused");
    }

    private static boolean isRefused(Path file) {
        try {
            open(file).close();
            System.out.println(file.getFileName() + " was accepted");
        } catch (ModelFormatException e) {
            return true;
        } catch (Throwable e) {
            System.out.println(file.getFileName() + ": " + e);
        }
        return false;
    }

    /** Something that holds an open file. */
    interface Open {
        void close();
    }

    static Open open(Path file) {
        return GgufFile.isGguf(file)
                ? GgufFile.open(file)::close
                : SafetensorsFile.open(file)::close;
    }
}
