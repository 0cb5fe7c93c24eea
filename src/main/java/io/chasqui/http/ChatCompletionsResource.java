package io.chasqui.http;

import io.chasqui.chat.ChatFormatException;
import io.chasqui.chat.ChatPrompt;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.HttpConfig;
import io.smallrye.common.annotation.Blocking;
import io.vertx.ext.web.RoutingContext;
import jakarta.inject.Singleton;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.Context;
import java.util.List;
import org.jboss.resteasy.reactive.RestMulti;

/** {@code POST /v1/chat/completions}. */
@Singleton
@Path("/v1/chat/completions")
public final class ChatCompletionsResource {
    private final Models models;
    private final Generations generations;
    private final HttpConfig config;

    ChatCompletionsResource(Models models, Generations generations, HttpConfig config) {
        this.models = models;
        this.generations = generations;
        this.config = config;
    }

    /** Streamed and not: the answer's media type is the request's choice, whatever it accepts. */
    @POST
    @Blocking
    public RestMulti<byte[]> create(byte[] body, @Context RoutingContext context) {
        var request = ChatCompletionRequest.read(JsonBody.parse(body), config.maxChoices());
        var model = models.require(request.model());
        request.options().checkVocabulary(model.tokenizer().vocabSize());
        var call = Call.of(context);
        return generations.answer(
                call, model, "messages", recorder -> prepare(call, request, model, recorder));
    }

    private static Generations.Job prepare(
            Call call,
            ChatCompletionRequest request,
            ServedModel model,
            GenerationRecorder recorder) {
        var prompt = render(model, request.prompt(), request.tools());
        recorder.onPrompt(prompt.length);
        var wanted = request.maxTokens();
        int room = TokenBudget.room("messages", prompt.length, wanted, model.maxModelLen());
        var options = request.options();
        var params =
                options.samplingParams(
                        model.defaults(),
                        AnswerGrammar.of(model, options.format(), request.tools()),
                        wanted == null ? room : wanted,
                        request.numLogprobs(),
                        -1);
        var generation =
                Generations.request(call, prompt, params, request.priority(), options.cacheSalt());
        var envelope = Envelope.of("chatcmpl-", model, request.model(), request.serviceTier());
        var answer = new ChatAnswer(request, model, envelope, prompt, recorder.usage());
        return new Generations.Job(List.of(generation), answer.writer());
    }

    /** Ids of a conversation in the model's chat format. */
    static int[] render(ServedModel model, ChatPrompt prompt, ToolOptions tools) {
        var template = model.template();
        if (template == null) {
            throw ApiException.invalid("model", model.templateProblem());
        }
        var tokenizer = model.tokenizer();
        try {
            var told = template.toolCalls(tokenizer).tell(prompt, tools.tools());
            return template.render(told, tokenizer);
        } catch (ChatFormatException e) {
            throw ApiException.invalid(e.param(), e.getMessage());
        }
    }
}
