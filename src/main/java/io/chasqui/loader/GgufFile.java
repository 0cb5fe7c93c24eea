package io.chasqui.loader;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A GGUF model, version 2 or 3, in one file or split over several ({@code
 * name-00001-of-00003.gguf}). Files are mapped, not read: tensors are views of the mapping and end
 * when this is closed.
 *
 * <p>Nothing in the header is believed: every length, count and offset is checked against the file
 * before use, tensors must follow each other without hole or overlap, and what the header may take
 * on the heap is bounded.
 */
public final class GgufFile implements AutoCloseable {
    private static final Pattern SPLIT_NAME = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})\\.gguf");
    private static final int MAX_PARTS = 1000;

    private final List<MappedFile> files;
    private final Map<String, Object> metadata;
    private final Map<String, TensorView> tensors;

    private GgufFile(
            List<MappedFile> files, Map<String, Object> metadata, Map<String, TensorView> tensors) {
        this.files = files;
        this.metadata = metadata;
        this.tensors = tensors;
    }

    /**
     * Maps the file and reads its header; of a split model, the first part is to be given and the
     * others are found beside it.
     *
     * @throws ModelFormatException if a file is absent, unreadable or lies
     */
    public static GgufFile open(Path path) {
        var files = new ArrayList<MappedFile>();
        try {
            files.add(MappedFile.open(path));
            var first = readHeader(files.getFirst());
            var tensors = new LinkedHashMap<String, TensorView>();
            addTensors(files.getFirst(), first, tensors);
            openOtherParts(files, first.metadata(), tensors);
            return new GgufFile(
                    List.copyOf(files), first.metadata(), Collections.unmodifiableMap(tensors));
        } catch (RuntimeException | Error e) {
            files.forEach(MappedFile::close);
            throw e;
        }
    }

    /** True if the file's name is that of a GGUF file. */
    public static boolean isGguf(Path path) {
        return MappedFile.fileName(path).endsWith(".gguf");
    }

    private static GgufHeader readHeader(MappedFile file) {
        return FileFaults.guard(file.name(), () -> GgufHeader.read(file));
    }

    private static void openOtherParts(
            List<MappedFile> files, Map<String, Object> metadata, Map<String, TensorView> tensors) {
        var first = files.getFirst();
        long parts = splitKey(first, metadata, "split.count", 1);
        if (parts == 0 || parts == 1) {
            return;
        }
        var name = SPLIT_NAME.matcher(first.name());
        if (parts < 0 || parts > MAX_PARTS) {
            throw first.error("split.count is " + parts + "; at most " + MAX_PARTS + " are read");
        }
        if (!name.matches() || Integer.parseInt(name.group(3)) != parts) {
            throw first.error(
                    "is one of "
                            + parts
                            + " parts, but not named like …-00001-of-"
                            + "%05d.gguf".formatted(parts));
        }
        checkPart(first, metadata, parts, 0);
        for (int i = 1; i < parts; i++) {
            var sibling = "%s-%05d-of-%05d.gguf".formatted(name.group(1), i + 1, parts);
            var file = MappedFile.open(FolderFiles.resolve(first.path(), sibling));
            files.add(file);
            var header = readHeader(file);
            checkPart(file, header.metadata(), parts, i);
            addTensors(file, header, tensors);
        }
        long total = splitKey(first, metadata, "split.tensors.count", tensors.size());
        if (total != tensors.size()) {
            throw first.error(
                    "split.tensors.count is "
                            + total
                            + ", but the parts hold "
                            + tensors.size()
                            + " tensors");
        }
    }

    private static void checkPart(
            MappedFile file, Map<String, Object> metadata, long parts, int number) {
        if (splitKey(file, metadata, "split.count", -1) != parts
                || splitKey(file, metadata, "split.no", -1) != number) {
            throw file.error(
                    number == 0
                            ? "is not the first part of its model; open the part numbered 00001"
                            : "is not part " + (number + 1) + " of " + parts + " as its name says");
        }
    }

    private static long splitKey(
            MappedFile file, Map<String, Object> metadata, String key, long absent) {
        var value = metadata.get(key);
        if (value == null) {
            return absent;
        }
        if (value instanceof Long number) {
            return number;
        }
        throw file.error("key '" + key + "' is not an integer");
    }

    private static void addTensors(
            MappedFile file, GgufHeader header, Map<String, TensorView> tensors) {
        for (var tensor : header.tensors()) {
            if (tensors.put(tensor.name(), tensor) != null) {
                throw file.error(tensor.name(), "is also in an earlier part");
            }
        }
    }

    /**
     * Metadata by key, in file order: strings as {@link String}, integers of all widths as {@link
     * Long}, floats as {@link Double}, booleans as {@link Boolean}; arrays as {@code String[]},
     * {@code long[]}, {@code double[]}, {@code boolean[]}. Of a split model, the first part's.
     */
    public Map<String, Object> metadata() {
        return metadata;
    }

    /** Tensors by name, in file order. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /** Name of the file, without its folder; of a split model, the first part's. */
    public String name() {
        return files.getFirst().name();
    }

    @Override
    public void close() {
        files.forEach(MappedFile::close);
    }
}
