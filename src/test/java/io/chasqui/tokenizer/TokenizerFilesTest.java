package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** tokenizer.json and tokenizer.model files: small ones, wrong ones and damaged ones. */
class TokenizerFilesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SMALL =
            """
            {
              "version": "1.0",
              "added_tokens": [
                {"id": 5, "content": "<s>", "special": true},
                {"id": 6, "content": "<t>", "special": false}],
              "normalizer": null,
              "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
              "post_processor": null,
              "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "byte_fallback": false,
                "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "1": 4, "<s>": 5, "Ġ1": 7},
                "merges": ["a b", "Ġ 1"]}
            }""";

    @TempDir Path folder;
    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("tokenizer.json");
    }

    private Tokenizer load(String json) throws IOException {
        Files.writeString(file, json);
        return TokenizerLoader.fromTokenizerJson(file);
    }

    private Tokenizer loadChanged(Consumer<ObjectNode> change) throws IOException {
        var json = (ObjectNode) JSON.readTree(SMALL);
        change.accept(json);
        return load(json.toString());
    }

    private void refuses(String reason, Consumer<ObjectNode> change) {
        var e = assertThrows(ModelFormatException.class, () -> loadChanged(change));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
        assertTrue(e.getMessage().startsWith("tokenizer.json: "), e.getMessage());
    }

    private static ObjectNode object(String json) {
        try {
            return (ObjectNode) JSON.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException(e);
        }
    }

    @Test
    void readsTokenizerJson() throws IOException {
        var tokenizer = load(SMALL);
        assertEquals(8, tokenizer.vocabSize());
        assertEquals(-1, tokenizer.bosToken());
        assertArrayEquals(new int[] {3, 7}, tokenizer.encode("ab 1"));
        assertArrayEquals(new int[] {}, tokenizer.encode("<s><t>"));
        assertArrayEquals(new int[] {5, 6, 3}, tokenizer.encodeWithSpecials("<s><t>ab"));
        assertTrue(tokenizer.isSpecial(5));
        assertEquals(false, tokenizer.isSpecial(6));
        assertEquals("ab<t> 1", tokenizer.decode(new int[] {3, 6, 7}));
    }

    @Test
    void readsMergesAsPairsToo() throws IOException {
        var tokenizer =
                loadChanged(
                        json ->
                                ((ObjectNode) json.get("model"))
                                        .putArray("merges")
                                        .add(JSON.createArrayNode().add("a").add("b"))
                                        .add(JSON.createArrayNode().add("Ġ").add("1")));
        assertArrayEquals(new int[] {3, 7}, tokenizer.encode("ab 1"));
    }

    @Test
    void ignoresMergesOnlyWhenTheFileSaysSo() throws IOException {
        Consumer<ObjectNode> noMerges = json -> ((ObjectNode) json.get("model")).putArray("merges");
        assertArrayEquals(new int[] {0, 1}, loadChanged(noMerges).encode("ab"));
        var whole =
                loadChanged(
                        noMerges.andThen(
                                json ->
                                        ((ObjectNode) json.get("model"))
                                                .put("ignore_merges", true)));
        assertArrayEquals(new int[] {3}, whole.encode("ab"));
    }

    @Test
    void recognisesHowTextIsSplit() throws IOException {
        assertArrayEquals(new int[] {3, 7}, load(SMALL).encode("ab 1"));
        var smollm =
                loadChanged(
                        json ->
                                json.set(
                                        "pre_tokenizer",
                                        object(
                                                """
                                                {"type": "Sequence", "pretokenizers": [
                                                {"type": "Digits", "individual_digits": true},
                                                {"type": "ByteLevel", "add_prefix_space": false,
                                                "trim_offsets": true, "use_regex": true}]}""")));
        assertArrayEquals(new int[] {3, 2, 4}, smollm.encode("ab 1"));
    }

    @Test
    void refusesOtherWaysToSplitByName() {
        for (var step :
                new String[] {
                    "{\"type\":\"Whitespace\"}",
                    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
                    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}",
                    "{\"type\":\"Sequence\",\"pretokenizers\":[]}",
                    """
                    {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\\\d"},
                    "behavior":"Isolated","invert":false},{"type":"ByteLevel",
                    "add_prefix_space":false,"use_regex":false}]}"""
                }) {
            var type = object(step).get("type").asText();
            refuses(type, json -> json.set("pre_tokenizer", object(step)));
        }
        refuses("pre_tokenizer", json -> json.remove("pre_tokenizer"));
        refuses("NFKC", json -> json.set("normalizer", object("{\"type\":\"NFKC\"}")));
    }

    private static Consumer<ObjectNode> model(Consumer<ObjectNode> change) {
        return json -> change.accept((ObjectNode) json.get("model"));
    }

    @Test
    void refusesWhatCannotBeTrue() {
        refuses("Unigram", model(model -> model.put("type", "Unigram")));
        refuses("model.dropout", model(model -> model.put("dropout", 0.1)));
        refuses("byte_fallback", model(model -> model.put("byte_fallback", true)));
        refuses("continuing_subword_prefix", model(m -> m.put("continuing_subword_prefix", "##")));
        refuses("model.merges: entry 0", model(model -> model.remove("vocab")));
        refuses("model.vocab", model(model -> model.putArray("vocab")));
        refuses("the id -1", model(model -> ((ObjectNode) model.get("vocab")).put("x", -1)));
        refuses(
                "the id 4000000000",
                model(model -> ((ObjectNode) model.get("vocab")).put("x", 4_000_000_000L)));
        refuses("twice", model(model -> ((ObjectNode) model.get("vocab")).put("x", 0)));
        refuses("not an integer", model(m -> ((ObjectNode) m.get("vocab")).put("x", 1.5)));
        refuses("entry 0 'b a'", model(model -> model.putArray("merges").add("b a")));
        refuses("model.merges", model(model -> model.putArray("merges").add(1)));
        refuses("model.merges", model(m -> m.putArray("merges").addArray().add("a")));
        refuses("added_tokens", json -> json.putArray("added_tokens").addObject().put("id", 1));
        refuses(
                "added_tokens",
                json -> json.putArray("added_tokens").addObject().put("content", "x"));
        refuses(
                "post_processor",
                json ->
                        json.set(
                                "post_processor",
                                object(
                                        """
                                        {"type":"TemplateProcessing","single":[{"SpecialToken":
                                        {"id":"<x>"}}],"special_tokens":{}}""")));
    }

    @Test
    void damagedFilesGiveNoOtherError() throws IOException {
        var random = new Random(7);
        var good = SMALL.getBytes();
        for (int i = 0; i < 2_000; i++) {
            var bytes = random.nextInt(4) == 0 ? cut(good, random) : good.clone();
            for (int k = random.nextInt(4); k > 0; k--) {
                bytes[random.nextInt(bytes.length)] =
                        (byte)
                                (random.nextBoolean()
                                        ? good[random.nextInt(good.length)]
                                        : random.nextInt(256));
            }
            Files.write(file, bytes);
            try {
                TokenizerLoader.fromTokenizerJson(file);
            } catch (ModelFormatException expected) {
                assertTrue(expected.getMessage().contains("tokenizer.json"), expected::getMessage);
            }
        }
    }

    private static byte[] cut(byte[] bytes, Random random) {
        return Arrays.copyOf(bytes, 1 + random.nextInt(bytes.length));
    }

    @Test
    void refusesDeepNesting() {
        var deep = "{\"decoder\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
        var e = assertThrows(ModelFormatException.class, () -> load(deep));
        assertTrue(e.getMessage().contains("nesting"), e.getMessage());
    }

    private Tokenizer loadModel(String content) throws IOException {
        var model = folder.resolve("tokenizer.model");
        Files.writeString(model, content);
        return TokenizerLoader.fromTokenizerModel(model);
    }

    private static String bytesModel() {
        var content = new StringBuilder();
        for (int b = 0; b < 256; b++) {
            content.append(base64(new byte[] {(byte) b})).append(' ').append(b).append('\n');
        }
        return content.toString();
    }

    private static String base64(byte... bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    @Test
    void readsTokenizerModel() throws IOException {
        var tokenizer = loadModel(bytesModel() + base64("ab".getBytes()) + " 256\n");
        assertEquals(257 + 256, tokenizer.vocabSize());
        assertEquals(257, tokenizer.bosToken());
        assertArrayEquals(new int[] {256, 'c'}, tokenizer.encode("abc"));
    }

    @Test
    void refusesTokenizerModelsThatCannotBeTrue() {
        refusesModel("", "0 tokens");
        refusesModel(base64((byte) 1) + " 0\n", "byte 0");
        refusesModel(bytesModel() + "YWI= 257\n", "line 257");
        refusesModel(bytesModel() + "YWI=\n", "line 257");
        refusesModel(bytesModel() + "YW?= 256\n", "line 257");
        refusesModel(bytesModel() + " 256\n", "line 257");
        refusesModel(bytesModel() + "YQ== 256\n", "97 and 256");
        refusesModel(bytesModel() + "A".repeat(5000) + " 256\n", "line 257");
        refusesModel("\n\u000f\n\u0005<unk>\u0015", "line 1");
    }

    private void refusesModel(String content, String reason) {
        var e = assertThrows(ModelFormatException.class, () -> loadModel(content));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
    }

    @Test
    void damagedTokenizerModelsGiveNoOtherError() throws IOException {
        var good = Files.readAllBytes(SharedData.path("data/tokenizer/llama3-tokenizer.model"));
        var head = Arrays.copyOf(good, 6000);
        var random = new Random(7);
        for (int i = 0; i < 2_000; i++) {
            var bytes = cut(head, random);
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            try {
                TiktokenTokenizer.read("tokenizer.model", bytes);
            } catch (ModelFormatException expected) {
                assertTrue(expected.getMessage().startsWith("tokenizer.model: "));
            }
        }
    }
}
