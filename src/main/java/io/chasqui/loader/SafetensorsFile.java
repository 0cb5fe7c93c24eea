package io.chasqui.loader;

import io.chasqui.quant.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file: a length, a JSON header, the data. The file is mapped, not read; tensors
 * are views of the mapping and end when this is closed.
 *
 * <p>The header is checked as the format's own reader does: tensors cover the data without hole or
 * overlap, each as long as its shape and type say.
 */
public final class SafetensorsFile implements AutoCloseable {
    private static final long MAX_HEADER_BYTES = 100_000_000;
    private static final int MAX_TENSORS = 1 << 16;
    private static final int MAX_DIMS = 8;
    private static final ValueLayout.OfLong LENGTH =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MappedFile file;
    private final Map<String, TensorView> tensors;
    private final Map<String, OtherTensor> others;

    private SafetensorsFile(
            MappedFile file, Map<String, TensorView> tensors, Map<String, OtherTensor> others) {
        this.file = file;
        this.tensors = tensors;
        this.others = others;
    }

    /**
     * Maps the file and reads its header.
     *
     * @throws ModelFormatException if it is absent, unreadable or lies
     */
    public static SafetensorsFile open(Path path) {
        var file = MappedFile.open(path);
        try {
            return FileFaults.guard(file.name(), () -> read(file));
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static SafetensorsFile read(MappedFile file) {
        var header = header(file);
        var data = file.bytes().asSlice(Long.BYTES + header.byteSize());
        var entries = readEntries(file, header);
        checkCoverage(file, entries, data.byteSize());
        var tensors = new LinkedHashMap<String, TensorView>();
        var others = new LinkedHashMap<String, OtherTensor>();
        for (var entry : entries) {
            var dtype = dtype(entry.type);
            var bytes = data.asSlice(entry.begin, entry.end - entry.begin);
            if (dtype == null) {
                others.put(entry.name, new OtherTensor(entry.type, entry.shape, bytes));
            } else {
                tensors.put(
                        entry.name, new TensorView(entry.name, dtype, entry.shape, () -> bytes));
            }
        }
        return new SafetensorsFile(
                file, Collections.unmodifiableMap(tensors), Collections.unmodifiableMap(others));
    }

    private static MemorySegment header(MappedFile file) {
        if (file.size() < Long.BYTES) {
            throw file.error("is too short to be a safetensors file");
        }
        long length = file.bytes().get(LENGTH, 0);
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw file.error(
                    "claims a header of "
                            + Long.toUnsignedString(length)
                            + " bytes; at most "
                            + MAX_HEADER_BYTES
                            + " are read");
        }
        if (length > file.size() - Long.BYTES) {
            throw file.error(
                    "claims a header of "
                            + length
                            + " bytes; the file has "
                            + (file.size() - Long.BYTES)
                            + " left");
        }
        var header = file.bytes().asSlice(Long.BYTES, length);
        if (length == 0 || header.get(ValueLayout.JAVA_BYTE, 0) != '{') {
            throw file.error("its header does not start with '{'");
        }
        return header;
    }

    private static List<Entry> readEntries(MappedFile file, MemorySegment header) {
        var entries = new ArrayList<Entry>();
        var names = new HashSet<String>();
        try (var json = new HeaderJson(file, header)) {
            json.enterObject("the header");
            for (var name = json.nextField(); name != null; name = json.nextField()) {
                if (!names.add(name)) {
                    throw file.error(name, "occurs twice");
                }
                if (name.equals("__metadata__")) {
                    skipMetadata(json);
                } else if (entries.size() == MAX_TENSORS) {
                    throw file.error("has more than " + MAX_TENSORS + " tensors");
                } else {
                    entries.add(readEntry(file, json, name));
                }
            }
            json.end();
        }
        return entries;
    }

    private static void skipMetadata(HeaderJson json) {
        json.enterObject("__metadata__");
        for (var key = json.nextField(); key != null; key = json.nextField()) {
            json.string("__metadata__ entry " + MappedFile.quote(key));
        }
    }

    private static Entry readEntry(MappedFile file, HeaderJson json, String name) {
        var tensor = "tensor " + MappedFile.quote(name);
        String type = null;
        long[] shape = null;
        long[] offsets = null;
        json.enterObject(tensor);
        for (var key = json.nextField(); key != null; key = json.nextField()) {
            var again =
                    switch (key) {
                        case "dtype" -> type != null;
                        case "shape" -> shape != null;
                        case "data_offsets" -> offsets != null;
                        default ->
                                throw file.error(
                                        name, "has the unknown field " + MappedFile.quote(key));
                    };
            if (again) {
                throw file.error(name, "has " + key + " twice");
            }
            switch (key) {
                case "dtype" -> type = json.string(tensor + ": dtype");
                case "shape" -> shape = json.naturals(MAX_DIMS, tensor + ": shape");
                default -> offsets = json.naturals(2, tensor + ": data_offsets");
            }
        }
        if (type == null || shape == null || offsets == null || offsets.length != 2) {
            throw file.error(name, "needs dtype, shape and two data_offsets");
        }
        var dims = Arrays.stream(shape).boxed().toList();
        return new Entry(name, type, dims, offsets[0], offsets[1]);
    }

    private static void checkCoverage(MappedFile file, List<Entry> entries, long dataBytes) {
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long expected = 0;
        for (var entry : entries) {
            if (entry.end < entry.begin || entry.end > dataBytes) {
                throw file.error(
                        entry.name,
                        "spans bytes "
                                + entry.begin
                                + " to "
                                + entry.end
                                + " of "
                                + dataBytes
                                + " bytes of data");
            }
            if (entry.begin != expected) {
                throw file.error(
                        entry.name,
                        "starts at byte "
                                + entry.begin
                                + " of the data instead of "
                                + expected
                                + ", where the tensor before it ends");
            }
            long bytes = entry.bytes(file);
            if (entry.end - entry.begin != bytes) {
                throw file.error(
                        entry.name,
                        "spans "
                                + (entry.end - entry.begin)
                                + " bytes, but "
                                + entry.type
                                + " "
                                + entry.shape
                                + " takes "
                                + bytes);
            }
            expected = entry.end;
        }
        if (expected != dataBytes) {
            throw file.error(
                    "its tensors end at byte "
                            + expected
                            + " of the data, the file at byte "
                            + dataBytes);
        }
    }

    private static DType dtype(String name) {
        return switch (name) {
            case "F32" -> DType.F32;
            case "F16" -> DType.F16;
            case "BF16" -> DType.BF16;
            default -> null;
        };
    }

    /** Tensors by name, in the order of their data. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /** Tensors of types that weights cannot have, by name. */
    public Map<String, OtherTensor> others() {
        return others;
    }

    /** Name of the file, without its folder. */
    public String name() {
        return file.name();
    }

    @Override
    public void close() {
        file.close();
    }

    private record Entry(String name, String type, List<Long> shape, long begin, long end) {

        long bytes(MappedFile file) {
            int size =
                    switch (type) {
                        case "BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0" -> 1;
                        case "I16", "U16", "F16", "BF16" -> 2;
                        case "I32", "U32", "F32" -> 4;
                        case "I64", "U64", "F64" -> 8;
                        default ->
                                throw file.error(
                                        name,
                                        "has type "
                                                + MappedFile.quote(type)
                                                + ", which is not supported");
                    };
            try {
                return Math.multiplyExact(TensorSize.elements(file, name, shape), (long) size);
            } catch (ArithmeticException e) {
                throw file.error(name, "shape " + shape + " overflows");
            }
        }
    }
}
