package io.chasqui.backend.cuda;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * The compiled kernels in the jar, as {@code src/main/cuda/build.sh} leaves them: for each source
 * file one module, an image that holds machine code for several GPU generations and PTX for later
 * ones.
 *
 * @param sources SHA-256 of the CUDA sources they were compiled from, in hex
 */
public record KernelModules(String sources, List<Module> modules) {
    private static final String TABLE = "modules.tsv";

    /**
     * One source file's kernels.
     *
     * @param name its file's, e.g. {@code gate_up}; of a plain kernel {@code plain_gate_up}
     * @param kernels their names
     * @param image what {@code cuModuleLoadData} takes
     */
    public record Module(String name, List<String> kernels, byte[] image) {}

    public KernelModules {
        modules = List.copyOf(modules);
    }

    /** The jar's; empty when it was built without a CUDA compiler. */
    public static Optional<KernelModules> ofJar() {
        return read(KernelModules.class::getResourceAsStream);
    }

    /**
     * @param open opens a file by name; null when there is none
     */
    static Optional<KernelModules> read(Function<String, InputStream> open) {
        var kernels = new LinkedHashMap<String, List<String>>();
        String sources = null;
        try (var table = open.apply(TABLE)) {
            if (table == null) {
                return Optional.empty();
            }
            var text = new String(table.readAllBytes(), StandardCharsets.UTF_8);
            for (var line : text.lines().toList()) {
                var fields = line.split("\t", 2);
                if (sources == null) {
                    sources = fields[1];
                } else {
                    kernels.computeIfAbsent(fields[0], _ -> new ArrayList<>()).add(fields[1]);
                }
            }
            var modules = new ArrayList<Module>();
            for (var module : kernels.entrySet()) {
                var image = image(open, module.getKey() + ".fatbin");
                modules.add(new Module(module.getKey(), List.copyOf(module.getValue()), image));
            }
            return modules.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new KernelModules(sources, modules));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] image(Function<String, InputStream> open, String name)
            throws IOException {
        try (var file = open.apply(name)) {
            if (file == null) {
                throw new FileNotFoundException(
                        TABLE + " names " + name + ", which is absent: build again.");
            }
            return file.readAllBytes();
        }
    }
}
