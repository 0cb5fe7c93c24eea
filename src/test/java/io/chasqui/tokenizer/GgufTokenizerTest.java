package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.loader.GgufFile;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.RandomText;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GgufTokenizerTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Test
    void encodesTheStringsOfLlamaCppForGpt2() throws IOException {
        try (var file = GgufFile.open(SharedData.path("data/tokenizer/ggml-vocab-gpt-2.gguf"))) {
            var tokenizer = TokenizerLoader.fromGguf(file.metadata());
            assertEquals(
                    46,
                    LlamaCppVectors.check(
                            tokenizer,
                            SharedData.path("data/tokenizer/ggml-vocab-gpt-2.gguf.inp"),
                            SharedData.path("data/tokenizer/ggml-vocab-gpt-2.gguf.out")));
            assertEquals(50256, tokenizer.specialToken("<|endoftext|>"));
            assertTrue(tokenizer.isSpecial(50256));
            assertEquals(-1, tokenizer.bosToken());
        }
    }

    @Test
    void refusesVocabulariesThatAreNotByteLevelBpe() {
        for (var name : new String[] {"ggml-vocab-llama-spm.gguf", "ggml-vocab-bert-bge.gguf"}) {
            try (var file = GgufFile.open(SharedData.path("data/tokenizer/" + name))) {
                refuses(file.metadata(), "tokenizer.ggml.model");
            }
        }
    }

    @Test
    void encodesTheGoldenCasesOfTheDefaultModel() throws IOException {
        var tokenizer = TestTokenizers.defaultModel();
        var golden =
                JSON.readTree(SharedData.path("models/smollm2-135m-instruct/golden.json").toFile());
        int texts = 0;
        for (var vector : golden.get("cases")) {
            if (vector.get("kind").asText().equals("text")) {
                var text = vector.get("text").asText();
                var ids = ids(vector.get("ids"));
                assertArrayEquals(ids, tokenizer.encode(text), text);
                assertEquals(text, tokenizer.decode(ids));
                texts++;
            }
            assertEquals(
                    vector.path("greedy_text").asText(),
                    tokenizer.decode(ids(vector.path("greedy"))));
        }
        assertEquals(10, texts);
        assertEquals(-1, tokenizer.bosToken());
        assertEquals(49152, tokenizer.vocabSize());
    }

    private static int[] ids(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }

    @Test
    void theThreeFormsOfLlamasVocabularyGiveTheSameIds() throws IOException {
        var file = SharedData.path("data/tokenizer/hf-llama3_1-tokenizer.json");
        var fromModel = TestTokenizers.llama3();
        var fromJson = TokenizerLoader.fromTokenizerJson(file);
        var fromGguf = TokenizerLoader.fromGguf(asGguf(JSON.readTree(file.toFile())));
        assertEquals(128000, fromGguf.bosToken());
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 5_000; i++) {
            var text = RandomText.next(random, 40);
            var ids = fromModel.encode(text);
            assertArrayEquals(ids, fromJson.encode(text), () -> "seed " + seed + " " + text);
            assertArrayEquals(ids, fromGguf.encode(text), () -> "seed " + seed + " " + text);
        }
    }

    /** Metadata as llama.cpp's converter makes it of a tokenizer.json. */
    private static Map<String, Object> asGguf(JsonNode json) {
        var tokens = new String[128256];
        var types = new long[128256];
        json.at("/model/vocab")
                .properties()
                .forEach(entry -> tokens[entry.getValue().asInt()] = entry.getKey());
        Arrays.fill(types, 1);
        for (var token : json.get("added_tokens")) {
            tokens[token.get("id").asInt()] = token.get("content").asText();
            types[token.get("id").asInt()] = 3;
        }
        var merges = new ArrayList<String>();
        json.at("/model/merges").forEach(merge -> merges.add(merge.asText()));
        var metadata = new HashMap<String, Object>();
        metadata.put("tokenizer.ggml.model", "gpt2");
        metadata.put("tokenizer.ggml.pre", "llama-bpe");
        metadata.put("tokenizer.ggml.tokens", tokens);
        metadata.put("tokenizer.ggml.token_type", types);
        metadata.put("tokenizer.ggml.merges", merges.toArray(String[]::new));
        metadata.put("tokenizer.ggml.bos_token_id", 128000L);
        return metadata;
    }

    private static Map<String, Object> tiny() {
        var metadata = new HashMap<String, Object>();
        metadata.put("tokenizer.ggml.model", "gpt2");
        metadata.put("tokenizer.ggml.pre", "gpt-2");
        metadata.put("tokenizer.ggml.tokens", new String[] {"a", "b", "ab", "Ġ", "<s>", "<t>"});
        metadata.put("tokenizer.ggml.token_type", new long[] {1, 1, 1, 1, 3, 4});
        metadata.put("tokenizer.ggml.merges", new String[] {"a b"});
        metadata.put("tokenizer.ggml.bos_token_id", 4L);
        return metadata;
    }

    private static Map<String, Object> with(String key, Object value) {
        var metadata = tiny();
        metadata.put("tokenizer.ggml." + key, value);
        return metadata;
    }

    @Test
    void readsAddedTokensAsTextThatEncodingTextNeverYields() {
        var tokenizer = TokenizerLoader.fromGguf(tiny());
        assertArrayEquals(new int[] {2, 3, 1, 0}, tokenizer.encode("ab ba"));
        assertArrayEquals(new int[] {2, 5, 4, 0}, tokenizer.encodeWithSpecials("ab<t><s>a"));
        assertArrayEquals(new int[] {}, tokenizer.encode("<t><s>"));
        assertEquals("ab<t>", tokenizer.decode(new int[] {2, 5}));
        assertTrue(tokenizer.isSpecial(4));
        assertEquals(false, tokenizer.isSpecial(5));
    }

    @Test
    void startsPlainPromptsAsTheFileSays() {
        assertEquals(-1, TokenizerLoader.fromGguf(tiny()).bosToken());
        assertEquals(4, TokenizerLoader.fromGguf(with("add_bos_token", true)).bosToken());
        assertEquals(4, TokenizerLoader.fromGguf(with("pre", "llama-bpe")).bosToken());
        var metadata = with("pre", "llama-bpe");
        metadata.put("tokenizer.ggml.add_bos_token", false);
        assertEquals(-1, TokenizerLoader.fromGguf(metadata).bosToken());
    }

    @Test
    void refusesMetadataThatCannotBeTrue() {
        for (var key : new String[] {"model", "pre", "tokens", "merges"}) {
            refuses(with(key, null), "tokenizer.ggml." + key);
            refuses(with(key, 7L), "tokenizer.ggml." + key);
        }
        refuses(with("pre", "qwen2"), "llama-bpe");
        refuses(with("tokens", new String[0]), "tokenizer.ggml.tokens");
        refuses(with("tokens", new String[] {"a", "b", "ab", "Ġ"}), "tokenizer.ggml.token_type");
        refuses(with("tokens", new String[] {"a", "b", "ab", "a", "s", "t"}), "0 and 3");
        refuses(with("tokens", new String[] {"a", "b", "ab", " ", "s", "t"}), "entry 3");
        refuses(with("merges", new String[] {"ab"}), "entry 0");
        refuses(with("merges", new String[] {"a b", "a "}), "entry 1");
        refuses(with("merges", new String[] {" b"}), "entry 0");
        refuses(with("merges", new String[] {"a b c"}), "entry 0");
        refuses(with("merges", new String[] {"a c"}), "entry 0");
        refuses(with("merges", new String[] {"b a"}), "entry 0");
        refuses(with("merges", new String[] {"漢 字"}), "entry 0");
        var metadata = with("add_bos_token", true);
        metadata.put("tokenizer.ggml.bos_token_id", 6L);
        refuses(metadata, "tokenizer.ggml.bos_token_id");
        metadata.remove("tokenizer.ggml.bos_token_id");
        refuses(metadata, "tokenizer.ggml.bos_token_id");
    }

    private static void refuses(Map<String, Object> metadata, String reason) {
        var e = assertThrows(ModelFormatException.class, () -> TokenizerLoader.fromGguf(metadata));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
    }

    @Test
    void tokensMadeToCollideAreFoundAllTheSame() {
        // "Aa" and "BB" have the same String.hashCode, and so has every sequence of them.
        var names = new String[4 + (1 << 16)];
        System.arraycopy(new String[] {"A", "B", "a", "Ġ"}, 0, names, 0, 4);
        for (int i = 0; i < 1 << 16; i++) {
            var name = new StringBuilder();
            for (int bit = 0; bit < 16; bit++) {
                name.append((i >> bit & 1) == 0 ? "Aa" : "BB");
            }
            names[4 + i] = name.toString();
        }
        var metadata = with("tokens", names);
        metadata.remove("tokenizer.ggml.token_type");
        metadata.put("tokenizer.ggml.merges", new String[0]);
        metadata.put("tokenizer.ggml.pre", "llama-bpe");
        metadata.put("tokenizer.ggml.add_bos_token", false);
        var tokenizer = TokenizerLoader.fromGguf(metadata);
        for (int id = 4; id < names.length; id += 97) {
            assertArrayEquals(new int[] {id}, tokenizer.encode(names[id]));
        }
    }

    @Test
    void theLongestSpecialTokenWins() {
        var metadata = with("tokens", new String[] {"a", "b", "ab", "Ġ", "<s>", "<s>>"});
        var tokenizer = TokenizerLoader.fromGguf(metadata);
        assertArrayEquals(new int[] {5, 4, 0, 4}, tokenizer.encodeWithSpecials("<s>><s>a<s><s"));
    }
}
