package io.chasqui.chat;

import io.chasqui.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The chat formats there are, and which of them a model uses. Templates of models are not run. */
public final class ChatTemplates {
    private static final List<ChatTemplate> KNOWN =
            List.of(
                    Llama3ChatTemplate.llama31(),
                    Llama3ChatTemplate.llama32(Clock.systemDefaultZone()),
                    ChatMlTemplate.generic(),
                    ChatMlTemplate.smolLm2());

    /** SHA-256 of templates in models, without line breaks at the end, and the format they are. */
    private static final Map<String, String> NAME_BY_HASH =
            Map.of(
                    "93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7", "llama3.1",
                    "d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f", "llama3.2",
                    "67e333d456627ca9400b71f4c9b07ad14d6713d428738f8ef110eb48a7e4eaa6", "chatml",
                    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788", "smollm2");

    private ChatTemplates() {}

    /**
     * A model's format, or why there is none.
     *
     * @param template null if there is none
     * @param problem null if there is one; meant for whoever starts the server
     */
    public record Selection(ChatTemplate template, String problem) {}

    /**
     * Selects a format: the one asked for; else by the model's own template, which has to be a
     * known one; else, if the model has none, by its special tokens.
     *
     * @param chatFormat value of {@code --chat-format}, or null
     * @param modelTemplate text of the template in the model's files, or null
     */
    public static Selection select(String chatFormat, String modelTemplate, Tokenizer tokenizer) {
        if (chatFormat != null) {
            return named(chatFormat, tokenizer);
        }
        if (modelTemplate != null) {
            var name = NAME_BY_HASH.get(hash(modelTemplate));
            return name != null
                    ? named(name, tokenizer)
                    : none("the model's chat template is not one of those known");
        }
        if (tokenizer.specialToken(Llama3ChatTemplate.START_HEADER) >= 0) {
            return named("llama3.1", tokenizer);
        }
        if (tokenizer.specialToken(ChatMlTemplate.START) >= 0) {
            return named("chatml", tokenizer);
        }
        return none("the model has no chat template, and no special tokens of a known chat format");
    }

    private static Selection named(String name, Tokenizer tokenizer) {
        var template = KNOWN.stream().filter(t -> t.name().equals(name)).findFirst();
        if (template.isEmpty()) {
            return none("there is no chat format '" + name + "'");
        }
        var missing =
                template.get().scaffold().stream()
                        .filter(token -> tokenizer.specialToken(token) < 0)
                        .toList();
        if (!missing.isEmpty()) {
            return none("the model's vocabulary lacks " + missing + ", which " + name + " needs");
        }
        return new Selection(template.get(), null);
    }

    private static Selection none(String reason) {
        return new Selection(
                null, reason + "; to chat with it, pass --chat-format with one of " + names());
    }

    private static String names() {
        return KNOWN.stream().map(ChatTemplate::name).collect(Collectors.joining(", "));
    }

    private static String hash(String template) {
        try {
            int end = template.length();
            while (end > 0 && template.charAt(end - 1) == '\n') {
                end--;
            }
            var text = template.substring(0, end).getBytes(StandardCharsets.UTF_8);
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
