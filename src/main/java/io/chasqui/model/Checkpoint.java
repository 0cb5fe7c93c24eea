package io.chasqui.model;

import io.chasqui.loader.FileFaults;
import io.chasqui.loader.GgufFile;
import io.chasqui.loader.LinearSource;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.loader.SafetensorsFolder;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import io.chasqui.quant.Dequantizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;

/**
 * A Llama model on disk, whatever its format: configuration, tensors by role, and what it says
 * about generation. Opening one checks that every tensor is there with the right shape and type;
 * nothing is read beyond the headers until a tensor is asked for, and nothing is ever executed.
 */
public final class Checkpoint implements AutoCloseable {
    private final String name;
    private final LlamaConfig config;
    private final TensorTable tensors;
    private final boolean permutedHeads;
    private final SequencedSet<Integer> eosTokenIds;
    private final Integer bosTokenId;
    private final GenerationDefaults generationDefaults;
    private final Map<String, Object> metadata;
    private final WeightStorage storage;

    Checkpoint(
            String name,
            LlamaConfig config,
            TensorTable tensors,
            boolean permutedHeads,
            SequencedSet<Integer> eosTokenIds,
            Integer bosTokenId,
            GenerationDefaults generationDefaults,
            Map<String, Object> metadata,
            WeightStorage storage) {
        this.name = name;
        this.config = config;
        this.tensors = tensors;
        this.permutedHeads = permutedHeads;
        this.eosTokenIds = Collections.unmodifiableSequencedSet(eosTokenIds);
        this.bosTokenId = bosTokenId;
        this.generationDefaults = generationDefaults;
        this.metadata = metadata;
        this.storage = storage;
    }

    /**
     * Opens a GGUF file (of a split model, the first part), or a folder in Hugging Face's layout.
     *
     * @throws ModelFormatException if it is not a Llama model in a supported format, or any part of
     *     it is absent, damaged or untrue
     */
    public static Checkpoint open(Path fileOrFolder) {
        if (Files.isDirectory(fileOrFolder)) {
            return openFolder(fileOrFolder);
        }
        if (!Files.exists(fileOrFolder)) {
            throw new ModelFormatException(fileOrFolder + ": no such file or folder");
        }
        if (fileOrFolder.getFileName().toString().endsWith(".safetensors")) {
            throw new ModelFormatException(
                    fileOrFolder + ": give the folder, which holds config.json too");
        }
        return openGguf(fileOrFolder);
    }

    /**
     * The configuration in a folder of Hugging Face's layout, whose weights need not be there.
     *
     * @throws ModelFormatException if it is not that of a supported model
     */
    public static LlamaConfig config(Path folder) {
        return HuggingFaceConfig.read(folder, null).config();
    }

    /**
     * A model of published shape with random weights, made tensor by tensor as they are asked for.
     *
     * @param dtype type of every matrix; norms are F32 ones
     * @param seed equal seeds give equal weights
     * @throws IllegalArgumentException if the rows of a matrix do not fill blocks of the type
     */
    public static Checkpoint dummy(Geometry geometry, DType dtype, long seed) {
        return dummy(geometry, geometry.config().layers(), dtype, seed);
    }

    /**
     * The same, its first {@code layers} only.
     *
     * @throws IllegalArgumentException also if it has fewer
     */
    public static Checkpoint dummy(Geometry geometry, int layers, DType dtype, long seed) {
        return DummyWeights.checkpoint(geometry, layers, dtype, seed);
    }

    /**
     * Random weights for any configuration, without end tokens.
     *
     * @param name for messages
     */
    public static Checkpoint dummy(String name, LlamaConfig config, DType dtype, long seed) {
        return DummyWeights.checkpoint(name, config, new LinkedHashSet<>(), null, dtype, seed);
    }

