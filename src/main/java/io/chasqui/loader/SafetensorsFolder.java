package io.chasqui.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;

/**
 * The safetensors of a model folder: {@code model.safetensors}, or the files that {@code
 * model.safetensors.index.json} names.
 */
public final class SafetensorsFolder implements AutoCloseable {
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final int MAX_SHARDS = 1000;
    private static final int MAX_TENSORS = 1 << 16;
    private static final long MAX_INDEX_BYTES = 32 << 20;

    private final List<SafetensorsFile> shards;
    private final Map<String, TensorView> tensors;
    private final Map<String, OtherTensor> others;

    private SafetensorsFolder(List<SafetensorsFile> shards) {
        this.shards = shards;
        var all = new LinkedHashMap<String, TensorView>();
        var rest = new LinkedHashMap<String, OtherTensor>();
        for (var shard : shards) {
            all.putAll(shard.tensors());
            rest.putAll(shard.others());
        }
        this.tensors = Collections.unmodifiableMap(all);
        this.others = Collections.unmodifiableMap(rest);
    }

    /**
     * Opens every file of the model.
     *
     * @throws ModelFormatException if files are absent, lie, or disagree with the index
     */
    public static SafetensorsFolder open(Path folder) {
        var index = folder.resolve(INDEX);
        if (Files.exists(index)) {
            return openIndexed(index);
        }
        if (!Files.exists(folder.resolve(SINGLE))) {
            throw new ModelFormatException(
                    folder + ": has neither " + SINGLE + " nor " + INDEX + pickleHint(folder));
        }
        return new SafetensorsFolder(List.of(SafetensorsFile.open(folder.resolve(SINGLE))));
    }

    private static SafetensorsFolder openIndexed(Path index) {
        var fileOf = readIndex(index);
        var shards = new ArrayList<SafetensorsFile>();
        try {
            for (var name : fileNames(index, fileOf)) {
                shards.add(SafetensorsFile.open(FolderFiles.resolve(index, name)));
            }
            checkIndex(index, fileOf, shards);
            return new SafetensorsFolder(List.copyOf(shards));
        } catch (RuntimeException | Error e) {
            shards.forEach(SafetensorsFile::close);
            throw e;
        }
    }

    /** Tensor name to file name. */
    private static Map<String, String> readIndex(Path index) {
        try (var file = MappedFile.open(index)) {
            if (file.size() > MAX_INDEX_BYTES) {
                throw file.error("is longer than " + MAX_INDEX_BYTES + " bytes");
            }
            return FileFaults.guard(file.name(), () -> parseIndex(file));
        }
    }

    private static Map<String, String> parseIndex(MappedFile file) {
        var fileOf = new LinkedHashMap<String, String>();
        boolean found = false;
        try (var json = new HeaderJson(file, file.bytes())) {
            json.enterObject("the index");
            for (var key = json.nextField(); key != null; key = json.nextField()) {
                if (!key.equals("weight_map")) {
                    json.skipValue();
                } else if (found) {
                    throw file.error("has weight_map twice");
                } else {
                    found = true;
                    readWeightMap(file, json, fileOf);
                }
            }
            json.end();
        }
        if (fileOf.isEmpty()) {
            throw file.error("has no weight_map, or an empty one");
        }
        return fileOf;
    }

    private static void readWeightMap(
            MappedFile file, HeaderJson json, Map<String, String> fileOf) {
        var names = new LinkedHashMap<String, String>();
        json.enterObject("weight_map");
        for (var tensor = json.nextField(); tensor != null; tensor = json.nextField()) {
            var name = json.string("the file of tensor " + MappedFile.quote(tensor));
            var shared = names.putIfAbsent(name, name);
            if (fileOf.put(tensor, shared == null ? name : shared) != null) {
                throw file.error(tensor, "occurs twice in weight_map");
            }
            if (fileOf.size() > MAX_TENSORS || names.size() > MAX_SHARDS) {
                throw file.error(
                        "names more than " + MAX_TENSORS + " tensors or " + MAX_SHARDS + " files");
            }
        }
    }

    private static SequencedSet<String> fileNames(Path index, Map<String, String> fileOf) {
        var names = new LinkedHashSet<>(fileOf.values());
        for (var name : names) {
            if (!name.endsWith(".safetensors")) {
                MappedFile.refusePickle(name);
                throw new ModelFormatException(
                        MappedFile.fileName(index)
                                + ": names the file "
                                + MappedFile.quote(name)
                                + ", which is not a safetensors file");
            }
        }
        return names;
    }

    private static void checkIndex(
            Path index, Map<String, String> fileOf, List<SafetensorsFile> shards) {
        var missing = new LinkedHashMap<>(fileOf);
        for (var shard : shards) {
            var names = new LinkedHashSet<>(shard.tensors().keySet());
            names.addAll(shard.others().keySet());
            for (var tensor : names) {
                if (!shard.name().equals(fileOf.get(tensor))) {
                    throw new ModelFormatException(
                            "%s: holds the tensor %s, which %s places in %s"
                                    .formatted(
                                            shard.name(),
                                            MappedFile.quote(tensor),
                                            MappedFile.fileName(index),
                                            fileOf.getOrDefault(tensor, "no file")));
                }
                missing.remove(tensor);
            }
        }
        if (!missing.isEmpty()) {
            var first = missing.firstEntry();
            throw new ModelFormatException(
                    "%s: places the tensor %s in %s, which does not hold it"
                            .formatted(
                                    MappedFile.fileName(index),
                                    MappedFile.quote(first.getKey()),
                                    first.getValue()));
        }
    }

    private static String pickleHint(Path folder) {
        for (var name : List.of("pytorch_model.bin", "pytorch_model.bin.index.json")) {
            if (Files.exists(folder.resolve(name))) {
                return "; "
                        + name
                        + " is a pickle, which can run code and is never opened: use a safetensors"
                        + " or GGUF version of the model";
            }
        }
        return "";
    }

    /** Tensors of all files by name. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /** Tensors of types that weights cannot have, by name. */
    public Map<String, OtherTensor> others() {
        return others;
    }

    /** Number of files. */
    public int shards() {
        return shards.size();
    }

    @Override
    public void close() {
        shards.forEach(SafetensorsFile::close);
    }
}
