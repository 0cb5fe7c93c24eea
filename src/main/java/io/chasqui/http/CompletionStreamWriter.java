package io.chasqui.http;

import io.chasqui.engine.RequestOutput;
import io.chasqui.engine.TokenOutput;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.stream.Stream;

/** A streamed plain completion. With an echo the first chunk of each choice is its prompt. */
final class CompletionStreamWriter implements ResponseWriter {
    private final CompletionAnswer answer;
    private final StreamUsage usage;
    private final Obfuscation obfuscation;
    private final CompletionLogprobs[] logprobs;
    private final Prompt[] prompts;

    CompletionStreamWriter(CompletionAnswer answer) {
        this.answer = answer;
        var streaming = answer.request().options().streaming();
        usage = new StreamUsage(streaming, answer.usage(), false);
        obfuscation = new Obfuscation(streaming.obfuscation());
        int count = answer.prompts().size();
        var tokenizer = answer.model().tokenizer();
        logprobs =
                Stream.generate(() -> new CompletionLogprobs(tokenizer))
                        .limit((long) count * answer.choicesPerPrompt())
                        .toArray(CompletionLogprobs[]::new);
        prompts = Stream.generate(Prompt::new).limit(count).toArray(Prompt[]::new);
    }

    /** Where one prompt stands. Its scores come with choice 0; what comes earlier has to wait. */
    private static final class Prompt {
        final Queue<RequestOutput> waiting = new ArrayDeque<>();
        boolean begun;
    }

    @Override
    public boolean streaming() {
        return true;
    }

    @Override
    public void open(OutputStream out) {}

    @Override
    public void write(int index, RequestOutput output, OutputStream out) {
        var prompt = prompts[index];
        if (prompt.begun) {
            writeOutput(index, output, out);
            return;
        }
        prompt.waiting.add(output);
        boolean needsScores = answer.request().echo() && answer.logprobs();
        if (needsScores && output.promptTokens() == null) {
            return;
        }
        prompt.begun = true;
        begin(index, output, out);
        prompt.waiting.forEach(early -> writeOutput(index, early, out));
        prompt.waiting.clear();
    }

    private void begin(int index, RequestOutput first, OutputStream out) {
        var prompt = answer.prompts().get(index);
        if (!answer.request().echo() && !answer.tokenIds()) {
            return;
        }
        for (int j = 0; j < answer.choicesPerPrompt(); j++) {
            int choice = index * answer.choicesPerPrompt() + j;
            if (answer.request().echo() && answer.logprobs()) {
                logprobs[choice].addPrompt(first.promptTokens(), prompt);
            }
            var text = answer.request().echo() ? prompt.text() : "";
            chunk(out, choice, text, answer.request().echo(), null, prompt.tokens(), null);
        }
    }

    private void writeOutput(int index, RequestOutput output, OutputStream out) {
        int choice = index * answer.choicesPerPrompt() + output.choice();
        boolean hasTokens = (answer.logprobs() || answer.tokenIds()) && !output.tokens().isEmpty();
        if (output.text().isEmpty() && !hasTokens && !output.last()) {
            return;
        }
        logprobs[choice].add(output.tokens());
        var ids = output.tokens().stream().mapToInt(TokenOutput::token).toArray();
        var finish = Finish.name(output.finish());
        chunk(out, choice, output.text(), !output.tokens().isEmpty(), finish, null, ids);
    }

    private void chunk(
            OutputStream out,
            int choice,
            String text,
            boolean listsTokens,
            String finish,
            int[] promptIds,
            int[] ids) {
        Sse.event(
                out,
                json -> {
                    answer.envelope().writeTo(json, CompletionAnswer.OBJECT);
                    json.writeArrayFieldStart("choices");
                    json.writeStartObject();
                    json.writeNumberField("index", choice);
                    json.writeStringField("text", text);
                    if (answer.logprobs() && listsTokens) {
                        logprobs[choice].writeTo(json);
                    } else {
                        json.writeNullField("logprobs");
                    }
                    json.writeStringField("finish_reason", finish);
                    if (answer.tokenIds() && promptIds != null) {
                        Json.ints(json, "prompt_token_ids", promptIds);
                    }
                    if (answer.tokenIds() && ids != null) {
                        Json.ints(json, "token_ids", ids);
                    }
                    json.writeEndObject();
                    json.writeEndArray();
                    obfuscation.writeTo(json, text);
                    usage.onChunk(json);
                });
    }

    @Override
    public void close(OutputStream out) {
        usage.onEnd(out, answer.envelope(), CompletionAnswer.OBJECT);
        Sse.done(out);
    }
}
