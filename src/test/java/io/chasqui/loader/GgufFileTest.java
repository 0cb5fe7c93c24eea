package io.chasqui.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.quant.DType;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
    @TempDir Path folder;

    @ParameterizedTest
    @CsvSource({
        "ggml-vocab-gpt-2.gguf,16,gpt2,50257",
        "ggml-vocab-llama-spm.gguf,22,llama,32000",
        "ggml-vocab-bert-bge.gguf,20,bert,30522"
    })
    void readsPublishedVocabularies(String name, int keys, String architecture, int tokens) {
        try (var file = GgufFile.open(SharedData.path("data/tokenizer/" + name))) {
            assertEquals(keys, file.metadata().size());
            assertEquals(architecture, file.metadata().get("general.architecture"));
            assertEquals(tokens, ((String[]) file.metadata().get("tokenizer.ggml.tokens")).length);
            assertEquals(
                    tokens, ((long[]) file.metadata().get("tokenizer.ggml.token_type")).length);
            assertTrue(file.tensors().isEmpty());
        }
    }

    @Test
    void readsTheDefaultModel() {
        try (var file = GgufFile.open(SharedData.defaultModel())) {
            assertEquals(33, file.metadata().size());
            assertEquals(272, file.tensors().size());
            var embedding = file.tensors().get("token_embd.weight");
            assertEquals(DType.Q8_0, embedding.dtype());
            assertEquals(List.of(49152L, 576L), embedding.shape());
            assertEquals(49152L * 576 / 32 * 34, embedding.data().byteSize());
            assertEquals(DType.Q4_1, file.tensors().get("blk.29.ffn_down.weight").dtype());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void readsEveryTypeOfValue(int version) throws IOException {
        var builder =
                new GgufBuilder()
                        .version(version)
                        .key("u8", GgufValueType.U8, out -> out.u8(200))
                        .key("i8", GgufValueType.I8, out -> out.u8(200))
                        .key("u16", GgufValueType.U16, out -> out.u16(60_000))
                        .key("i16", GgufValueType.I16, out -> out.u16(60_000))
                        .key("u32", GgufValueType.U32, out -> out.u32(4_000_000_000L))
                        .key("i32", GgufValueType.I32, out -> out.u32(-5))
                        .key("u64", GgufValueType.U64, out -> out.u64(Long.MAX_VALUE))
                        .key("i64", GgufValueType.I64, out -> out.u64(-6))
                        .key("f32", GgufValueType.F32, out -> out.f32(0.1f))
                        .key("f64", GgufValueType.F64, out -> out.f64(0.1))
                        .key("bool", GgufValueType.BOOL, out -> out.u8(1))
                        .text("string", "grüße, 世界 😀")
                        .texts("strings", "", "Ġt", "x")
                        .i32s("integers", 1, -2, 3)
                        .array("floats", GgufValueType.F32, 2, out -> out.f32(1.5f).f32(-2))
                        .array("bools", GgufValueType.BOOL, 2, out -> out.u8(0).u8(1))
                        .array("none", GgufValueType.U16, 0, out -> {});
        try (var file = GgufFile.open(write("types.gguf", builder))) {
            var metadata = file.metadata();
            assertEquals(200L, metadata.get("u8"));
            assertEquals(-56L, metadata.get("i8"));
            assertEquals(60_000L, metadata.get("u16"));
            assertEquals(-5536L, metadata.get("i16"));
            assertEquals(4_000_000_000L, metadata.get("u32"));
            assertEquals(-5L, metadata.get("i32"));
            assertEquals(Long.MAX_VALUE, metadata.get("u64"));
            assertEquals(-6L, metadata.get("i64"));
            assertEquals((double) 0.1f, metadata.get("f32"));
            assertEquals(0.1, metadata.get("f64"));
            assertEquals(true, metadata.get("bool"));
            assertEquals("grüße, 世界 😀", metadata.get("string"));
            assertArrayEquals(new String[] {"", "Ġt", "x"}, (String[]) metadata.get("strings"));
            assertArrayEquals(new long[] {1, -2, 3}, (long[]) metadata.get("integers"));
            assertArrayEquals(new double[] {1.5, -2}, (double[]) metadata.get("floats"));
            assertArrayEquals(new boolean[] {false, true}, (boolean[]) metadata.get("bools"));
            assertArrayEquals(new long[0], (long[]) metadata.get("none"));
        }
    }

    @Test
    void readsVocabulariesLargerThanItsWindow() throws IOException {
        var tokens = new String[50_000];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = "Ġtoken" + i;
        }
        tokens[777] = "x".repeat(200_000);
        try (var file = GgufFile.open(write("v.gguf", new GgufBuilder().texts("t", tokens)))) {
            assertArrayEquals(tokens, (String[]) file.metadata().get("t"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 32, 4096})
    void findsTensorsAtAnyAlignment(int alignment) throws IOException {
        var builder =
                new GgufBuilder()
                        .alignment(alignment)
                        .f32Tensor("a", new float[] {1, 2, 3}, 3)
                        .tensor("b", 8, block(7), 32, 1)
                        .f32Tensor("scalar", new float[] {9});
        try (var file = GgufFile.open(write("aligned.gguf", builder))) {
            assertEquals(List.of(3L), file.tensors().get("a").shape());
            assertEquals(List.of(1L, 32L), file.tensors().get("b").shape());
            assertEquals(7, file.tensors().get("b").data().get(ValueLayout.JAVA_BYTE, 33));
            assertEquals(List.of(), file.tensors().get("scalar").shape());
            assertEquals(
                    9f,
                    file.tensors().get("scalar").data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0));
        }
    }

    @Test
    void readsTensorsBeyondFourGibibytes() throws IOException {
        long elements = (1L << 30) + 8;
        var builder =
                new GgufBuilder().entry("big", 0, 0, elements).entry("tail", 0, 4 * elements, 2);
        var path = write("big.gguf", builder);
        long start = Files.size(path);
        try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            var tail = new LittleEndian().f32(3).f32(4).toBytes();
            channel.write(ByteBuffer.wrap(tail), start + 4 * elements);
        }
        try (var file = GgufFile.open(path)) {
            assertEquals(4 * elements, file.tensors().get("big").data().byteSize());
            var tail = file.tensors().get("tail").data();
            assertEquals(3f, tail.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0));
            assertEquals(4f, tail.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4));
        }
    }

    @Test
    void readsAModelInParts() throws IOException {
        writeParts();
        try (var file = GgufFile.open(folder.resolve("m-00001-of-00003.gguf"))) {
            assertEquals("m", file.metadata().get("general.name"));
            assertEquals(List.of("t0", "t1", "t2"), List.copyOf(file.tensors().keySet()));
            for (int i = 0; i < 3; i++) {
                var data = file.tensors().get("t" + i).data();
                assertEquals(i, data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0));
            }
        }
    }

    @Test
    void refusesAPartThatIsNotTheFirst() throws IOException {
        writeParts();
        assertRefused("m-00002-of-00003.gguf", "open the part numbered 00001");
    }

    @Test
    void refusesAModelWithAMissingPart() throws IOException {
        writeParts();
        Files.delete(folder.resolve("m-00003-of-00003.gguf"));
        assertRefused("m-00001-of-00003.gguf", "m-00003-of-00003.gguf', which is not there");
    }

    @Test
    void refusesPartsInTheWrongOrder() throws IOException {
        writeParts();
        Files.copy(
                folder.resolve("m-00002-of-00003.gguf"),
                folder.resolve("m-00003-of-00003.gguf"),
                StandardCopyOption.REPLACE_EXISTING);
        assertRefused("m-00001-of-00003.gguf", "is not part 3 of 3");
    }

    @Test
    void refusesATensorThatTwoPartsHold() throws IOException {
        writeParts();
        write("m-00002-of-00003.gguf", part(1).f32Tensor("t0", new float[1], 1));
        assertRefused("m-00001-of-00003.gguf", "'t0': is also in an earlier part");
    }

    @Test
    void refusesPartsThatHoldTooFewTensors() throws IOException {
        writeParts();
        write("m-00003-of-00003.gguf", part(2));
        assertRefused("m-00001-of-00003.gguf", "split.tensors.count is 3");
    }

    @Test
    void refusesAPartThatIsALinkOutOfTheFolder(@TempDir Path elsewhere) throws IOException {
        writeParts();
        var part = folder.resolve("m-00002-of-00003.gguf");
        var moved = Files.move(part, elsewhere.resolve("m-00002-of-00003.gguf"));
        Files.createSymbolicLink(part, moved);
        assertRefused("m-00001-of-00003.gguf", "a link out of the model's folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.bin", "consolidated.00.pth", "model.PT"})
    void refusesPicklesByName(String name) throws IOException {
        write(name, new GgufBuilder());
        assertRefused(name, "pickle");
    }

    @Test
    void refusesWhatIsNotAFile() {
        assertRefused("absent.gguf", "no such file");
        assertRefused(".", "no such file");
    }

    @Test
    void reportsAFileThatShrinksWhileItIsRead() throws IOException {
        var path =
                write(
                        "shrinks.gguf",
                        new GgufBuilder().f32Tensor("t", new float[1 << 16], 1 << 16));
        try (var file = GgufFile.open(path)) {
            try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(4096);
            }
            var data = file.tensors().get("t").data();
            var error =
                    assertThrows(
                            ModelFormatException.class,
                            () ->
                                    FileFaults.guard(
                                            file.name(),
                                            () ->
                                                    data.get(
                                                            ValueLayout.JAVA_BYTE,
                                                            data.byteSize() - 1)));
            assertTrue(error.getMessage().contains("shrinks.gguf: became shorter"));
        }
    }

    private void writeParts() throws IOException {
        for (int i = 0; i < 3; i++) {
            write(
                    "m-0000%d-of-00003.gguf".formatted(i + 1),
                    part(i).f32Tensor("t" + i, new float[] {i}, 1));
        }
    }

    private static GgufBuilder part(int number) {
        return new GgufBuilder()
                .text("general.name", "m")
                .u16("split.no", number)
                .u16("split.count", 3)
                .key("split.tensors.count", GgufValueType.I32, out -> out.u32(3));
    }

    private static byte[] block(int lastByte) {
        var block = new byte[34];
        block[33] = (byte) lastByte;
        return block;
    }

    private Path write(String name, GgufBuilder builder) throws IOException {
        return Files.write(folder.resolve(name), builder.build());
    }

    private void assertRefused(String name, String reason) {
        var error =
                assertThrows(
                        ModelFormatException.class,
                        () -> GgufFile.open(folder.resolve(name)).close());
        assertTrue(error.getMessage().contains(reason), error.getMessage());
    }
}
