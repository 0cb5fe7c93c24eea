package io.chasqui.cli;

import java.net.URI;
import java.net.URISyntaxException;

/** What {@code serve} prints when it is ready. */
final class Greeting {
    private Greeting() {}

    /** A URL at which this machine reaches the server. */
    static String url(String host, int port) {
        var reachable =
                switch (host) {
                    case "0.0.0.0" -> "127.0.0.1";
                    case "::" -> "::1";
                    default -> host;
                };
        try {
            return new URI("http", null, reachable, port, null, null, null).toString();
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static String text(String url, String model, boolean needsKey, String times) {
        var key = needsKey ? " -H \"Authorization: Bearer $CHASQUI_API_KEY\"" : "";
        return """

                Ready in %4$s
                %2$s at %1$s/v1

                  curl -N %1$s/v1/chat/completions%3$s -H 'Content-Type: application/json' \\
                    -d '{"model":"%2$s","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'
                """
                .formatted(url, model, key, times);
    }
}
