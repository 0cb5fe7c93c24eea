package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The tokenizer in the metadata of a GGUF file. */
final class GgufTokenizer {
    private static final String PREFIX = "tokenizer.ggml.";
    private static final int NORMAL = 1;
    private static final int USER_DEFINED = 4;
    private static final int BYTE = 6;

    private final Map<String, Object> metadata;

    GgufTokenizer(Map<String, Object> metadata) {
        this.metadata = metadata;
    }

    BpeTokenizer load() {
        var model = required("model", String.class);
        if (!model.equals("gpt2")) {
            throw bad("model", "'" + model + "' is not supported, only gpt2 (byte-level BPE)");
        }
        var preTokenizer = preTokenizer();
        var names = required("tokens", String[].class);
        if (names.length == 0 || names.length > TokenizerLoader.MAX_VOCABULARY) {
            throw bad("tokens", "has " + names.length + " entries");
        }
        var control = new BitSet();
        var added = new BitSet();
        readTypes(names.length, control, added);
        var special = new HashMap<String, Integer>();
        var tokens = tokens(names, control, added, special);
        var vocabulary = new Vocabulary(PREFIX + "tokens", tokens, control, added);
        var merges =
                MergeList.read(PREFIX + "merges", vocabulary, required("merges", String[].class));
        return new BpeTokenizer(
                vocabulary,
                new SpecialTokens(special),
                merges,
                preTokenizer,
                preTokenizer == PreTokenizer.LLAMA_BPE,
                bosToken(names.length, preTokenizer));
    }

    private PreTokenizer preTokenizer() {
        var known =
                Stream.of(PreTokenizer.values())
                        .map(PreTokenizer::ggufName)
                        .collect(Collectors.joining(", "));
        var name = optional("pre", String.class, null);
        if (name == null) {
            throw bad(
                    "pre",
                    "is missing, so how the text is split is unknown; convert the model again with"
                            + " a current converter");
        }
        return Stream.of(PreTokenizer.values())
                .filter(pre -> pre.ggufName().equals(name))
                .findFirst()
                .orElseThrow(() -> bad("pre", "'" + name + "' is not supported, only " + known));
    }

    private void readTypes(int size, BitSet control, BitSet added) {
        var types = optional("token_type", long[].class, null);
        if (types == null) {
            return;
        }
        if (types.length != size) {
            throw bad("token_type", "has " + types.length + " entries for " + size + " tokens");
        }
        for (int id = 0; id < size; id++) {
            if (types[id] == USER_DEFINED) {
                added.set(id);
            } else if (types[id] != NORMAL && types[id] != BYTE) {
                control.set(id);
            }
        }
    }

    private byte[][] tokens(
            String[] names, BitSet control, BitSet added, Map<String, Integer> special) {
        var tokens = new byte[names.length][];
        for (int id = 0; id < names.length; id++) {
            if (control.get(id) || added.get(id)) {
                tokens[id] = names[id].getBytes(StandardCharsets.UTF_8);
                if (tokens[id].length > 0) {
                    special.putIfAbsent(new String(tokens[id], StandardCharsets.UTF_8), id);
                }
                continue;
            }
            tokens[id] = ByteAlphabet.decode(names[id]);
            if (tokens[id] == null) {
                throw bad("tokens", "entry " + id + " is not in the byte-level alphabet");
            }
        }
        return tokens;
    }

    private int bosToken(int size, PreTokenizer preTokenizer) {
        boolean llama3 = preTokenizer == PreTokenizer.LLAMA_BPE;
        if (!optional("add_bos_token", Boolean.class, llama3)) {
            return -1;
        }
        long id = required("bos_token_id", Long.class);
        if (id < 0 || id >= size) {
            throw bad("bos_token_id", id + " is not a token");
        }
        return (int) id;
    }

    private <T> T required(String key, Class<T> type) {
        var value = optional(key, type, null);
        if (value == null) {
            throw bad(key, "is missing");
        }
        return value;
    }

    private <T> T optional(String key, Class<T> type, T absent) {
        var value = metadata.get(PREFIX + key);
        if (value != null && !type.isInstance(value)) {
            throw bad(key, "is of the wrong type");
        }
        return value == null ? absent : type.cast(value);
    }

    private static ModelFormatException bad(String key, String reason) {
        return new ModelFormatException(PREFIX + key + " " + reason);
    }
}
