package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.FinishReason;
import io.chasqui.engine.RequestOutput;
import io.chasqui.engine.TokenOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A plain completion in one piece. */
final class CompletionResponseWriter implements ResponseWriter {
    private final CompletionAnswer answer;
    private final List<Choice> choices;

    /** Logprobs of the prompts' tokens; null where none were asked for. */
    private final List<List<TokenOutput>> promptTokens;

    CompletionResponseWriter(CompletionAnswer answer) {
        this.answer = answer;
        int prompts = answer.prompts().size();
        choices =
                Stream.generate(Choice::new)
                        .limit((long) prompts * answer.choicesPerPrompt())
                        .toList();
        promptTokens = new ArrayList<>(java.util.Collections.nCopies(prompts, null));
    }

    /** What one choice has come to so far. */
    private static final class Choice {
        final StringBuilder text = new StringBuilder();
        final List<TokenOutput> tokens = new ArrayList<>();
        FinishReason finish;
    }

    @Override
    public boolean streaming() {
        return false;
    }

    @Override
    public void open(OutputStream out) {}

    @Override
    public void write(int prompt, RequestOutput output, OutputStream out) {
        var choice = choices.get(prompt * answer.choicesPerPrompt() + output.choice());
        choice.text.append(output.text());
        choice.finish = output.finish();
        if (answer.logprobs() || answer.tokenIds()) {
            choice.tokens.addAll(output.tokens());
        }
        if (output.promptTokens() != null) {
            promptTokens.set(prompt, output.promptTokens());
        }
    }

    @Override
    public void close(OutputStream out) {
        Json.object(out, this::writeTo);
    }

    private void writeTo(JsonGenerator json) throws IOException {
        answer.envelope().writeTo(json, CompletionAnswer.OBJECT);
        json.writeArrayFieldStart("choices");
        for (int i = 0; i < choices.size(); i++) {
            choice(json, i, choices.get(i));
        }
        json.writeEndArray();
        answer.usage().writeTo(json, false);
    }

    private void choice(JsonGenerator json, int index, Choice choice) throws IOException {
        int promptIndex = index / answer.choicesPerPrompt();
        var prompt = answer.prompts().get(promptIndex);
        boolean echo = answer.request().echo();
        json.writeStartObject();
        json.writeNumberField("index", index);
        json.writeStringField("text", (echo ? prompt.text() : "") + choice.text);
        if (answer.logprobs()) {
            var logprobs = new CompletionLogprobs(answer.model().tokenizer());
            if (echo) {
                logprobs.addPrompt(promptTokens.get(promptIndex), prompt);
            }
            logprobs.add(choice.tokens);
            logprobs.writeTo(json);
        } else {
            json.writeNullField("logprobs");
        }
        json.writeStringField("finish_reason", Finish.name(choice.finish));
        if (answer.tokenIds()) {
            Json.ints(json, "prompt_token_ids", prompt.tokens());
            Json.ints(json, "token_ids", Finish.ids(choice.tokens));
        }
        json.writeEndObject();
    }
}
