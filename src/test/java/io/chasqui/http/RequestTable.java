package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;

/** Sends request bodies through the readers and compares what comes of them. */
final class RequestTable {
    static final String MESSAGES = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    private RequestTable() {}

    static ChatCompletionRequest chat(String json) {
        return ChatCompletionRequest.read(parse(json), 8);
    }

    /** A chat request with these members added. */
    static ChatCompletionRequest chatWith(String members) {
        return chat(
                "{\"model\":\"m\"," + MESSAGES + (members.isEmpty() ? "" : "," + members) + "}");
    }

    static CompletionRequest completion(String json) {
        return CompletionRequest.read(parse(json), 8);
    }

    static CompletionRequest completionWith(String members) {
        return completion(
                "{\"model\":\"m\",\"prompt\":\"hi\""
                        + (members.isEmpty() ? "" : "," + members)
                        + "}");
    }

    static com.fasterxml.jackson.databind.node.ObjectNode parse(String json) {
        return JsonBody.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    static void accepts(String what, Runnable read) {
        assertDoesNotThrow(read::run, what);
    }

    static void rejects(String what, Runnable read, String code, String param) {
        var error = assertThrows(ApiException.class, read::run, what).error();
        assertEquals(400, error.status(), what);
        assertEquals("invalid_request_error", error.type(), what);
        assertEquals(code, error.code(), what);
        assertEquals(param, error.param(), what);
    }
}
