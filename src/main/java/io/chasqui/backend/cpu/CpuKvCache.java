package io.chasqui.backend.cpu;

import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.ModelShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Keys and values of all layers, off the heap, in blocks.
 *
 * <p>Layout, outermost first; {@code stride} is the head width rounded up to {@link
 * #HEAD_MULTIPLE}, the padding holds zeros, and {@code width} is {@code min(blockSize, 16)}:
 *
 * <pre>
 * keys   [layer][block][kvHead][blockSize / width][stride][width]
 * values [layer][block][kvHead][blockSize][stride]
 * </pre>
 *
 * Keys have 16 positions side by side, so that a vector of scores is one chain of fused
 * multiply-adds over the head's elements, lanes being positions; values have the elements of a head
 * side by side, so that a vector of the output is one chain over positions.
 */
final class CpuKvCache implements KvCacheStorage {
    /** Positions side by side in a tile of keys. */
    static final int TILE = 16;

    /** Heads are padded to a multiple of this: two of the widest vectors. */
    static final int HEAD_MULTIPLE = 32;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment keys;
    private final MemorySegment values;
    private final KvDType dtype;
    private final int layers;
    private final int numBlocks;
    private final int blockSize;
    private final int kvHeads;
    private final int headDim;
    private final int stride;
    private final int width;

    CpuKvCache(ModelShape shape, KvDType dtype, int numBlocks, int blockSize) {
        if (blockSize < 1 || Integer.bitCount(blockSize) != 1) {
            throw new IllegalArgumentException(
                    "block size must be a power of two, not " + blockSize);
        }
        if (numBlocks < 1) {
            throw new IllegalArgumentException(
                    "the KV cache needs at least one block, not " + numBlocks);
        }
        this.dtype = dtype;
        this.layers = shape.layers();
        this.numBlocks = numBlocks;
        this.blockSize = blockSize;
        this.kvHeads = shape.kvHeads();
        this.headDim = shape.headDim();
        this.stride = stride(shape.headDim());
        this.width = Math.min(blockSize, TILE);
        long half = (long) layers * numBlocks * kvHeads * headBytes();
        keys = HugePageMemory.allocate(arena, half);
        values = HugePageMemory.allocate(arena, half);
    }

    /** Elements a head takes. */
    static int stride(int headDim) {
        return (headDim + HEAD_MULTIPLE - 1) / HEAD_MULTIPLE * HEAD_MULTIPLE;
    }

    /** Bytes that one token takes in all layers. */
    static long bytesPerToken(ModelShape shape, KvDType dtype) {
        return 2L * shape.layers() * shape.kvHeads() * stride(shape.headDim()) * dtype.bytes();
    }

    KvDType dtype() {
        return dtype;
    }

    MemorySegment keys() {
        return keys;
    }

    MemorySegment values() {
        return values;
    }

    /** Elements a head takes, padding included. */
    int stride() {
        return stride;
    }

    /** Positions side by side in the keys. */
    int width() {
        return width;
    }

    /** Byte offset of a block's keys, and of its values, for one head. */
    long headOffset(int layer, int block, int kvHead) {
        return (((long) layer * numBlocks + block) * kvHeads + kvHead) * headBytes();
    }

    private long headBytes() {
        return (long) blockSize * stride * dtype.bytes();
    }

    /** Stores one head's key of the token in {@code slot}. */
    void storeKey(int layer, int slot, int kvHead, float[] key, int at) {
        int offset = slot & (blockSize - 1);
        long first = (long) (offset / width) * stride * width + offset % width;
        store(keys, headOffset(layer, slot / blockSize, kvHead), first, width, key, at);
    }

    /** Stores one head's value of the token in {@code slot}. */
    void storeValue(int layer, int slot, int kvHead, float[] value, int at) {
        long first = (long) (slot & (blockSize - 1)) * stride;
        store(values, headOffset(layer, slot / blockSize, kvHead), first, 1, value, at);
    }

    /** Stores a head's elements {@code step} elements apart. */
    private void store(
            MemorySegment target, long base, long first, int step, float[] head, int at) {
        if (dtype == KvDType.F32) {
            for (int d = 0; d < headDim; d++) {
                long index = base + 4 * (first + (long) d * step);
                target.set(ValueLayout.JAVA_FLOAT, index, head[at + d]);
            }
        } else {
            for (int d = 0; d < headDim; d++) {
                long index = base + 2 * (first + (long) d * step);
                target.set(ValueLayout.JAVA_SHORT, index, bf16(head[at + d]));
            }
        }
    }

    /** Element {@code d} of a stored key. */
    float key(int layer, int block, int kvHead, int offset, int d) {
        long element = ((long) (offset / width) * stride + d) * width + offset % width;
        return load(keys, headOffset(layer, block, kvHead), element);
    }

    /** Element {@code d} of a stored value. */
    float value(int layer, int block, int kvHead, int offset, int d) {
        return load(values, headOffset(layer, block, kvHead), (long) offset * stride + d);
    }

    private float load(MemorySegment source, long base, long element) {
        return dtype == KvDType.F32
                ? source.get(ValueLayout.JAVA_FLOAT, base + 4 * element)
                : Float.intBitsToFloat(
                        source.get(ValueLayout.JAVA_SHORT, base + 2 * element) << 16);
    }

    /** Rounds to nearest even; NaN stays NaN. */
    static short bf16(float f) {
        int bits = Float.floatToRawIntBits(f);
        if (f != f) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
    }

    @Override
    public int numBlocks() {
        return numBlocks;
    }

    @Override
    public int blockSize() {
        return blockSize;
    }

    @Override
    public long bytes() {
        return keys.byteSize() + values.byteSize();
    }

    @Override
    public void poison(int block) {
        long bytes = headBytes() * kvHeads;
        for (int layer = 0; layer < layers; layer++) {
            long at = headOffset(layer, block, 0);
            keys.asSlice(at, bytes).fill((byte) 0xff);
            values.asSlice(at, bytes).fill((byte) 0xff);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
