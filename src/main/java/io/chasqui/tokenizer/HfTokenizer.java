package io.chasqui.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.chasqui.loader.ModelFormatException;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A tokenizer in the Hugging Face tokenizers library's JSON form. */
final class HfTokenizer {
    private static final ObjectMapper JSON =
            new ObjectMapper(
                    JsonFactory.builder()
                            .streamReadConstraints(
                                    StreamReadConstraints.builder()
                                            .maxNestingDepth(32)
                                            .maxNumberLength(64)
                                            .build())
                            .build());

    private final String file;
    private JsonNode normalizer = MissingNode.getInstance();
    private JsonNode preTokenizer = MissingNode.getInstance();
    private JsonNode postProcessor = MissingNode.getInstance();
    private boolean ignoreMerges;
    private byte[][] tokens = new byte[1 << 10][];
    private int size;
    private final BitSet control = new BitSet();
    private final BitSet added = new BitSet();
    private final BitSet specials = new BitSet();
    private final List<String> merges = new ArrayList<>();

    private HfTokenizer(Path path) {
        this.file = path.getFileName().toString();
    }

    static BpeTokenizer read(Path path) throws IOException {
        var tokenizer = new HfTokenizer(path);
        try (var parser = JSON.createParser(path.toFile())) {
            tokenizer.readRoot(parser);
            tokenizer.readConfig(path.resolveSibling("tokenizer_config.json"));
        } catch (JsonProcessingException e) {
            throw new ModelFormatException(
                    tokenizer.file + ": is not JSON as expected: " + e.getOriginalMessage(), e);
        } catch (CharConversionException e) {
            throw new ModelFormatException(tokenizer.file + ": is not text: " + e.getMessage(), e);
        }
        return tokenizer.build();
    }

