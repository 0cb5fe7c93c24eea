package io.chasqui.loader;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** GGUF files that lie, each in one way, and a word that the error must hold. */
final class HostileGguf {
    private static final int F32 = 0;
    private static final int Q4_K = 12;

    private HostileGguf() {}

    static Map<String, Lie> lies() {
        var lies = new LinkedHashMap<String, Lie>();
        lies.put("empty file", new Lie(new byte[0], "ends inside"));
        lies.put("cut in the magic", new Lie(new byte[] {'G', 'G'}, "ends inside"));
        lies.put("cut after the counts", cut(valid(), 24, "keys"));
        lies.put("cut in a key", cut(valid(), 40, "bytes"));
        lies.put("cut in an entry", cut(tensors(), 60, "tensor"));
        add(lies, "other magic", "GGUF", b -> b.magic("GGML"));
        add(lies, "version 0", "version 0", b -> b.version(0));
        add(lies, "version 1", "version 1", b -> b.version(1));
        add(lies, "version 4", "version 4", b -> b.version(4));
        add(lies, "version 2^32-1", "4294967295", b -> b.version(-1));
        add(lies, "big-endian", "big-endian", b -> b.version(0x03000000));
        counts(lies);
        keys(lies);
        arrays(lies);
        entries(lies);
        places(lies);
        return Collections.unmodifiableMap(lies);
    }

    private static void counts(Map<String, Lie> lies) {
        add(lies, "negative keys", "keys", b -> b.claimKeys(-1));
        add(lies, "2^62 keys", "keys", b -> b.claimKeys(1L << 62));
        add(lies, "more keys than bytes", "cannot fit", b -> b.claimKeys(99_999));
        add(lies, "one key too many", "empty name", b -> b.claimKeys(2).text("a", "b".repeat(20)));
        add(lies, "negative tensors", "tensors", b -> b.claimTensors(Long.MIN_VALUE));
        add(lies, "2^40 tensors", "tensors", b -> b.claimTensors(1L << 40));
        add(lies, "more tensors than bytes", "cannot fit", b -> b.claimTensors(60_000));
        add(
                lies,
                "one tensor too many",
                "empty name",
                b -> b.claimTensors(2).entry("t".repeat(40), F32, 0, 1).entry("", F32, 0));
    }

    private static void keys(Map<String, Lie> lies) {
        add(lies, "key name of 2^63 bytes", "bytes long", b -> raw(b, Long.MIN_VALUE));
        add(lies, "key name of 2^64-1 bytes", "bytes long", b -> raw(b, -1));
        add(lies, "key name past the end", "bytes long", b -> raw(b, 1000));
        add(lies, "long key name", "at most", b -> b.u32("k".repeat(70_000), 1));
        add(lies, "empty key name", "empty name", b -> b.u32("", 1));
        add(lies, "key twice", "'a' occurs twice", b -> b.u32("a", 1).text("a", "b"));
        add(lies, "value type 13", "type 13", b -> b.key("a", 13, out -> out.u64(0)));
        add(lies, "value type -1", "4294967295", b -> b.key("a", -1, out -> out.u64(0)));
        add(
                lies,
                "string value past the end",
                "bytes long",
                b -> b.key("a", GgufValueType.STRING, out -> out.u64(1L << 40)));
        add(lies, "string value of 9 MiB", "at most", b -> b.text("a", "x".repeat(9 << 20)));
        add(
                lies,
                "template of 2 MiB",
                "tokenizer.chat_template",
                b -> b.text("tokenizer.chat_template", "x".repeat(2 << 20)));
        add(
                lies,
                "integer above 2^63",
                "18446744073709551615",
                b -> b.key("a", GgufValueType.U64, out -> out.u64(-1)));
        add(lies, "alignment 0", "alignment", b -> b.u32("general.alignment", 0));
        add(lies, "alignment 3", "alignment", b -> b.u32("general.alignment", 3));
        add(lies, "alignment 2^31", "alignment", b -> b.u32("general.alignment", 1L << 31));
        add(lies, "alignment as text", "alignment", b -> b.text("general.alignment", "32"));
        add(
                lies,
                "strings beyond the memory",
                "MiB of memory",
                b -> {
                    for (int i = 0; i < 6; i++) {
                        b.text("s" + i, "é".repeat(3_500_000));
                    }
                });
    }

    private static void arrays(Map<String, Lie> lies) {
        add(lies, "array of arrays", "array of arrays", b -> b.array("a", 9, 1, o -> o.u64(0)));
        add(lies, "array of type 77", "type 77", b -> b.array("a", 77, 1, o -> o.u64(0)));
        add(lies, "negative array", "elements", b -> b.array("a", 4, -1, o -> o.u64(0)));
        add(lies, "array of 2^63-1", "elements", b -> b.array("a", 0, Long.MAX_VALUE, o -> {}));
        add(lies, "array of 2^61 strings", "elements", b -> b.array("a", 8, 1L << 61, o -> {}));
        add(lies, "array past the end", "cannot fit", b -> b.array("a", 10, 9, o -> o.u64(0)));
        add(
                lies,
                "array of strings past the end",
                "bytes long",
                b -> b.array("a", 8, 2, o -> o.string("x").u64(500).u64(0)));
        add(
                lies,
                "array beyond the memory",
                "MiB of memory",
                b -> b.array("a", 0, 6 << 20, o -> o.bytes(new byte[6 << 20])));
        add(
                lies,
                "a million empty strings",
                "MiB of memory",
                b -> b.array("a", 8, 1 << 20, o -> o.bytes(new byte[8 << 20])));
    }

