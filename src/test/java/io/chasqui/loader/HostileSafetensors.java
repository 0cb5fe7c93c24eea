package io.chasqui.loader;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** Safetensors files that lie, each in one way, and a word that the error must hold. */
final class HostileSafetensors {
    private HostileSafetensors() {}

    static Map<String, Lie> lies() {
        var lies = new LinkedHashMap<String, Lie>();
        lengths(lies);
        json(lies);
        entries(lies);
        places(lies);
        return Collections.unmodifiableMap(lies);
    }

    /** A file with this header and so many bytes of data. */
    static byte[] file(String header, int dataBytes) {
        var json = header.getBytes(StandardCharsets.UTF_8);
        return file(json.length, json, dataBytes);
    }

    private static byte[] file(long length, byte[] json, int dataBytes) {
        return new LittleEndian().u64(length).bytes(json).bytes(new byte[dataBytes]).toBytes();
    }

    static String tensor(String name, String dtype, String shape, String offsets) {
        return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
                .formatted(name, dtype, shape, offsets);
    }

    private static void lengths(Map<String, Lie> lies) {
        var json = "{}".getBytes(StandardCharsets.UTF_8);
        lies.put("empty file", new Lie(new byte[0], "too short"));
        lies.put("seven bytes", new Lie(new byte[7], "too short"));
        lies.put("header of 0 bytes", new Lie(file(0, json, 8), "'{'"));
        lies.put("header of -1 bytes", new Lie(file(-1, json, 8), "18446744073709551615"));
        lies.put("header of 2^63 bytes", new Lie(file(1L << 63, json, 8), "claims a header"));
        lies.put("header above the limit", new Lie(file(100_000_001, json, 8), "at most"));
        lies.put("header past the end", new Lie(file(3, json, 0), "has 2 left"));
        lies.put("header of GGUF", new Lie("GGUF\3\0\0\0".getBytes(), "claims a header"));
        lies.put("header cut", new Lie(Arrays.copyOf(file("{\"a\":{}}", 0), 12), "claims"));
    }

    private static void json(Map<String, Lie> lies) {
        header(lies, "not an object", "'{'", "[1]");
        header(lies, "starts with a space", "'{'", " {}");
        header(lies, "cut JSON", "JSON", "{\"t\":");
        header(lies, "garbage", "malformed", "{garbage}");
        header(lies, "two values", "more than one", "{} {}");
        header(lies, "tensor is a number", "not a JSON object", "{\"t\":1}");
        header(lies, "tensor is null", "not a JSON object", "{\"t\":null}");
        header(lies, "metadata is a list", "__metadata__", "{\"__metadata__\":[]}");
        header(lies, "metadata nests", "not a string", "{\"__metadata__\":{\"a\":{}}}");
        header(
                lies,
                "metadata twice",
                "twice",
                "{\"__metadata__\":{},\"__metadata__\":{\"a\":\"b\"}}");
        header(lies, "deep nesting", "integers", "{\"t\":{\"shape\":" + "[".repeat(100_000));
        header(
                lies,
                "long name",
                "malformed",
                "{" + tensor("n".repeat(70_000), "U8", "[]", "[0,1]") + "}");
        header(
                lies,
                "long dtype",
                "malformed",
                "{" + tensor("t", "d".repeat(1 << 20), "[]", "[0,1]") + "}");
        header(
                lies,
                "long number",
                "malformed",
                "{" + tensor("t", "U8", "[" + "1".repeat(5000) + "]", "[0,1]") + "}");
        header(lies, "invalid UTF-8", "malformed", "{\"\u00c3", StandardCharsets.ISO_8859_1);
        var many = new StringBuilder("{");
        for (int i = 0; i < 70_000; i++) {
            many.append(i == 0 ? "" : ",").append(tensor("t" + i, "U8", "[0]", "[0,0]"));
        }
        header(lies, "too many tensors", "more than 65536 tensors", many.append('}').toString());
    }

