package io.chasqui.http;

import java.util.Map;
import java.util.Set;

/** What to say about routes that are not there. */
final class Routes {
    private static final String LATER = "is not supported yet.";

    private static final Map<String, String> KNOWN =
            Map.of(
                    "/v1/responses",
                    "The Responses API "
                            + LATER
                            + " Use chat completions: set the client to them, e.g. openai.chat(model)"
                            + " in the Vercel AI SDK, setOpenAIAPI('chat_completions') or"
                            + " useResponses: false in the OpenAI Agents SDK.",
                    "/v1/embeddings",
                    "The embeddings API " + LATER,
                    "/v1/moderations",
                    "The moderations API " + LATER,
                    "/v1/messages",
                    "The messages API " + LATER + " Use /v1/chat/completions.",
                    "/v1/files",
                    "The files API " + LATER,
                    "/v1/batches",
                    "The batches API " + LATER,
                    "/v1/fine_tuning/jobs",
                    "The fine-tuning API " + LATER);

    private static final Set<String> READ =
            Set.of("/livez", "/readyz", "/health", "/metrics", "/openapi.json");

    private Routes() {}

    static ApiError notFound(String path) {
        return ApiError.notFound(
                KNOWN.getOrDefault(
                        path,
                        "There is no such route. Use /v1/chat/completions, /v1/completions,"
                                + " /v1/models, /tokenize or /detokenize."));
    }

    static ApiError methodNotAllowed(String path) {
        return new ApiError(
                405,
                "invalid_request_error",
                "method_not_allowed",
                null,
                "This route does not take this method. See the header 'Allow'.",
                Map.of("Allow", isRead(path) ? "GET, HEAD" : "POST"));
    }

    private static boolean isRead(String path) {
        return path.startsWith("/v1/models") || READ.contains(path) || Page.PATHS.contains(path);
    }

    static ApiError pathTooLong() {
        return ApiError.request(414, "uri_too_long", "The path is too long.");
    }

    static ApiError headersTooLarge() {
        return ApiError.request(431, "headers_too_large", "The headers are too large.");
    }

    static ApiError malformed() {
        return ApiError.request(400, "bad_request", "The request is malformed.");
    }

    static ApiError unsupportedMediaType() {
        return ApiError.request(
                415,
                "unsupported_media_type",
                "Send the body as JSON, with 'Content-Type: application/json'.");
    }

    static ApiError unsupportedEncoding() {
        return ApiError.request(
                415, "unsupported_encoding", "Send the body as it is, without 'Content-Encoding'.");
    }
}