    private static void entries(Map<String, Lie> lies) {
        add(lies, "empty tensor name", "empty name", b -> b.entry("", F32, 0, 1).data(4));
        add(lies, "tensor name of 64 bytes", "at most", b -> b.entry("n".repeat(64), F32, 0, 1));
        add(
                lies,
                "tensor twice",
                "'t': occurs twice",
                b -> b.f32Tensor("t", new float[8], 8).f32Tensor("t", new float[8], 8));
        add(lies, "five dimensions", "5 dimensions", b -> b.entry("t", F32, 0, 1, 1, 1, 1, 1));
        add(
                lies,
                "2^32-1 dimensions",
                "4294967295 dimensions",
                b -> b.rawEntry(new LittleEndian().string("t").u32(-1).bytes(pad()).toBytes()));
        add(lies, "negative dimension", "negative", b -> b.entry("t", F32, 0, -4).data(64));
        add(lies, "two negative dimensions", "negative", b -> b.entry("t", F32, 0, -4, -4));
        add(lies, "elements overflow", "overflows", b -> b.entry("t", F32, 0, 1L << 32, 1L << 32));
        add(lies, "elements overflow to 0", "overflows", b -> b.entry("t", F32, 0, 1L << 62, 4));
        add(lies, "bytes overflow", "overflows", b -> b.entry("t", F32, 0, 1L << 62));
        add(lies, "type Q5_0", "type Q5_0", b -> b.entry("t", 6, 0, 32).data(64));
        add(lies, "type IQ2_XXS", "type IQ2_XXS", b -> b.entry("t", 16, 0, 256).data(512));
        add(lies, "removed type Q4_2", "type Q4_2", b -> b.entry("t", 4, 0, 32).data(64));
        add(lies, "type 1000", "number 1000", b -> b.entry("t", 1000, 0, 32).data(64));
        add(lies, "type -1", "number 4294967295", b -> b.entry("t", -1, 0, 32).data(64));
        add(lies, "half a block", "fill Q4_K", b -> b.entry("t", Q4_K, 0, 128, 2).data(144));
        add(lies, "scalar of a block type", "fill Q4_K", b -> b.entry("t", Q4_K, 0).data(144));
    }

    private static void places(Map<String, Lie> lies) {
        add(lies, "no data at all", "'t': is 32 bytes", b -> b.entry("t", F32, 0, 8));
        add(lies, "one byte short", "'t': is 32 bytes", b -> b.entry("t", F32, 0, 8).data(31));
        add(lies, "offset past the end", "offset", b -> b.entry("t", F32, 1L << 40, 8).data(32));
        add(lies, "offset -1", "18446744073709551615", b -> b.entry("t", F32, -1, 8).data(32));
        add(lies, "offset not aligned", "offset 4", b -> b.entry("t", F32, 4, 8).data(64));
        add(lies, "hole before the tensor", "offset 32", b -> b.entry("t", F32, 32, 8).data(64));
        add(
                lies,
                "overlap",
                "'u': starts at offset 0",
                b -> b.f32Tensor("t", new float[8], 8).entry("u", F32, 0, 8).data(64));
        add(
                lies,
                "larger than the file",
                "'t': is 4611686018427387904 bytes",
                b -> b.entry("t", F32, 0, 1L << 60).data(64));
        add(
                lies,
                "second tensor past the end",
                "'u': is",
                b -> b.f32Tensor("t", new float[8], 8).entry("u", F32, 32, 8).data(16));
        add(lies, "parts without their names", "parts", b -> b.u16("split.count", 3));
        add(lies, "65,535 parts", "split.count", b -> b.u16("split.count", 65_535));
        add(lies, "parts as text", "split.count", b -> b.text("split.count", "2"));
    }

    private static void add(
            Map<String, Lie> lies, String name, String reason, Consumer<GgufBuilder> lie) {
        var builder = new GgufBuilder();
        lie.accept(builder);
        lies.put(name, new Lie(builder.build(), reason));
    }

    private static Lie cut(byte[] content, int length, String reason) {
        return new Lie(Arrays.copyOf(content, length), reason);
    }

    private static byte[] valid() {
        return new GgufBuilder().text("general.name", "a model").u32("b", 2).build();
    }

    private static byte[] tensors() {
        return new GgufBuilder().f32Tensor("blk.0.attn_norm.weight", new float[8], 8).build();
    }

    /** A key whose name claims a length. */
    private static void raw(GgufBuilder builder, long nameLength) {
        builder.claimKeys(1)
                .rawEntry(new LittleEndian().u64(nameLength).bytes(pad()).toBytes())
                .claimTensors(0);
    }

    private static byte[] pad() {
        return new byte[64];
    }
}
