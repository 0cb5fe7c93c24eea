package io.chasqui.loader;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Writes GGUF files, true ones and lying ones. */
public final class GgufBuilder {
    private final LittleEndian keys = new LittleEndian();
    private final List<byte[]> entries = new ArrayList<>();
    private final LittleEndian data = new LittleEndian();
    private byte[] magic = {'G', 'G', 'U', 'F'};
    private long version = 3;
    private long keyCount;
    private Long claimedKeys;
    private Long claimedTensors;
    private int alignment = 32;

    public GgufBuilder magic(String letters) {
        magic = letters.getBytes(StandardCharsets.ISO_8859_1);
        return this;
    }

    public GgufBuilder version(long value) {
        version = value;
        return this;
    }

    public GgufBuilder claimKeys(long count) {
        claimedKeys = count;
        return this;
    }

    public GgufBuilder claimTensors(long count) {
        claimedTensors = count;
        return this;
    }

    /** A key of any type, with raw value bytes. */
    public GgufBuilder key(String name, int type, Consumer<LittleEndian> value) {
        keys.string(name).u32(type);
        value.accept(keys);
        keyCount++;
        return this;
    }

    public GgufBuilder text(String name, String value) {
        return key(name, GgufValueType.STRING, out -> out.string(value));
    }

    public GgufBuilder u32(String name, long value) {
        return key(name, GgufValueType.U32, out -> out.u32(value));
    }

    public GgufBuilder u16(String name, int value) {
        return key(name, GgufValueType.U16, out -> out.u16(value));
    }

    public GgufBuilder f32(String name, float value) {
        return key(name, GgufValueType.F32, out -> out.f32(value));
    }

    public GgufBuilder texts(String name, String... values) {
        return array(
                name,
                GgufValueType.STRING,
                values.length,
                out -> {
                    for (var value : values) {
                        out.string(value);
                    }
                });
    }

    public GgufBuilder i32s(String name, int... values) {
        return array(
                name,
                GgufValueType.I32,
                values.length,
                out -> {
                    for (int value : values) {
                        out.u32(value);
                    }
                });
    }

    /** An array that claims {@code count} elements of a type. */
    public GgufBuilder array(
            String name, int elementType, long count, Consumer<LittleEndian> elements) {
        return key(
                name,
                GgufValueType.ARRAY,
                out -> {
                    out.u32(elementType).u64(count);
                    elements.accept(out);
                });
    }

    /** Alignment of the data, and the key that says so. */
    public GgufBuilder alignment(int bytes) {
        alignment = bytes;
        return u32("general.alignment", bytes);
    }

    /** A tensor entry with any content and no data. */
    public GgufBuilder entry(String name, long type, long offset, long... dims) {
        var entry = new LittleEndian().string(name).u32(dims.length);
        for (long dim : dims) {
            entry.u64(dim);
        }
        return rawEntry(entry.u32(type).u64(offset).toBytes());
    }

    public GgufBuilder rawEntry(byte[] entry) {
        entries.add(entry);
        return this;
    }

    /**
     * A true tensor after those before it.
     *
     * @param dims as the file has them: contiguous dimension first
     */
    public GgufBuilder tensor(String name, int type, byte[] content, long... dims) {
        data.pad(alignment);
        entry(name, type, data.size(), dims);
        data.bytes(content);
        return this;
    }

    public GgufBuilder f32Tensor(String name, float[] values, long... dims) {
        var content = new LittleEndian();
        for (float value : values) {
            content.f32(value);
        }
        return tensor(name, 0, content.toBytes(), dims);
    }

    /** Bytes of data that belong to no tensor written by {@link #tensor}. */
    public GgufBuilder data(int bytes) {
        data.bytes(new byte[bytes]);
        return this;
    }

    public byte[] build() {
        var out =
                new LittleEndian()
                        .bytes(magic)
                        .u32(version)
                        .u64(claimedTensors == null ? entries.size() : claimedTensors)
                        .u64(claimedKeys == null ? keyCount : claimedKeys)
                        .bytes(keys.toBytes());
        entries.forEach(out::bytes);
        return out.pad(alignment).bytes(data.toBytes()).toBytes();
    }
}
