package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.config.HttpConfig;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * {@code GET /openapi.json}: what this server takes and answers, as an OpenAPI document. It is
 * written by hand, for the requests are read by hand; tests hold the two against each other.
 */
@Singleton
final class OpenApiDocument {
    private static final String RESOURCE = "/openapi.json";
    private static final JsonMapper MAPPER = new JsonMapper();

    private final byte[] json;

    OpenApiDocument(HttpConfig config) {
        json = configured(config);
    }

    void install(@Observes Router router) {
        OperationRoutes.get(
                router,
                RESOURCE,
                context ->
                        context.response()
                                .putHeader("Content-Type", "application/json")
                                .end(Buffer.buffer(json)));
    }

    /** The document with this server's own limits. */
    private static byte[] configured(HttpConfig config) {
        try (var in = OpenApiDocument.class.getResourceAsStream(RESOURCE)) {
            var document = MAPPER.readTree(in);
            object(document.at("/components/schemas/ChatCompletionRequest/properties/n"))
                    .put("maximum", config.maxChoices());
            if (config.openMetrics()) {
                object(document.at("/paths/~1metrics/get")).putArray("security");
            }
            return MAPPER.writeValueAsBytes(document);
        } catch (IOException e) {
            throw new UncheckedIOException("the OpenAPI document cannot be read", e);
        }
    }

    private static ObjectNode object(JsonNode node) {
        return (ObjectNode) node;
    }
}
