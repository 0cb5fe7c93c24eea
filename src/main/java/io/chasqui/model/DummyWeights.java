package io.chasqui.model;

import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import io.chasqui.quant.RandomWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedSet;

/**
 * Weights of an exact geometry made from a seed, for benchmarks and capacity tests. A tensor is
 * made when it is first asked for and kept until {@link #release}, so a model larger than memory
 * can be packed piece by piece. A BF16 matrix need not be made at all: its seed is enough for a
 * device.
 */
final class DummyWeights implements WeightStorage {
    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfFloat F32 =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final long seed;
    private final Map<String, MemorySegment> made = new HashMap<>();
    private Arena arena = Arena.ofShared();

    private DummyWeights(long seed) {
        this.seed = seed;
    }

    /**
     * A checkpoint of this geometry.
     *
     * @param layers of which it has the first so many
     * @param dtype type of every matrix; norms are F32 ones
     * @param seed equal seeds give equal weights
     * @throws IllegalArgumentException if the rows of a matrix do not fill blocks of the type, or
     *     the geometry has fewer layers
     */
    static Checkpoint checkpoint(Geometry geometry, int layers, DType dtype, long seed) {
        return checkpoint(
                geometry.label(),
                geometry.config().withLayers(layers),
                geometry.eosTokenIds(),
                geometry.bosTokenId(),
                dtype,
                seed);
    }

    /** The same for any configuration. */
    static Checkpoint checkpoint(
            String label,
            LlamaConfig config,
            SequencedSet<Integer> eosTokenIds,
            Integer bosTokenId,
            DType dtype,
            long seed) {
        var weights = new DummyWeights(seed);
        var tensors = new LinkedHashMap<String, TensorView>();
        for (var tensor : LlamaTensor.values()) {
            int copies = tensor.perLayer() ? config.layers() : 1;
            for (int layer = 0; layer < copies; layer++) {
                var view = weights.view(tensor, layer, config, dtype);
                tensors.put(view.name(), view);
            }
        }
        var table =
                TensorTable.match(
                        label,
                        config,
                        LlamaTensor::huggingFaceName,
                        tensors,
                        Map.of(),
                        name -> HuggingFaceNames.ignorable(name, config));
        return new Checkpoint(
                label,
                config,
                table,
                false,
                eosTokenIds,
                bosTokenId,
                GenerationDefaults.NONE,
                Map.of(),
                weights);
    }

    private TensorView view(LlamaTensor tensor, int layer, LlamaConfig config, DType dtype) {
        var name = tensor.huggingFaceName(layer);
        var shape = tensor.shape(config);
        var type = tensor.isVector() ? DType.F32 : dtype;
        if (shape.getLast() % type.blockElements() != 0) {
            throw new IllegalArgumentException(
                    "rows of %d elements (%s) do not fill %s blocks of %d; choose another type"
                            .formatted(shape.getLast(), name, type, type.blockElements()));
        }
        long bytes = type.bytes(shape.stream().reduce(1L, Math::multiplyExact));
        return new TensorView(
                name,
                type,
                shape,
                () -> data(name, type, bytes, tensor.isVector()),
                type == DType.BF16 ? OptionalLong.of(tensorSeed(name)) : OptionalLong.empty());
    }

    private synchronized MemorySegment data(String name, DType type, long bytes, boolean vector) {
        return made.computeIfAbsent(
                name,
                key -> {
                    var segment = arena.allocate(bytes, ALIGNMENT);
                    if (vector) {
                        fillOnes(segment);
                    } else {
                        RandomWeights.fill(type, segment, tensorSeed(name));
                    }
                    return segment.asReadOnly();
                });
    }

    private static void fillOnes(MemorySegment segment) {
        for (long at = 0; at < segment.byteSize(); at += Float.BYTES) {
            segment.set(F32, at, 1f);
        }
    }

    /** Far from the seeds of other tensors, whose noise would otherwise repeat, shifted. */
    private long tensorSeed(String name) {
        return (seed * 31 + name.hashCode()) * 0xD1342543DE82EF95L;
    }

    @Override
    public synchronized void release() {
        close();
        arena = Arena.ofShared();
    }

    @Override
    public synchronized void close() {
        made.clear();
        arena.close();
    }
}
