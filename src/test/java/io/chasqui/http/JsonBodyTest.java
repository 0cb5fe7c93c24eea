package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class JsonBodyTest {

    private static ApiError error(byte[] body) {
        return assertThrows(ApiException.class, () -> JsonBody.parse(body)).error();
    }

    private static ApiError error(String body) {
        return error(body.getBytes(StandardCharsets.UTF_8));
    }

    private static String nested(int depth) {
        return "{\"a\":" + "[".repeat(depth - 1) + "]".repeat(depth - 1) + "}";
    }

    @Test
    void refusesWhatIsNoJsonObject() {
        var bad =
                List.of(
                        "",
                        " ",
                        "null",
                        "[]",
                        "5",
                        "\"x\"",
                        "{",
                        "}",
                        "{\"a\":1",
                        "{\"a\":1}}",
                        "{\"a\":1} {}",
                        "{\"a\":1}x",
                        "{a:1}",
                        "{'a':1}",
                        "{\"a\":1,}",
                        "{\"a\":NaN}",
                        "{\"a\":Infinity}",
                        "{\"a\":-Infinity}",
                        "{\"a\":01}",
                        "{\"a\":1,\"a\":2}",
                        "{\"a\":\"\u0001\"}",
                        "/*c*/{}",
                        nested(65),
                        nested(100_000),
                        "{\"a\":1" + "0".repeat(64) + "}",
                        "{\"" + "n".repeat(257) + "\":1}");
        for (var body : bad) {
            var error = error(body);
            var shown = body.substring(0, Math.min(40, body.length()));
            assertEquals(400, error.status(), shown);
            assertEquals("invalid_json", error.code(), shown);
            assertEquals(null, error.param(), shown);
            for (var leak :
                    List.of("com.", "java", "Jackson", "JsonReadFeature", "Stream", "byte[]")) {
                assertFalse(error.message().contains(leak), error.message());
            }
        }
    }

    @Test
    void refusesBytesThatAreNoText() {
        assertEquals(
                "invalid_json",
                error(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}).code());
        assertEquals("invalid_json", error(new byte[] {0, 0, 0}).code());
    }

    @Test
    void readsUpToItsLimits() {
        JsonBody.parse(nested(64).getBytes(StandardCharsets.UTF_8));
        JsonBody.parse(("{\"" + "n".repeat(256) + "\":1}").getBytes(StandardCharsets.UTF_8));
        var full = "{\"a\":\"" + "x".repeat(JsonBody.MAX_BYTES - 8) + "\"}";
        assertEquals(JsonBody.MAX_BYTES, full.length());
        JsonBody.parse(full.getBytes(StandardCharsets.UTF_8));
        assertEquals(413, error(full + " ").status());
    }
}
