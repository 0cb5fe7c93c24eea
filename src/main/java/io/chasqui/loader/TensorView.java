package io.chasqui.loader;

import io.chasqui.quant.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Supplier;

/**
 * A named, typed, shaped range of bytes in a checkpoint. Nothing is copied: the bytes are those of
 * the mapped file, or are made at the first call for a checkpoint without weights.
 *
 * @param name the tensor's name in the checkpoint
 * @param dtype element type
 * @param shape outermost dimension first; a matrix is {@code [rows = out, columns = in]}
 * @param bytes yields the row-major data, {@code dtype.bytes(product of shape)} bytes long
 * @param seed where the data is noise that a device can make itself, its seed: element {@code i} is
 *     {@link io.chasqui.quant.RandomWeights#bf16 RandomWeights.bf16(seed, i)}
 */
public record TensorView(
        String name,
        DType dtype,
        List<Long> shape,
        Supplier<MemorySegment> bytes,
        OptionalLong seed) {

    /** A tensor of stored data. */
    public TensorView(String name, DType dtype, List<Long> shape, Supplier<MemorySegment> bytes) {
        this(name, dtype, shape, bytes, OptionalLong.empty());
    }

    /** The data; it lives as long as the checkpoint says. */
    public MemorySegment data() {
        return bytes.get();
    }
}
