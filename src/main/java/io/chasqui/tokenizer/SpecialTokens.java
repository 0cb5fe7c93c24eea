package io.chasqui.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** Tokens with a spelling of their own, and the search for these spellings in text. */
final class SpecialTokens {
    private static final class Node {
        private final Map<Byte, Node> next = new HashMap<>();
        private int token = -1;
    }

    private final Map<String, Integer> idByName;
    private final Node root = new Node();

    SpecialTokens(Map<String, Integer> idByName) {
        this.idByName = Map.copyOf(idByName);
        idByName.forEach(this::insert);
    }

    private void insert(String name, int id) {
        var node = root;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
            node = node.next.computeIfAbsent(b, _ -> new Node());
        }
        node.token = id;
    }

    /** Id of the token of that name, or -1. */
    int id(String name) {
        return idByName.getOrDefault(name, -1);
    }

    /** The longest special token spelled here, or -1. */
    int match(byte[] text, int from, int end) {
        var node = root;
        int token = -1;
        for (int i = from; i < end && node != null; i++) {
            node = node.next.get(text[i]);
            if (node != null && node.token >= 0) {
                token = node.token;
            }
        }
        return token;
    }
}
