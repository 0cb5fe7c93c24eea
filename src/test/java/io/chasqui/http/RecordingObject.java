package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Set;
import java.util.TreeSet;

/** A JSON object that remembers which members a reader asked it for. */
final class RecordingObject extends ObjectNode {
    private static final long serialVersionUID = 1;

    private final transient Set<String> asked = new TreeSet<>();

    private RecordingObject() {
        super(JsonNodeFactory.instance);
    }

    /** A copy whose objects all remember. */
    static JsonNode of(JsonNode node) {
        if (node.isArray()) {
            var copy = JsonNodeFactory.instance.arrayNode();
            node.forEach(element -> copy.add(of(element)));
            return copy;
        }
        if (node.isObject()) {
            var copy = new RecordingObject();
            node.properties().forEach(e -> copy.set(e.getKey(), of(e.getValue())));
            return copy;
        }
        return node;
    }

    Set<String> asked() {
        return asked;
    }

    @Override
    public JsonNode get(String name) {
        asked.add(name);
        return super.get(name);
    }
}