    private void readRoot(JsonParser parser) throws IOException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw bad("", "is not an object");
        }
        JsonNode addedTokens = MissingNode.getInstance();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            var name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "added_tokens" -> addedTokens = JSON.readTree(parser);
                case "normalizer" -> normalizer = JSON.readTree(parser);
                case "pre_tokenizer" -> preTokenizer = JSON.readTree(parser);
                case "post_processor" -> postProcessor = JSON.readTree(parser);
                case "model" -> readModel(parser);
                default -> parser.skipChildren();
            }
        }
        for (var token : addedTokens) {
            addSpecial(token.path("id"), token, "added_tokens");
        }
    }

    private void readModel(JsonParser parser) throws IOException {
        expect(parser, JsonToken.START_OBJECT, "model");
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            var name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "vocab" -> readVocabulary(parser);
                case "merges" -> readMerges(parser);
                case "ignore_merges" ->
                        ignoreMerges = parser.currentToken() == JsonToken.VALUE_TRUE;
                case "type" -> {
                    if (!"BPE".equals(parser.getText())) {
                        throw bad("model.type", "'" + parser.getText() + "' is not supported");
                    }
                }
                case "dropout",
                        "continuing_subword_prefix",
                        "end_of_word_suffix",
                        "byte_fallback" ->
                        expectNeutral(parser, "model." + name);
                default -> parser.skipChildren();
            }
        }
    }

    private void expectNeutral(JsonParser parser, String path) throws IOException {
        var value = JSON.<JsonNode>readTree(parser);
        boolean neutral =
                value.isNull()
                        || value.isTextual() && value.asText().isEmpty()
                        || value.isBoolean() && !value.asBoolean()
                        || value.isNumber() && value.asDouble() == 0;
        if (!neutral) {
            throw bad(path, value + " is not supported");
        }
    }

    private void readVocabulary(JsonParser parser) throws IOException {
        expect(parser, JsonToken.START_OBJECT, "model.vocab");
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            var word = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
                throw bad("model.vocab", "has an id that is not an integer");
            }
            var bytes = ByteAlphabet.decode(word);
            // Added tokens may be listed here too; their spelling is plain text.
            put(parser.getLongValue(), bytes != null ? bytes : utf8(word), "model.vocab");
        }
    }

    private void put(long id, byte[] bytes, String path) {
        if (id < 0 || id >= TokenizerLoader.MAX_VOCABULARY) {
            throw bad(path, "has the id " + id);
        }
        if (id >= tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max((int) id + 1, tokens.length * 2));
        }
        if (tokens[(int) id] != null && !path.startsWith("added")) {
            throw bad(path, "has the id " + id + " twice");
        }
        tokens[(int) id] = bytes;
        size = Math.max(size, (int) id + 1);
    }

    private void readMerges(JsonParser parser) throws IOException {
        expect(parser, JsonToken.START_ARRAY, "model.merges");
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() == JsonToken.VALUE_STRING) {
                merges.add(parser.getText());
                continue;
            }
            expect(parser, JsonToken.START_ARRAY, "model.merges");
            var left = parser.nextTextValue();
            var right = parser.nextTextValue();
            if (left == null || right == null || parser.nextToken() != JsonToken.END_ARRAY) {
                throw bad("model.merges", "entry " + merges.size() + " is not a pair");
            }
            merges.add(left + ' ' + right);
        }
    }

    private void readConfig(Path config) throws IOException {
        if (!Files.isRegularFile(config)) {
            return;
        }
        if (Files.size(config) > TokenizerLoader.MAX_FILE_BYTES) {
            throw new ModelFormatException(config.getFileName() + ": is too large");
        }
        for (var entry : JSON.readTree(config.toFile()).path("added_tokens_decoder").properties()) {
            var id = JSON.getNodeFactory().textNode(entry.getKey());
            addSpecial(id, entry.getValue(), "added_tokens_decoder");
        }
    }

    private void addSpecial(JsonNode idNode, JsonNode token, String path) {
        int id = idNode.asInt(-1);
        var name = token.path("content").asText();
        if (name.isEmpty()) {
            throw bad(path, "has a token without content");
        }
        put(id, utf8(name), path);
        specials.set(id);
        control.set(id, token.path("special").asBoolean());
        added.set(id, !token.path("special").asBoolean());
    }

    private BpeTokenizer build() {
        if (!normalizer.isMissingNode() && !normalizer.isNull()) {
            throw bad("normalizer", normalizer.path("type") + " is not supported");
        }
        if (size == 0) {
            throw bad("model.vocab", "is missing or empty");
        }
        var vocabulary =
                new Vocabulary(file + ": model.vocab", Arrays.copyOf(tokens, size), control, added);
        return new BpeTokenizer(
                vocabulary,
                new SpecialTokens(specialIds()),
                MergeList.read(file + ": model.merges", vocabulary, merges.toArray(String[]::new)),
                recognisePreTokenizer(),
                ignoreMerges,
                bosToken());
    }

    private Map<String, Integer> specialIds() {
        var ids = new HashMap<String, Integer>();
        specials.stream()
                .forEach(id -> ids.putIfAbsent(new String(tokens[id], StandardCharsets.UTF_8), id));
        return ids;
    }

    private PreTokenizer recognisePreTokenizer() {
        var steps = new ArrayList<JsonNode>();
        if (type(preTokenizer).equals("Sequence")) {
            preTokenizer.path("pretokenizers").forEach(steps::add);
        } else {
            steps.add(preTokenizer);
        }
        var last = steps.isEmpty() ? MissingNode.getInstance() : steps.getLast();
        boolean byteLevel =
                type(last).equals("ByteLevel") && !last.path("add_prefix_space").asBoolean(true);
        boolean ownRegex = last.path("use_regex").asBoolean(true);
        var first = steps.isEmpty() ? MissingNode.getInstance() : steps.getFirst();
        if (byteLevel && ownRegex && steps.size() == 1) {
            return PreTokenizer.GPT_2;
        }
        if (byteLevel && ownRegex && steps.size() == 2 && type(first).equals("Digits")) {
            if (first.path("individual_digits").asBoolean()) {
                return PreTokenizer.SMOLLM;
            }
        }
        if (byteLevel && !ownRegex && steps.size() == 2 && isLlamaSplit(first)) {
            return PreTokenizer.LLAMA_BPE;
        }
        throw bad("pre_tokenizer", "is not supported: " + abbreviate(preTokenizer.toString()));
    }

    private static boolean isLlamaSplit(JsonNode step) {
        return type(step).equals("Split")
                && step.path("behavior").asText().equals("Isolated")
                && !step.path("invert").asBoolean()
                && step.path("pattern")
                        .path("Regex")
                        .asText()
                        .equals(PreTokenizer.LLAMA_BPE_PATTERN);
    }

    /** The special token that the post-processor puts before a single text, or -1. */
    private int bosToken() {
        var processors = new ArrayList<JsonNode>(List.of(postProcessor));
        postProcessor.path("processors").forEach(processors::add);
        for (var processor : processors) {
            var first = processor.path("single").path(0).path("SpecialToken").path("id");
            if (type(processor).equals("TemplateProcessing") && first.isTextual()) {
                var id = processor.path("special_tokens").path(first.asText()).path("ids").path(0);
                if (!control.get(Math.max(0, id.asInt(-1)))) {
                    throw bad("post_processor", "begins with an unknown token " + first);
                }
                return id.asInt();
            }
        }
        return -1;
    }

    private static String type(JsonNode node) {
        return node.path("type").asText();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private void expect(JsonParser parser, JsonToken token, String path) {
        if (parser.currentToken() != token) {
            throw bad(path, "is not as expected");
        }
    }

    private ModelFormatException bad(String path, String reason) {
        return new ModelFormatException(file + ": " + path + " " + reason);
    }

    private static String abbreviate(String text) {
        return text.length() > 300 ? text.substring(0, 300) + "…" : text;
    }
}
