package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * A mistake planted in a kernel.
 *
 * @param name of the mistake, in words with dashes
 * @param module the {@code .cu} file of {@code src/main/cuda} whose kernels have it
 * @param file the file to change: the module or a header of it
 * @param right what is replaced; must occur once
 * @param wrong what it is replaced by
 */
record KernelMutation(String name, String module, String file, String right, String wrong) {
    private static final Path ROOT = Path.of(System.getProperty("basedir", ""));
    private static final Path SOURCES = ROOT.resolve("src/main/cuda");
    private static final Path CHANGED = ROOT.resolve("target/cuda-mutations");

    KernelMutation(String name, String module, String right, String wrong) {
        this(name, module, module, right, wrong);
    }

    /** Compiles the changed module into a library for {@link CudaEmulator#setKernels}. */
    Path build(CudaEmulator emulator) {
        return build(emulator, UnaryOperator.identity());
    }

    /**
     * The same of a part of the module.
     *
     * @param part leaves kernels out of the text of the file to change, so that compiling takes
     *     less
     */
    Path build(CudaEmulator emulator, UnaryOperator<String> part) {
        try {
            String text = Files.readString(SOURCES.resolve(file));
            assertEquals(2, text.split(Pattern.quote(right), -1).length, name + " occurs once");
            String changed = part.apply(text.replace(right, wrong));
            // Headers are no part of what object files are told apart by: the folder's name is.
            var folder = name + "-" + HexFormat.of().toHexDigits(changed.hashCode());
            var sources = Files.createDirectories(CHANGED.resolve(folder));
            Files.writeString(sources.resolve(module), Files.readString(SOURCES.resolve(module)));
            Files.writeString(sources.resolve(file), changed);
            return emulator.buildKernels(folder, sources);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
