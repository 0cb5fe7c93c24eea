package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import io.chasqui.config.HttpConfig;
import io.chasqui.engine.GenerationRequest;
import io.smallrye.common.annotation.Blocking;
import io.vertx.ext.web.RoutingContext;
import jakarta.inject.Singleton;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.Context;
import java.util.ArrayList;
import java.util.List;
import org.jboss.resteasy.reactive.RestMulti;

/** {@code POST /v1/completions}. */
@Singleton
@Path("/v1/completions")
public final class CompletionsResource {
    private final Models models;
    private final Generations generations;
    private final HttpConfig config;

    CompletionsResource(Models models, Generations generations, HttpConfig config) {
        this.models = models;
        this.generations = generations;
        this.config = config;
    }

    /** Streamed and not: the answer's media type is the request's choice, whatever it accepts. */
    @POST
    @Blocking
    public RestMulti<byte[]> create(byte[] body, @Context RoutingContext context) {
        var request = CompletionRequest.read(JsonBody.parse(body), config.maxChoices());
        var model = models.require(request.model());
        request.checkVocabulary(model.tokenizer().vocabSize());
        var call = Call.of(context);
        return generations.answer(
                call, model, "prompt", recorder -> prepare(call, request, model, recorder));
    }

    private static Generations.Job prepare(
            Call call, CompletionRequest request, ServedModel model, GenerationRecorder recorder) {
        var prompts = new ArrayList<PlainPrompts.Rendered>();
        var generations = new ArrayList<GenerationRequest>();
        for (var prompt : request.prompts()) {
            var rendered = PlainPrompts.render(model.tokenizer(), prompt);
            recorder.onPrompt(rendered.tokens().length);
            prompts.add(rendered);
            generations.add(generation(call, request, model, rendered.tokens()));
        }
        var envelope = Envelope.of("cmpl-", model, request.model(), null);
        var answer =
                new CompletionAnswer(
                        request, model, envelope, List.copyOf(prompts), recorder.usage());
        return new Generations.Job(generations, answer.writer());
    }

    private static GenerationRequest generation(
            Call call, CompletionRequest request, ServedModel model, int[] prompt) {
        var wanted = request.maxTokens();
        int room = TokenBudget.room("prompt", prompt.length, wanted, model.maxModelLen());
        var options = request.options();
        var params =
                options.samplingParams(
                        model.defaults(),
                        AnswerGrammar.of(model, options.format()),
                        wanted == null ? CompletionRequest.defaultMaxTokens(room) : wanted,
                        request.numLogprobs(),
                        request.echo() ? request.numLogprobs() : -1);
        return Generations.request(call, prompt, params, options.priority(), options.cacheSalt());
    }
}
