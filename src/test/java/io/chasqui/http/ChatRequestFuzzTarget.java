package io.chasqui.http;

import io.chasqui.chat.ChatFormatException;
import io.chasqui.chat.ChatTemplate;
import io.chasqui.chat.ChatTemplates;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.testing.ByteTokenizer;
import java.util.List;
import java.util.stream.Stream;

/** Any bytes as the body of a chat request: read, checked and rendered, or refused in words. */
public final class ChatRequestFuzzTarget {
    private static final ByteTokenizer TOKENIZER =
            new ByteTokenizer(
                    "<|begin_of_text|>",
                    "<|end_of_text|>",
                    "<|start_header_id|>",
                    "<|end_header_id|>",
                    "<|eom_id|>",
                    "<|eot_id|>",
                    "<|python_tag|>",
                    "<|im_start|>",
                    "<|im_end|>",
                    "<|endoftext|>");

    private static final List<ChatTemplate> TEMPLATES =
            Stream.of("llama3.1", "llama3.2", "chatml", "smollm2")
                    .map(name -> ChatTemplates.select(name, null, TOKENIZER).template())
                    .toList();

    private ChatRequestFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        try {
            var request = ChatCompletionRequest.read(JsonBody.parse(input), 8);
            request.priority();
            request.options().checkVocabulary(TOKENIZER.vocabSize());
            request.options()
                    .samplingParams(
                            GenerationDefaults.OPENAI, null, 100, request.numLogprobs(), -1);
            for (var template : TEMPLATES) {
                render(template, request);
            }
        } catch (ApiException e) {
            Refusals.check(e);
        }
    }

    private static void render(ChatTemplate template, ChatCompletionRequest request) {
        try {
            template.render(request.prompt(), TOKENIZER);
        } catch (ChatFormatException e) {
            Refusals.check(ApiException.invalid(e.param(), e.getMessage()));
        }
    }
}
