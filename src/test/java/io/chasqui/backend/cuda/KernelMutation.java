package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
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

    private static final Set<String> SHARED = Set.of("params.cuh", "device.cuh");
    private static final Pattern INCLUDE = Pattern.compile("(?m)^#include \"(.*)\"\\n");
    private static final Pattern KERNEL = Pattern.compile("(?m)^KERNEL\\((\\w+)\\)");

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
            String changed = part.apply(changed(read(file)));
            // Headers are no part of what object files are told apart by: the folder's name is.
            var folder = name + "-" + HexFormat.of().toHexDigits(changed.hashCode());
            var sources = Files.createDirectories(CHANGED.resolve(folder));
            Files.writeString(sources.resolve(module), read(module));
            Files.writeString(sources.resolve(file), changed);
            return emulator.buildKernels(folder, sources);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Compiles the modules of several mutations together, which is quicker: into one library, where
     * a kernel's name is followed by {@link #suffix}.
     *
     * @param name of the library
     */
    static Path buildTogether(String name, List<KernelMutation> mutations, CudaEmulator emulator) {
        var text = new StringBuilder("#include \"params.cuh\"\n");
        for (var mutation : mutations) {
            text.append("namespace ").append(mutation.identifier()).append(" {\n");
            text.append(mutation.renamed(mutation.expanded(mutation.module, new HashSet<>())));
            text.append("}\n");
        }
        try {
            var sources = Files.createDirectories(CHANGED.resolve(name));
            Files.writeString(sources.resolve(name + ".cu"), text);
            return emulator.buildKernels(name, sources);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String suffix() {
        return "_" + identifier();
    }

    private String identifier() {
        return name.replace('-', '_');
    }

    /** Names of the module's kernels. */
    List<String> kernels() {
        return KERNEL.matcher(read(module)).results().map(match -> match.group(1)).toList();
    }

    private String renamed(String text) {
        for (var kernel : kernels()) {
            text = text.replaceAll("\\b" + kernel + "\\b", kernel + suffix());
        }
        return text;
    }

    /** A file with those that it includes in their places, but for those that all share. */
    private String expanded(String path, Set<String> seen) {
        if (SHARED.contains(path) || !seen.add(path)) {
            return "";
        }
        var text = read(path).replace("#pragma once\n", "");
        if (path.equals(file)) {
            text = changed(text);
        }
        return INCLUDE.matcher(text)
                .replaceAll(match -> Matcher.quoteReplacement(expanded(match.group(1), seen)));
    }

    private String changed(String text) {
        assertEquals(2, text.split(Pattern.quote(right), -1).length, name + " occurs once");
        return text.replace(right, wrong);
    }

    private static String read(String path) {
        try {
            return Files.readString(SOURCES.resolve(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