    private static void entries(Map<String, Lie> lies) {
        entry(lies, "no dtype", "needs dtype", "{\"shape\":[1],\"data_offsets\":[0,4]}");
        entry(lies, "no shape", "needs dtype", "{\"dtype\":\"F32\",\"data_offsets\":[0,4]}");
        entry(lies, "no offsets", "needs dtype", "{\"dtype\":\"F32\",\"shape\":[1]}");
        entry(lies, "no fields", "needs dtype", "{}");
        entry(
                lies,
                "unknown field",
                "'evil'",
                "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"evil\":1}");
        entry(
                lies,
                "dtype twice",
                "dtype twice",
                "{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}");
        entry(
                lies,
                "shape twice",
                "shape twice",
                "{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}");
        entry(
                lies,
                "offsets twice",
                "data_offsets twice",
                "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"data_offsets\":[0,4]}");
        entry(
                lies,
                "dtype is a number",
                "dtype is not a string",
                "{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}");
        tensor(lies, "dtype F4", "'F4'", "F4", "[1]", "[0,4]");
        tensor(lies, "dtype in lower case", "'f32'", "f32", "[1]", "[0,4]");
        tensor(lies, "dtype C64", "'C64'", "C64", "[1]", "[0,4]");
        tensor(lies, "shape is a number", "not an array", "F32", "1", "[0,4]");
        tensor(lies, "shape holds text", "other than integers", "F32", "[\"1\"]", "[0,4]");
        tensor(lies, "shape holds a fraction", "other than integers", "F32", "[1.0]", "[0,4]");
        tensor(lies, "shape holds a list", "other than integers", "F32", "[[1]]", "[0,4]");
        tensor(lies, "negative dimension", "negative", "F32", "[-1]", "[0,4]");
        tensor(lies, "dimension above 2^63", "64 bits", "F32", "[9223372036854775808]", "[0,4]");
        tensor(lies, "nine dimensions", "more than 8", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]");
        tensor(lies, "elements overflow", "overflows", "F32", "[4294967296,4294967296]", "[0,4]");
        tensor(lies, "bytes overflow", "overflows", "F32", "[4611686018427387904]", "[0,4]");
        tensor(lies, "one offset", "two data_offsets", "F32", "[1]", "[0]");
        tensor(lies, "three offsets", "more than 2", "F32", "[1]", "[0,4,8]");
        tensor(lies, "offset is text", "other than integers", "F32", "[1]", "[\"0\",4]");
        tensor(lies, "negative offset", "negative", "F32", "[1]", "[-4,0]");
    }

    private static void places(Map<String, Lie> lies) {
        tensor(lies, "ends before it begins", "spans bytes", "F32", "[1]", "[4,0]");
        tensor(lies, "ends past the data", "spans bytes", "F32", "[2]", "[0,8]");
        tensor(lies, "ends at 2^63-1", "spans bytes", "F32", "[1]", "[0,9223372036854775807]");
        tensor(lies, "longer than its shape", "takes 2", "F16", "[1]", "[0,4]");
        tensor(lies, "shorter than its shape", "takes 12", "F32", "[3]", "[0,4]");
        tensor(lies, "hole at the start", "starts at byte 2", "F16", "[1]", "[2,4]");
        tensor(lies, "data left over", "end at byte 2", "F16", "[1]", "[0,2]");
        header(lies, "data without tensors", "end at byte 0", "{}");
        var t = tensor("t", "F16", "[1]", "[0,2]");
        header(lies, "tensor twice", "'t': occurs twice", "{" + t + "," + t + "}");
        header(
                lies,
                "overlap",
                "starts at byte 0",
                "{" + t + "," + t.replace("t\":{", "u\":{") + "}");
        header(
                lies,
                "partial overlap",
                "starts at byte 1",
                "{" + t + "," + tensor("u", "U8", "[3]", "[1,4]") + "}");
        header(
                lies,
                "hole in the middle",
                "'u': starts at byte 3",
                "{" + t + "," + tensor("u", "U8", "[1]", "[3,4]") + "}");
    }

    private static void header(Map<String, Lie> lies, String name, String reason, String json) {
        lies.put(name, new Lie(file(json, 4), reason));
    }

    private static void header(
            Map<String, Lie> lies, String name, String reason, String json, Charset charset) {
        var bytes = json.getBytes(charset);
        lies.put(name, new Lie(file(bytes.length, bytes, 4), reason));
    }

    private static void entry(Map<String, Lie> lies, String name, String reason, String entry) {
        header(lies, name, reason, "{\"t\":" + entry + "}");
    }

    private static void tensor(
            Map<String, Lie> lies,
            String name,
            String reason,
            String dtype,
            String shape,
            String offsets) {
        header(lies, name, reason, "{" + tensor("t", dtype, shape, offsets) + "}");
    }
}
