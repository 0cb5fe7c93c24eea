package io.chasqui.http;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The chat page at {@code /}, and what it loads. Every file is known by name and read at start, so
 * no path of a request is ever looked up in a folder; each is open to those without a key, since it
 * says nothing about the server.
 */
@Singleton
final class Page {
    private static final String FOLDER = "/page/";
    private static final String INDEX = "index.html";

    private static final List<String> FILES =
            List.of(
                    "page.css",
                    "logo.svg",
                    "band.svg",
                    "answer.js",
                    "api.js",
                    "call-view.js",
                    "conversation.js",
                    "element.js",
                    "engine-strip.js",
                    "entry.js",
                    "examples.js",
                    "follower.js",
                    "main.js",
                    "markdown.js",
                    "settings.js",
                    "theme.js",
                    "tool-editor.js",
                    "turn-view.js",
                    "lib/marked.esm.js",
                    "lib/purify.es.mjs");

    /** Every path that is answered here. */
    static final Set<String> PATHS =
            Stream.concat(Stream.of("/"), FILES.stream().map(FOLDER::concat))
                    .collect(Collectors.toUnmodifiableSet());

    private static final Map<String, String> TYPES =
            Map.of(
                    "html", "text/html; charset=utf-8",
                    "css", "text/css; charset=utf-8",
                    "js", "text/javascript; charset=utf-8",
                    "mjs", "text/javascript; charset=utf-8",
                    "svg", "image/svg+xml");

    /**
     * The page asks nothing of anybody else, runs no script that is not a file of ours, and turns
     * no text into HTML but through the sanitiser.
     */
    private static final String POLICY =
            String.join(
                    "; ",
                    "default-src 'none'",
                    "script-src 'self'",
                    "style-src 'self'",
                    "img-src 'self'",
                    "connect-src 'self'",
                    "base-uri 'none'",
                    "form-action 'none'",
                    "frame-ancestors 'none'",
                    "require-trusted-types-for 'script'",
                    "trusted-types dompurify");

    private record PageFile(String type, Buffer body, String etag) {}

    private final Map<String, PageFile> files = new HashMap<>();

    Page() {
        files.put("/", read(INDEX));
        FILES.forEach(name -> files.put(FOLDER + name, read(name)));
    }

    void install(@Observes Router router) {
        router.route("/").handler(this::answer);
        router.route(FOLDER + "*").handler(this::answer);
    }

    /** A path that is spelled in another way is not ours, whatever the router makes of it. */
    private void answer(RoutingContext context) {
        var path = context.request().path();
        var file = files.get(path);
        var method = context.request().method();
        if (file == null) {
            context.next();
        } else if (method == HttpMethod.GET || method == HttpMethod.HEAD) {
            send(context, file);
        } else {
            ErrorResponse.send(context.response(), Routes.methodNotAllowed(path));
        }
    }

    private static void send(RoutingContext context, PageFile file) {
        var response = context.response();
        secure(response);
        response.putHeader("Cache-Control", "no-cache").putHeader("ETag", file.etag());
        if (file.etag().equals(context.request().getHeader("If-None-Match"))) {
            response.setStatusCode(304).end();
        } else {
            response.putHeader("Content-Type", file.type()).end(file.body());
        }
    }

    private static void secure(HttpServerResponse response) {
        response.putHeader("Content-Security-Policy", POLICY)
                .putHeader("X-Content-Type-Options", "nosniff")
                .putHeader("X-Frame-Options", "DENY")
                .putHeader("Referrer-Policy", "no-referrer")
                .putHeader("Cross-Origin-Opener-Policy", "same-origin")
                .putHeader("Cross-Origin-Resource-Policy", "same-origin");
    }

    private static PageFile read(String name) {
        try (var in = Page.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                throw new IllegalStateException("The build has left out the page's file " + name);
            }
            var bytes = in.readAllBytes();
            var type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
            return new PageFile(type, Buffer.buffer(bytes), etag(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String etag(byte[] bytes) {
        try {
            var hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return '"' + HexFormat.of().formatHex(hash, 0, 16) + '"';
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