    private static Checkpoint openGguf(Path path) {
        var file = GgufFile.open(path);
        try {
            return FileFaults.guard(file.name(), () -> of(file));
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static Checkpoint of(GgufFile file) {
        var read = GgufConfig.read(file);
        var tensors =
                TensorTable.match(
                        file.name(),
                        read.config(),
                        LlamaTensor::ggufName,
                        file.tensors(),
                        Map.of(),
                        GgufConfig.ROPE_FREQS::equals);
        return new Checkpoint(
                file.name(),
                read.config(),
                tensors,
                true,
                read.eosTokenIds(),
                read.bosTokenId(),
                GenerationDefaults.NONE,
                file.metadata(),
                file::close);
    }

    private static Checkpoint openFolder(Path folder) {
        if (Files.exists(folder.resolve("adapter_config.json"))) {
            throw new ModelFormatException(
                    folder + ": is a LoRA adapter, not a model; give the model it belongs to");
        }
        if (!Files.exists(folder.resolve("config.json"))) {
            throw new ModelFormatException(
                    folder + ": has no config.json; give a GGUF file or a Hugging Face folder");
        }
        var files = SafetensorsFolder.open(folder);
        try {
            return of(folder, files);
        } catch (RuntimeException | Error e) {
            files.close();
            throw e;
        }
    }

    private static Checkpoint of(Path folder, SafetensorsFolder files) {
        var prefix = HuggingFaceNames.prefix(files.tensors().keySet());
        TensorTable.Naming naming = (tensor, layer) -> prefix + tensor.huggingFaceName(layer);
        var read =
                HuggingFaceConfig.read(
                        folder, files.tensors().get(naming.name(LlamaTensor.KEY, 0)));
        var name = folder.toAbsolutePath().normalize().getFileName().toString();
        var tensors =
                TensorTable.match(
                        name,
                        read.config(),
                        naming,
                        files.tensors(),
                        files.others(),
                        tensor -> HuggingFaceNames.ignorable(tensor, read.config()));
        return new Checkpoint(
                name,
                read.config(),
                tensors,
                false,
                read.eosTokenIds(),
                read.bosTokenId(),
                read.generationDefaults(),
                Map.of(),
                files::close);
    }

    /** Name of the file or folder. */
    public String name() {
        return name;
    }

    public LlamaConfig config() {
        return config;
    }

    /** A matrix outside the layers: {@link LlamaTensor#EMBEDDING} or {@link LlamaTensor#HEAD}. */
    public LinearSource linear(LlamaTensor tensor) {
        return linear(tensor, LlamaTensor.NO_LAYER);
    }

    /**
     * A matrix in the row order of the model, its heads rotated in halves, however it is stored.
     *
     * @throws IllegalArgumentException if the model has no such matrix; with a tied head, it has no
     *     {@link LlamaTensor#HEAD}
     */
    public LinearSource linear(LlamaTensor tensor, int layer) {
        var source = LinearSource.of(view(tensor, layer));
        if (!permutedHeads) {
            return source;
        }
        return switch (tensor) {
            case QUERY -> source.withRowOrder(HeadRows.adjacent(config.heads(), config.headDim()));
            case KEY -> source.withRowOrder(HeadRows.adjacent(config.kvHeads(), config.headDim()));
            default -> source;
        };
    }

    /** The final norm's weights. */
    public float[] vector(LlamaTensor tensor) {
        return vector(tensor, LlamaTensor.NO_LAYER);
    }

    /**
     * A norm's weights.
     *
     * @throws ModelFormatException if one is not finite
     */
    public float[] vector(LlamaTensor tensor, int layer) {
        var view = view(tensor, layer);
        var values = new float[Math.toIntExact(view.shape().getFirst())];
        Dequantizer.dequantize(view.dtype(), view.data(), 0, values, 0, values.length);
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new ModelFormatException(
                        "%s: tensor '%s': element %d is %s"
                                .formatted(name, view.name(), i, values[i]));
            }
        }
        return values;
    }

    private TensorView view(LlamaTensor tensor, int layer) {
        var view = tensors.get(tensor, layer);
        if (view == null) {
            throw new IllegalArgumentException(name + " has no " + tensor + " in layer " + layer);
        }
        return view;
    }

    /** Bytes of a tensor as stored. */
    long bytes(LlamaTensor tensor, int layer) {
        return TensorTable.bytes(view(tensor, layer));
    }

    /** Bytes of all weights as stored. */
    public long weightBytes() {
        return tensors.bytes();
    }

    /** Every token that ends an answer, ascending; may be empty. */
    public SequencedSet<Integer> eosTokenIds() {
        return eosTokenIds;
    }

    /** Token that begins a text, or null. */
    public Integer bosTokenId() {
        return bosTokenId;
    }

    public GenerationDefaults generationDefaults() {
        return generationDefaults;
    }

    /** Metadata of a GGUF file, typed as {@link GgufFile#metadata()}; empty for other formats. */
    public Map<String, Object> metadata() {
        return metadata;
    }

    /**
     * Ends the views handed out so far where keeping them costs memory, i.e. frees generated
     * tensors; a mapped file stays as it is.
     */
    public void release() {
        storage.release();
    }

    /** Ends every view of the weights. What a backend has packed stays. */
    @Override
    public void close() {
        storage.close();
    }
}
