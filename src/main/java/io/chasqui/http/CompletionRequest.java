package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * The body of {@code POST /v1/completions}.
 *
 * @param maxTokens most tokens of a choice, or null for the API's default of 16
 * @param echo whether the answer begins with the prompt
 * @param numLogprobs likely tokens to list beside each one; -1 for no logprobs
 */
record CompletionRequest(
        String model,
        List<Prompt> prompts,
        Integer maxTokens,
        boolean echo,
        int numLogprobs,
        GenerationOptions options) {

    private static final int DEFAULT_MAX_TOKENS = 16;
    private static final int MAX_PROMPTS = 128;
    private static final int MAX_LOGPROBS = 20;

    /**
     * One prompt, as text or as token ids; the other is null.
     *
     * @param path where it stands in the request
     */
    record Prompt(String text, int[] tokens, String path) {}

    static CompletionRequest read(ObjectNode json, int maxChoices) {
        var body = Fields.of(json);
        var model = ChatCompletionRequest.model(body);
        refuseUnsupported(body);
        var prompts = prompts(body);
        var options = GenerationOptions.read(body, maxChoices);
        refuseBestOf(body, options.n());
        boolean echo = body.flag("echo", false);
        var maxTokens = body.integer("max_tokens", echo ? 0 : 1, Integer.MAX_VALUE);
        var request =
                new CompletionRequest(
                        model,
                        prompts,
                        maxTokens == null ? null : maxTokens.intValue(),
                        echo,
                        body.integer("logprobs", 0, MAX_LOGPROBS, -1),
                        options);
        body.rejectUnknown();
        return request;
    }

    private static void refuseUnsupported(Fields body) {
        var suffix = body.text("suffix", JsonBody.MAX_BYTES);
        if (suffix != null && !suffix.isEmpty()) {
            throw ApiException.unsupported("suffix", "'suffix' is not supported.");
        }
    }

    private static void refuseBestOf(Fields body, int n) {
        var bestOf = body.integer("best_of", 1, Integer.MAX_VALUE);
        if (bestOf != null && bestOf != 1 && bestOf != n) {
            throw ApiException.unsupported("best_of", "'best_of' must be equal to 'n'.");
        }
    }

    private static List<Prompt> prompts(Fields body) {
        var value = body.require("prompt");
        if (value.isTextual()) {
            return List.of(prompt(value, "prompt"));
        }
        boolean sane = value.isArray() && !value.isEmpty();
        if (sane && value.get(0).isNumber()) {
            return List.of(prompt(value, "prompt"));
        }
        if (!sane || value.size() > MAX_PROMPTS) {
            throw body.wrong(
                    "prompt",
                    "a string, an array of token ids, or an array of 1 to "
                            + MAX_PROMPTS
                            + " of these");
        }
        var prompts = new ArrayList<Prompt>();
        for (int i = 0; i < value.size(); i++) {
            prompts.add(prompt(value.get(i), "prompt[" + i + "]"));
        }
        return List.copyOf(prompts);
    }

    private static Prompt prompt(JsonNode value, String path) {
        if (value.isArray()) {
            return new Prompt(null, tokens(value, path), path);
        }
        var text = Fields.text(value, path, JsonBody.MAX_BYTES);
        if (text.isEmpty()) {
            throw ApiException.invalid(path, "'" + path + "' must not be empty.");
        }
        return new Prompt(text, null, path);
    }

    private static int[] tokens(JsonNode values, String path) {
        if (values.isEmpty()) {
            throw ApiException.invalid(path, "'" + path + "' must not be empty.");
        }
        var tokens = new int[values.size()];
        for (int i = 0; i < tokens.length; i++) {
            var at = path + "[" + i + "]";
            tokens[i] = (int) Fields.integer(values.get(i), at, 0, Integer.MAX_VALUE);
        }
        return tokens;
    }

    /**
     * @throws ApiException if a token id is not in the vocabulary
     */
    void checkVocabulary(int vocabSize) {
        options.checkVocabulary(vocabSize);
        for (var prompt : prompts) {
            if (prompt.tokens() == null) {
                continue;
            }
            for (int token : prompt.tokens()) {
                if (token >= vocabSize) {
                    throw GenerationOptions.outsideVocabulary(prompt.path(), vocabSize);
                }
            }
        }
    }

    /** Tokens to generate after a prompt of this length, when the request names no number. */
    static int defaultMaxTokens(int room) {
        return Math.min(DEFAULT_MAX_TOKENS, room);
    }
}
