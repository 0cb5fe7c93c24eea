package io.chasqui.loader;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Header of one GGUF file (version 2 or 3): metadata and tensor entries, each checked against the
 * length of the file before memory is taken for it.
 *
 * @param metadata as described at {@link GgufFile#metadata}
 * @param tensors tensors in file order
 */
record GgufHeader(Map<String, Object> metadata, List<TensorView> tensors) {
    private static final int MAGIC = 0x46554747;
    private static final int MAX_KEYS = 100_000;
    private static final int MAX_TENSORS = 1 << 16;
    private static final int MAX_KEY_BYTES = 1 << 16;
    private static final int MAX_STRING_BYTES = 8 << 20;
    private static final int MAX_TEMPLATE_BYTES = 1 << 20;
    private static final int MAX_TENSOR_NAME_BYTES = 63;
    private static final int MAX_DIMS = 4;
    private static final long MAX_ALIGNMENT = 1 << 20;
    private static final int DEFAULT_ALIGNMENT = 32;
    private static final int MIN_KEY_ENTRY_BYTES = 8 + 4 + 1;
    private static final int MIN_TENSOR_ENTRY_BYTES = 8 + 4 + 4 + 8;

    static GgufHeader read(MappedFile file) {
        return new Reader(file).read();
    }

    private static final class Reader {
        private final MappedFile file;
        private final HeaderCursor in;
        private final HeapBudget budget;

        Reader(MappedFile file) {
            this.file = file;
            this.in = new HeaderCursor(file);
            this.budget = new HeapBudget(file);
        }

        GgufHeader read() {
            if (in.i32("the magic number") != MAGIC) {
                throw file.error("is not a GGUF file: it does not start with the letters GGUF");
            }
            checkVersion(in.i32("the version"));
            long tensorCount = count("tensors", MAX_TENSORS);
            long keyCount = count("metadata keys", MAX_KEYS);
            checkFits(keyCount, MIN_KEY_ENTRY_BYTES, "metadata keys");
            var metadata = readMetadata(keyCount);
            checkFits(tensorCount, MIN_TENSOR_ENTRY_BYTES, "tensors");
            var entries = readEntries(tensorCount);
            long dataStart = pad(in.position(), alignment(metadata));
            return new GgufHeader(
                    Collections.unmodifiableMap(metadata),
                    place(entries, dataStart, alignment(metadata)));
        }

        private void checkVersion(int version) {
            if ((version & 0xFFFF) == 0 && version != 0) {
                throw file.error("is a big-endian GGUF file, which is not supported");
            }
            if (version != 2 && version != 3) {
                throw file.error(
                        "has GGUF version "
                                + Integer.toUnsignedString(version)
                                + "; 2 and 3 are supported");
            }
        }

        private long count(String what, int most) {
            long count = in.i64("the number of " + what);
            if (count < 0 || count > most) {
                throw file.error(
                        "claims "
                                + Long.toUnsignedString(count)
                                + " "
                                + what
                                + "; at most "
                                + most
                                + " are read");
            }
            return count;
        }

        private void checkFits(long count, int entryBytes, String what) {
            if (count * entryBytes > in.remaining()) {
                throw file.error(
                        "claims "
                                + count
                                + " "
                                + what
                                + ", which cannot fit in the "
                                + in.remaining()
                                + " bytes that follow");
            }
        }

        private Map<String, Object> readMetadata(long count) {
            var metadata = new LinkedHashMap<String, Object>();
            for (long i = 0; i < count; i++) {
                var key = in.string(MAX_KEY_BYTES, "name of metadata key " + i);
                budget.takeString(key);
                if (key.isEmpty()) {
                    throw file.error("metadata key " + i + " has an empty name");
                }
                var what = "key " + MappedFile.quote(key);
                if (metadata.put(key, readValue(what)) != null) {
                    throw file.error(what + " occurs twice");
                }
                if (key.startsWith("tokenizer.chat_template")
                        && metadata.get(key) instanceof String template
                        && template.length() > MAX_TEMPLATE_BYTES) {
                    throw file.error(what + " is longer than " + MAX_TEMPLATE_BYTES + " bytes");
                }
            }
            return metadata;
        }

        private Object readValue(String what) {
            int type = in.i32(what);
            return type == GgufValueType.ARRAY ? readArray(what) : readScalar(type, what);
        }

        private Object readScalar(int type, String what) {
            return switch (type) {
                case GgufValueType.STRING -> readString(what);
                case GgufValueType.F32 -> (double) Float.intBitsToFloat(in.i32(what));
                case GgufValueType.F64 -> Double.longBitsToDouble(in.i64(what));
                case GgufValueType.BOOL -> in.u8(what) != 0;
                default -> readInteger(type, what);
            };
        }

        private String readString(String what) {
            var value = in.string(MAX_STRING_BYTES, what);
            budget.takeString(value);
            return value;
        }

        private long readInteger(int type, String what) {
            return switch (type) {
                case GgufValueType.U8 -> in.u8(what);
                case GgufValueType.I8 -> (byte) in.u8(what);
                case GgufValueType.U16 -> in.u16(what);
                case GgufValueType.I16 -> (short) in.u16(what);
                case GgufValueType.U32 -> in.u32(what);
                case GgufValueType.I32 -> in.i32(what);
                case GgufValueType.I64 -> in.i64(what);
                case GgufValueType.U64 -> {
                    long value = in.i64(what);
                    if (value < 0) {
                        throw file.error(
                                what + " is " + Long.toUnsignedString(value) + ", above 2^63-1");
                    }
                    yield value;
                }
                default ->
                        throw file.error(
                                what + " has unknown value type " + Integer.toUnsignedString(type));
            };
        }

        private Object readArray(String what) {
            int type = in.i32(what);
            if (type == GgufValueType.ARRAY) {
                throw file.error(what + " is an array of arrays");
            }
            int elementBytes = GgufValueType.minBytes(type);
            if (elementBytes == 0) {
                throw file.error(
                        what + " has unknown element type " + Integer.toUnsignedString(type));
            }
            long count = in.i64(what);
            if (count < 0 || count > in.remaining() / elementBytes) {
                throw file.error(
                        what
                                + " claims "
                                + Long.toUnsignedString(count)
                                + " elements, which cannot fit in the "
                                + in.remaining()
                                + " bytes that follow");
            }
            budget.takeArray(count, type == GgufValueType.STRING ? 4 : 8);
            return readElements(type, (int) count, what);
        }

        private Object readElements(int type, int count, String what) {
            switch (type) {
                case GgufValueType.STRING -> {
                    var values = new String[count];
                    for (int i = 0; i < count; i++) {
                        values[i] = readString(what);
                    }
                    return values;
                }
                case GgufValueType.F32, GgufValueType.F64 -> {
                    var values = new double[count];
                    for (int i = 0; i < count; i++) {
                        values[i] = (double) readScalar(type, what);
                    }
                    return values;
                }
                case GgufValueType.BOOL -> {
                    var values = new boolean[count];
                    for (int i = 0; i < count; i++) {
                        values[i] = in.u8(what) != 0;
                    }
                    return values;
                }
                default -> {
                    var values = new long[count];
                    for (int i = 0; i < count; i++) {
                        values[i] = readInteger(type, what);
                    }
                    return values;
                }
            }
        }

        private long alignment(Map<String, Object> metadata) {
            var value = metadata.get("general.alignment");
            if (value == null) {
                return DEFAULT_ALIGNMENT;
            }
            if (!(value instanceof Long alignment)
                    || Long.bitCount(alignment) != 1
                    || alignment < 1
                    || alignment > MAX_ALIGNMENT) {
                throw file.error("general.alignment is not a power of two up to " + MAX_ALIGNMENT);
            }
            return alignment;
        }

        private List<Entry> readEntries(long count) {
            var entries = new ArrayList<Entry>();
            var names = new HashSet<String>();
            for (long i = 0; i < count; i++) {
                var name = in.string(MAX_TENSOR_NAME_BYTES, "name of tensor " + i);
                if (name.isEmpty()) {
                    throw file.error("tensor " + i + " has an empty name");
                }
                if (!names.add(name)) {
                    throw file.error(name, "occurs twice");
                }
                entries.add(readEntry(name));
            }
            return entries;
        }

        private Entry readEntry(String name) {
            var what = "entry of tensor " + MappedFile.quote(name);
            long dims = in.u32(what);
            if (dims > MAX_DIMS) {
                throw file.error(name, dims + " dimensions; at most " + MAX_DIMS + " are allowed");
            }
            var shape = new Long[(int) dims];
            for (int i = shape.length - 1; i >= 0; i--) {
                shape[i] = in.i64(what);
            }
            return new Entry(name, List.of(shape), in.i32(what), in.i64(what));
        }

        private List<TensorView> place(List<Entry> entries, long dataStart, long alignment) {
            var tensors = new ArrayList<TensorView>(entries.size());
            long expected = 0;
            for (var entry : entries) {
                var dtype = GgmlType.dtype(entry.type);
                if (dtype == null) {
                    throw file.error(
                            entry.name,
                            "has type " + GgmlType.name(entry.type) + ", which is not supported");
                }
                long size = TensorSize.bytes(file, entry.name, dtype, entry.shape);
                if (entry.offset != expected) {
                    throw file.error(
                            entry.name,
                            "starts at offset "
                                    + Long.toUnsignedString(entry.offset)
                                    + " of the data instead of "
                                    + expected
                                    + ", where the tensor before it ends");
                }
                long left = file.size() - dataStart - entry.offset;
                if (size > left) {
                    throw file.error(
                            entry.name,
                            "is " + size + " bytes long; the file has " + left + " for it");
                }
                var data = file.bytes().asSlice(dataStart + entry.offset, size);
                tensors.add(new TensorView(entry.name, dtype, entry.shape, () -> data));
                expected = pad(entry.offset + size, alignment);
            }
            return List.copyOf(tensors);
        }

        private static long pad(long position, long alignment) {
            return (position + alignment - 1) / alignment * alignment;
        }
    }

    private record Entry(String name, List<Long> shape, int type, long offset) {}
}
