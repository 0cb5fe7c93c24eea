package io.chasqui.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.chat.ChatPrompt;
import io.chasqui.chat.Message;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The body of {@code POST /v1/chat/completions}.
 *
 * @param maxTokens most tokens of a choice, or null for as many as fit
 * @param numLogprobs likely tokens to list beside each one; -1 for no logprobs
 * @param metadata echoed, or null
 * @param serviceTier echoed, or null
 * @param prediction whether the usage counts predicted tokens
 * @param tools what it may call
 */
record ChatCompletionRequest(
        String model,
        ChatPrompt prompt,
        Integer maxTokens,
        int numLogprobs,
        Map<String, String> metadata,
        String serviceTier,
        boolean prediction,
        ToolOptions tools,
        GenerationOptions options) {

    private static final int MAX_MODEL = 256;
    private static final int MAX_TOP_LOGPROBS = 20;
    private static final int MAX_HINT = 1024;
    private static final Set<String> TIERS_REFUSED = Set.of("scale", "priority", "fast");

    static ChatCompletionRequest read(ObjectNode json, int maxChoices) {
        var body = Fields.of(json);
        var model = model(body);
        refuseUnsupported(body);
        readHints(body);
        var request =
                new ChatCompletionRequest(
                        model,
                        prompt(body),
                        maxTokens(body),
                        numLogprobs(body),
                        metadata(body),
                        serviceTier(body),
                        prediction(body),
                        ToolOptions.read(body),
                        GenerationOptions.read(body, maxChoices));
        body.rejectUnknown();
        request.checkFormatWithTools();
        return request;
    }

    private void checkFormatWithTools() {
        var format = options.format();
        if (tools.choice() != null && !format.isFree() && !format.isJson()) {
            throw ApiException.unsupported(
                    format.param(),
                    "With 'tools' an answer can be JSON or free text. Send 'tool_choice': \"none\""
                            + " to have it otherwise.");
        }
    }

    static String model(Fields body) {
        body.require("model");
        return body.text("model", MAX_MODEL);
    }

    private static void refuseUnsupported(Fields body) {
        refuseTemplates(body);
        body.refuse("mm_processor_kwargs", "Only text is supported.");
        body.refuse("media_io_kwargs", "Only text is supported.");
        body.refuse("audio", "Audio is not supported.");
        body.refuse("web_search_options", "Web search is not supported.");
        body.refuse("functions", "'functions' is not supported. Use 'tools'.");
        body.refuse("function_call", "'function_call' is not supported. Use 'tool_choice'.");
        body.refuse("best_of", "'best_of' is not supported. Use 'n'.");
        body.refuse("moderation", "No guard model is loaded.");
        refuseModalities(body);
        refuseUnless(body, "verbosity", "medium", "low", "high");
        refuseUnless(body, "reasoning_effort", "none", "minimal", "low", "medium", "high", "xhigh");
        if (body.flag("store", false)) {
            throw ApiException.unsupported("store", "Nothing is stored. Send 'store': false.");
        }
    }

    static void refuseTemplates(Fields body) {
        var message = "Templates of callers are never run. The server's --chat-format is used.";
        body.refuse("chat_template", message);
        body.refuse("chat_template_kwargs", message);
    }

    private static void refuseModalities(Fields body) {
        var modalities = body.array("modalities", 4);
        if (modalities == null) {
            return;
        }
        for (var modality : modalities) {
            if (!modality.isTextual()) {
                throw body.wrong("modalities", "an array of strings");
            }
            if (!modality.textValue().equals("text")) {
                throw ApiException.unsupported("modalities", "Only 'text' is supported.");
            }
        }
    }

    private static void refuseUnless(Fields body, String name, String neutral, String... refused) {
        var value = body.text(name, MAX_HINT);
        if (value == null || value.equals(neutral)) {
            return;
        }
        if (!Set.of(refused).contains(value)) {
            throw body.wrong(name, neutral);
        }
        throw ApiException.unsupported(
                name, "Only '" + name + "': \"" + neutral + "\" is supported.");
    }

    /** Values that are checked, change nothing and are never logged. */
    private static void readHints(Fields body) {
        body.text("safety_identifier", 64);
        body.text("prompt_cache_key", MAX_HINT);
        body.text("prompt_cache_retention", 64);
        var options = body.object("prompt_cache_options");
        if (options != null) {
            options.text("ttl", 64);
            options.text("mode", 64);
            options.rejectUnknown();
        }
    }

    static ChatPrompt prompt(Fields body) {
        var messages = ChatMessages.read(body);
        boolean open = body.flag("add_generation_prompt", true);
        boolean continued = body.flag("continue_final_message", false);
        if (continued && open) {
            throw body.wrong("continue_final_message", "used with 'add_generation_prompt': false");
        }
        if (continued && messages.getLast().role() != Message.Role.ASSISTANT) {
            throw body.wrong("continue_final_message", "used with an assistant message at the end");
        }
        return new ChatPrompt(messages, List.of(), List.of(), true, open, continued);
    }

    private static Integer maxTokens(Fields body) {
        var old = body.integer("max_tokens", 1, Integer.MAX_VALUE);
        var current = body.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
        var max = current == null ? old : current;
        return max == null ? null : max.intValue();
    }

    private static int numLogprobs(Fields body) {
        boolean wanted = body.flag("logprobs", false);
        int top = body.integer("top_logprobs", 0, MAX_TOP_LOGPROBS, 0);
        if (top > 0 && !wanted) {
            throw body.wrong("top_logprobs", "used with 'logprobs': true");
        }
        return wanted ? top : -1;
    }

    private static Map<String, String> metadata(Fields body) {
        var map = body.map("metadata", 16);
        if (map == null) {
            return null;
        }
        var metadata = new LinkedHashMap<String, String>();
        for (var entry : map.properties()) {
            var path = body.path("metadata." + Text.shown(entry.getKey()));
            if (Text.length(entry.getKey()) > 64 || !Text.isWellFormed(entry.getKey())) {
                throw ApiException.invalid(path, "Keys of 'metadata' have at most 64 characters.");
            }
            metadata.put(entry.getKey(), Fields.text(entry.getValue(), path, 512));
        }
        return metadata;
    }

    private static String serviceTier(Fields body) {
        var tier = body.text("service_tier", 64);
        if (tier == null) {
            return null;
        }
        if (TIERS_REFUSED.contains(tier)) {
            throw ApiException.unsupported(
                    "service_tier", "Only the service tiers 'auto' and 'default' are supported.");
        }
        return switch (tier) {
            case "auto", "default" -> "default";
            case "flex" -> "flex";
            default -> throw body.wrong("service_tier", "auto, default or flex");
        };
    }

    private static boolean prediction(Fields body) {
        var prediction = body.object("prediction");
        if (prediction == null) {
            return false;
        }
        prediction.require("type");
        if (!prediction.text("type", 64).equals("content")) {
            throw prediction.wrong("type", "content");
        }
        ChatMessages.readContent(prediction);
        prediction.rejectUnknown();
        return true;
    }

    /** The asked for priority; a flexible request without one comes after the others. */
    int priority() {
        return "flex".equals(serviceTier) && options.priority() == 0 ? 1 : options.priority();
    }
}
