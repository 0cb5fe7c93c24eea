package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.chat.AnswerPart;
import io.chasqui.engine.RequestOutput;
import io.chasqui.engine.TokenOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;

/** A chat answer in one piece. */
final class ChatResponseWriter implements ResponseWriter {
    private final ChatAnswer answer;
    private final List<Choice> choices;

    ChatResponseWriter(ChatAnswer answer) {
        this.answer = answer;
        choices = answer.readers().stream().map(Choice::new).toList();
    }

    /** What one choice has come to so far. */
    private static final class Choice {
        final ChoiceReader reader;
        final StringBuilder text = new StringBuilder();
        final List<FunctionCall> calls = new ArrayList<>();
        final List<TokenOutput> tokens = new ArrayList<>();
        String finish;

        Choice(ChoiceReader reader) {
            this.reader = reader;
        }

        void add(AnswerPart part) {
            switch (part) {
                case AnswerPart.Text more -> text.append(more.text());
                case AnswerPart.Call call ->
                        calls.add(new FunctionCall(call.name(), new StringBuilder()));
                case AnswerPart.Arguments more ->
                        calls.get(more.index()).arguments().append(more.json());
            }
        }
    }

    private record FunctionCall(String name, StringBuilder arguments) {
        void writeTo(JsonGenerator json) throws IOException {
            json.writeStartObject();
            json.writeStringField("id", ChatAnswer.newCallId());
            json.writeStringField("type", "function");
            json.writeObjectFieldStart("function");
            json.writeStringField("name", name);
            json.writeStringField("arguments", arguments.toString());
            json.writeEndObject();
            json.writeEndObject();
        }
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
        choice.reader.read(output).forEach(choice::add);
        choice.finish = choice.reader.finish(output.finish());
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
        boolean silent = choice.text.isEmpty() && (answer.callsOnly() || !choice.calls.isEmpty());
        json.writeStringField("content", silent ? null : choice.text.toString());
        json.writeNullField("refusal");
        calls(json, choice.calls);
        json.writeEndObject();
        if (answer.logprobs()) {
            new Logprobs(answer.model().tokenizer()).writeTo(json, choice.tokens);
        } else {
            json.writeNullField("logprobs");
        }
        json.writeStringField("finish_reason", choice.finish);
        if (answer.tokenIds()) {
            Json.ints(json, "token_ids", Finish.ids(choice.tokens));
        }
        json.writeEndObject();
    }

    private static void calls(JsonGenerator json, List<FunctionCall> calls) throws IOException {
        if (calls.isEmpty()) {
            return;
        }
        json.writeArrayFieldStart("tool_calls");
        for (var call : calls) {
            call.writeTo(json);
        }
        json.writeEndArray();
    }
}
