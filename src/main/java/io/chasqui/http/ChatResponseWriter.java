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

/** A chat answer in one piece. */
final class ChatResponseWriter implements ResponseWriter {
    private final ChatAnswer answer;
    private final List<Choice> choices;

    ChatResponseWriter(ChatAnswer answer) {
        this.answer = answer;
        choices = Stream.generate(Choice::new).limit(answer.request().options().n()).toList();
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
        var choice = choices.get(output.choice());
        choice.text.append(output.text());
        choice.finish = output.finish();
        if (answer.logprobs() || answer.tokenIds()) {
            choice.tokens.addAll(output.tokens());
        }
    }

    @Override
    public void close(OutputStream out) {
        Json.object(out, this::writeTo);
    }

    private void writeTo(JsonGenerator json) throws IOException {
        answer.envelope().writeTo(json, "chat.completion");
        json.writeArrayFieldStart("choices");
        for (int i = 0; i < choices.size(); i++) {
            choice(json, i, choices.get(i));
        }
        json.writeEndArray();
        answer.usage().writeTo(json, answer.request().prediction());
        if (answer.request().metadata() != null) {
            json.writeObjectFieldStart("metadata");
            for (var entry : answer.request().metadata().entrySet()) {
                json.writeStringField(entry.getKey(), entry.getValue());
            }
            json.writeEndObject();
        }
        if (answer.tokenIds()) {
            Json.ints(json, "prompt_token_ids", answer.promptTokens());
        }
    }

    private void choice(JsonGenerator json, int index, Choice choice) throws IOException {
        json.writeStartObject();
        json.writeNumberField("index", index);
        json.writeObjectFieldStart("message");
        json.writeStringField("role", "assistant");
        json.writeStringField("content", choice.text.toString());
        json.writeNullField("refusal");
        json.writeEndObject();
        if (answer.logprobs()) {
            new Logprobs(answer.model().tokenizer()).writeTo(json, choice.tokens);
        } else {
            json.writeNullField("logprobs");
        }
        json.writeStringField("finish_reason", Finish.name(choice.finish));
        if (answer.tokenIds()) {
            Json.ints(json, "token_ids", Finish.ids(choice.tokens));
        }
        json.writeEndObject();
    }
}
