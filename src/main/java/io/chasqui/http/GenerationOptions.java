package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.chasqui.backend.SamplerParams;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.engine.SamplingParams;
import io.chasqui.grammar.Grammar;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/**
 * The parameters that chat and plain completions have in common. Null stands for what the request
 * leaves to the model's defaults.
 *
 * @param logitBias bias by token id, ascending
 * @param format what the answer must be
 * @param returnTokenIds whether the answer lists the ids of prompt and output
 */
record GenerationOptions(
        int n,
        int minTokens,
        List<String> stop,
        Set<Integer> stopTokenIds,
        boolean ignoreEos,
        boolean includeStopText,
        Long seed,
        Double temperature,
        Double topP,
        Integer topK,
        double minP,
        Double repetitionPenalty,
        double presencePenalty,
        double frequencyPenalty,
        Map<Integer, Float> logitBias,
        int priority,
        String cacheSalt,
        AnswerFormat format,
        boolean returnTokenIds,
        StreamOptions streaming) {

    private static final int MAX_STOPS = 4;
    private static final int MAX_STOP_BYTES = 1024;
    private static final int MAX_STOP_IDS = 64;
    private static final int MAX_BIASES = 1024;
    private static final int MAX_USER = 1024;
    private static final Pattern SALT = Pattern.compile("[A-Za-z0-9_-]{1,64}");
    private static final Pattern TOKEN_ID = Pattern.compile("0|[1-9][0-9]{0,8}");

    /**
     * Below this a temperature is 0: dividing by it would overflow, and the arg max is the same.
     */
    private static final double LEAST_TEMPERATURE = 1e-5;

    /** Dividing by less overflows, and the effect is the same. */
    private static final double LEAST_REPETITION_PENALTY = 1e-6;

    static GenerationOptions read(Fields body, int maxChoices) {
        refuseUnsupported(body);
        body.text("user", MAX_USER);
        return new GenerationOptions(
                body.integer("n", 1, maxChoices, 1),
                body.integer("min_tokens", 0, Integer.MAX_VALUE, 0),
                stop(body),
                stopTokenIds(body),
                body.flag("ignore_eos", false),
                body.flag("include_stop_str_in_output", false),
                body.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                body.number("temperature", 0, 2),
                body.number("top_p", 0, 1),
                topK(body),
                body.number("min_p", 0, 1, 0),
                repetitionPenalty(body),
                body.number("presence_penalty", -2, 2, 0),
                body.number("frequency_penalty", -2, 2, 0),
                logitBias(body),
                body.integer("priority", Integer.MIN_VALUE, Integer.MAX_VALUE, 0),
                cacheSalt(body),
                AnswerFormat.read(body),
                body.flag("return_token_ids", false),
                StreamOptions.read(body));
    }

    private static void refuseUnsupported(Fields body) {
        body.refuse("prompt_embeds", "Prompt embeddings are not accepted. Send text or token ids.");
        body.refuse("kv_transfer_params", "Transfer of KV caches is not supported.");
        if (body.flag("use_beam_search", false)) {
            throw ApiException.unsupported(
                    body.path("use_beam_search"), "Beam search is not supported. Use 'n'.");
        }
    }

    private static List<String> stop(Fields body) {
        var value = body.get("stop");
        if (value == null) {
            return List.of();
        }
        if (value.isTextual()) {
            return List.of(stopText(value, body.path("stop")));
        }
        if (!value.isArray() || value.size() > MAX_STOPS) {
            throw body.wrong("stop", "a string or an array of at most " + MAX_STOPS + " strings");
        }
        var texts = new ArrayList<String>();
        for (int i = 0; i < value.size(); i++) {
            texts.add(stopText(value.get(i), body.path("stop[" + i + "]")));
        }
        return List.copyOf(texts);
    }

    private static String stopText(JsonNode value, String path) {
        var text = Fields.text(value, path, MAX_STOP_BYTES);
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes == 0 || bytes > MAX_STOP_BYTES) {
            throw ApiException.invalid(
                    path, "'" + path + "' must have 1 to " + MAX_STOP_BYTES + " bytes.");
        }
        return text;
    }

    private static Set<Integer> stopTokenIds(Fields body) {
        var values = body.array("stop_token_ids", MAX_STOP_IDS);
        if (values == null) {
            return Set.of();
        }
        var ids = new TreeSet<Integer>();
        for (int i = 0; i < values.size(); i++) {
            var path = body.path("stop_token_ids[" + i + "]");
            ids.add((int) Fields.integer(values.get(i), path, 0, Integer.MAX_VALUE));
        }
        return ids;
    }

    private static Integer topK(Fields body) {
        var value = body.integer("top_k", -1, Integer.MAX_VALUE);
        return value == null ? null : Math.max(0, value.intValue());
    }

    private static Double repetitionPenalty(Fields body) {
        var value = body.number("repetition_penalty", 0, 10);
        if (value == null) {
            return null;
        }
        if (value == 0) {
            throw body.wrong("repetition_penalty", "greater than 0");
        }
        return Math.max(value, LEAST_REPETITION_PENALTY);
    }

    private static Map<Integer, Float> logitBias(Fields body) {
        var map = body.map("logit_bias", MAX_BIASES);
        if (map == null) {
            return Map.of();
        }
        var biases = new TreeMap<Integer, Float>();
        for (var entry : map.properties()) {
            var path = body.path("logit_bias." + Text.shown(entry.getKey()));
            if (!TOKEN_ID.matcher(entry.getKey()).matches()) {
                throw ApiException.invalid(path, "'" + path + "' must name a token by its id.");
            }
            double bias = Fields.number(entry.getValue(), path, -100, 100);
            biases.put(Integer.valueOf(entry.getKey()), (float) bias);
        }
        return biases;
    }

    private static String cacheSalt(Fields body) {
        var salt = body.text("cache_salt", 64);
        if (salt == null) {
            return "";
        }
        if (!SALT.matcher(salt).matches()) {
            throw body.wrong("cache_salt", "1 to 64 letters, digits, '-' or '_'");
        }
        return salt;
    }

    /**
     * Checks what can only be checked once the model is known.
     *
     * @throws ApiException if an id is not in its vocabulary
     */
    void checkVocabulary(int vocabSize) {
        for (int id : stopTokenIds) {
            if (id >= vocabSize) {
                throw outsideVocabulary("stop_token_ids", vocabSize);
            }
        }
        for (int id : logitBias.keySet()) {
            if (id >= vocabSize) {
                throw outsideVocabulary("logit_bias." + id, vocabSize);
            }
        }
    }

    static ApiException outsideVocabulary(String path, int vocabSize) {
        return ApiException.invalid(
                path, "'" + path + "' must hold token ids from 0 to " + (vocabSize - 1) + ".");
    }

    /**
     * The parameters as the engine takes them.
     *
     * @param maxTokens most tokens per choice
     * @throws ApiException if {@code min_tokens} is more than that
     */
    SamplingParams samplingParams(
            GenerationDefaults defaults,
            Grammar grammar,
            int maxTokens,
            int numLogprobs,
            int numPromptLogprobs) {
        if (minTokens > maxTokens) {
            throw ApiException.invalid(
                    "min_tokens",
                    "'min_tokens' must be at most the number of tokens to generate, "
                            + maxTokens
                            + ".");
        }
        return new SamplingParams(
                n,
                maxTokens,
                minTokens,
                stop,
                stopTokenIds,
                ignoreEos,
                includeStopText,
                seed == null ? ThreadLocalRandom.current().nextLong() : seed,
                numLogprobs,
                numPromptLogprobs,
                samplerParams(defaults),
                grammar);
    }

    private SamplerParams samplerParams(GenerationDefaults defaults) {
        double heat = temperature == null ? defaults.temperature() : temperature;
        var ids = new int[logitBias.size()];
        var values = new float[ids.length];
        int i = 0;
        for (var bias : logitBias.entrySet()) {
            ids[i] = bias.getKey();
            values[i++] = bias.getValue();
        }
        return new SamplerParams(
                heat < LEAST_TEMPERATURE ? 0 : (float) heat,
                topP == null ? defaults.topP() : topP.floatValue(),
                topK == null ? defaults.topK() : topK,
                (float) minP,
                repetitionPenalty == null
                        ? defaults.repetitionPenalty()
                        : repetitionPenalty.floatValue(),
                (float) presencePenalty,
                (float) frequencyPenalty,
                ids,
                values);
    }
}
