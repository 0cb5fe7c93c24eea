package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Llama3TokenizerTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static Tokenizer fromJson;

    private static synchronized Tokenizer fromJson() throws IOException {
        if (fromJson == null) {
            fromJson =
                    TokenizerLoader.fromTokenizerJson(
                            SharedData.path("data/tokenizer/hf-llama3_1-tokenizer.json"));
        }
        return fromJson;
    }

    private static List<Tokenizer> both() throws IOException {
        return List.of(TestTokenizers.llama3(), fromJson());
    }

    private static int[] ids(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }

    private static void assertEncodes(String text, int[] ids, String name) throws IOException {
        for (var tokenizer : both()) {
            assertArrayEquals(ids, tokenizer.encode(text), name);
            assertEquals(text, tokenizer.decode(ids), name);
        }
    }

    @Test
    void encodesTheEdgeCasesLikeTiktoken() throws IOException {
        var cases =
                JSON.readTree(
                        SharedData.path("data/tokenizer/generated_tiktoken_edge_vectors.json")
                                .toFile());
        for (var vector : cases) {
            assertEncodes(
                    vector.get("text").asText(),
                    ids(vector.get("ids")),
                    vector.get("name").asText());
        }
        assertEquals(36, cases.size());
    }

    @Test
    void encodesEveryParagraphOfTheDeclarationOfHumanRights() throws IOException {
        var file = SharedData.path("data/tokenizer/generated_tiktoken_udhr_vectors.jsonl");
        var lines = Files.readAllLines(file);
        for (var line : lines) {
            var vector = JSON.readTree(line);
            assertEncodes(
                    vector.get("text").asText(),
                    ids(vector.get("ids")),
                    vector.get("file") + " " + vector.get("para"));
        }
        assertEquals(838, lines.size());
    }

    @Test
    void encodesTheStringsOfLlamaCpp() throws IOException {
        for (var tokenizer : both()) {
            assertEquals(
                    46,
                    LlamaCppVectors.check(
                            tokenizer,
                            SharedData.path("data/tokenizer/ggml-vocab-llama-bpe.gguf.inp"),
                            SharedData.path("data/tokenizer/ggml-vocab-llama-bpe.gguf.out")));
        }
    }

    @Test
    void encodesTheStringsOfTransformersJs() throws IOException {
        var sets =
                JSON.readTree(SharedData.path("data/tokenizer/hfjs_llama3_vectors.json").toFile());
        int cases = 0;
        for (var set : sets) {
            for (var vector : set) {
                var ids = ids(vector.get("ids"));
                for (var tokenizer : both()) {
                    var encoded = tokenizer.encodeWithSpecials(vector.get("text").asText());
                    int bos = ids.length > 0 && ids[0] == tokenizer.bosToken() ? 1 : 0;
                    assertArrayEquals(
                            IntStream.of(ids).skip(bos).toArray(), encoded, vector.toString());
                    cases++;
                }
            }
        }
        assertEquals(2 * 2 * 37, cases);
    }

    @Test
    void knowsTheSpecialTokensOfLlama31() {
        var tokenizer = TestTokenizers.llama3();
        assertEquals(128256, tokenizer.vocabSize());
        assertEquals(128000, tokenizer.bosToken());
        assertEquals(128000, tokenizer.specialToken("<|begin_of_text|>"));
        assertEquals(128001, tokenizer.specialToken("<|end_of_text|>"));
        assertEquals(128004, tokenizer.specialToken("<|finetune_right_pad_id|>"));
        assertEquals(128005, tokenizer.specialToken("<|reserved_special_token_2|>"));
        assertEquals(128006, tokenizer.specialToken("<|start_header_id|>"));
        assertEquals(128007, tokenizer.specialToken("<|end_header_id|>"));
        assertEquals(128008, tokenizer.specialToken("<|eom_id|>"));
        assertEquals(128009, tokenizer.specialToken("<|eot_id|>"));
        assertEquals(128010, tokenizer.specialToken("<|python_tag|>"));
        assertEquals(128011, tokenizer.specialToken("<|reserved_special_token_3|>"));
        assertEquals(128255, tokenizer.specialToken("<|reserved_special_token_247|>"));
        assertEquals(-1, tokenizer.specialToken("<|im_start|>"));
        assertTrue(tokenizer.isSpecial(128255));
        assertFalse(tokenizer.isSpecial(127999));
        assertFalse(tokenizer.isSpecial(128256));
    }

    @Test
    void takesTheNamesOfSpecialTokensFromTheConfigBesideTokenizerJson(@TempDir Path folder)
            throws IOException {
        Files.copy(
                SharedData.path("data/tokenizer/hf-llama3_1-tokenizer.json"),
                folder.resolve("tokenizer.json"));
        Files.copy(
                SharedData.path("data/tokenizer/hf-llama3_2-tokenizer_config.json"),
                folder.resolve("tokenizer_config.json"));
        var tokenizer = TokenizerLoader.fromTokenizerJson(folder.resolve("tokenizer.json"));
        for (int id = 128000; id < 128256; id++) {
            var name = new String(TestTokenizers.llama3().bytes(id));
            assertEquals(id, tokenizer.specialToken(name), name);
            assertEquals(name, new String(tokenizer.bytes(id)));
            assertTrue(tokenizer.isSpecial(id));
        }
        assertEquals(128000, tokenizer.bosToken());
    }

    @Test
    void readsSpecialTokensOnlyWhenAsked() {
        var tokenizer = TestTokenizers.llama3();
        for (int id = 128000; id < 128256; id++) {
            var name = new String(tokenizer.bytes(id));
            assertArrayEquals(new int[] {id, id}, tokenizer.encodeWithSpecials(name + name));
            for (int token : tokenizer.encode("a" + name + name)) {
                assertTrue(token < 128000, name);
            }
        }
        assertArrayEquals(new int[] {27, 91, 68, 354, 851, 91, 29}, tokenizer.encode("<|eot_id|>"));
        assertArrayEquals(new int[] {64, 128009, 65}, tokenizer.encodeWithSpecials("a<|eot_id|>b"));
    }

    @Test
    void encodesLoneSurrogatesAsReplacementCharacters() {
        var tokenizer = TestTokenizers.llama3();
        assertArrayEquals(tokenizer.encode("a\uFFFDb"), tokenizer.encode("a\uD800b"));
        assertArrayEquals(tokenizer.encode("\uFFFD\uFFFD"), tokenizer.encode("\uDC00\uD800"));
        assertEquals("😀", tokenizer.decode(tokenizer.encode("😀")));
    }
}
