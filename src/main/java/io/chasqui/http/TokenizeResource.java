package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Singleton;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

/** {@code POST /tokenize} and {@code POST /detokenize}, in vLLM's form. */
@Singleton
@Path("/")
public final class TokenizeResource {
    private static final int MAX_MODEL = 256;

    private final Models models;
    private final RenderPool renderPool;

    TokenizeResource(Models models, RenderPool renderPool) {
        this.models = models;
        this.renderPool = renderPool;
    }

    /** Ids of a text or of a conversation. */
    @POST
    @Path("/tokenize")
    @Blocking
    public Uni<Response> tokenize(byte[] json) {
        return Uni.createFrom().item(() -> encode(json)).runSubscriptionOn(renderPool);
    }

    private Response encode(byte[] json) {
        var body = Fields.of(JsonBody.parse(json));
        var model = models.requireOrFirst(body.text("model", MAX_MODEL));
        boolean withTexts = body.flag("return_token_strs", false);
        var tokens = body.get("messages") == null ? plain(body, model) : chat(body, model);
        return ok(
                out -> {
                    out.writeNumberField("count", tokens.length);
                    out.writeNumberField("max_model_len", model.maxModelLen());
                    Json.ints(out, "tokens", tokens);
                    if (withTexts) {
                        out.writeArrayFieldStart("token_strs");
                        for (int token : tokens) {
                            out.writeString(Logprobs.text(model.tokenizer().bytes(token)));
                        }
                        out.writeEndArray();
                    }
                });
    }

    private static int[] plain(Fields body, ServedModel model) {
        body.require("prompt");
        var text = body.text("prompt", JsonBody.MAX_BYTES);
        boolean withBos = body.flag("add_special_tokens", true);
        body.rejectUnknown();
        return withBos
                ? PlainPrompts.tokens(model.tokenizer(), text)
                : model.tokenizer().encodeWithSpecials(text);
    }

    private static int[] chat(Fields body, ServedModel model) {
        if (body.get("prompt") != null) {
            throw body.wrong("prompt", "left out when there are 'messages'");
        }
        ChatCompletionRequest.refuseTemplates(body);
        if (body.flag("add_special_tokens", false)) {
            throw ApiException.unsupported(
                    "add_special_tokens", "A chat format has the special tokens it needs.");
        }
        var prompt = ChatCompletionRequest.prompt(body);
        var tools = ToolOptions.read(body);
        body.rejectUnknown();
        return ChatCompletionsResource.render(model, prompt, tools);
    }

    /** The text of ids. */
    @POST
    @Path("/detokenize")
    @Blocking
    public Uni<Response> detokenize(byte[] json) {
        return Uni.createFrom().item(() -> decode(json)).runSubscriptionOn(renderPool);
    }

    private Response decode(byte[] json) {
        var body = Fields.of(JsonBody.parse(json));
        var model = models.requireOrFirst(body.text("model", MAX_MODEL));
        body.require("tokens");
        var values = body.array("tokens", JsonBody.MAX_BYTES);
        int vocabSize = model.tokenizer().vocabSize();
        var tokens = new int[values.size()];
        for (int i = 0; i < tokens.length; i++) {
            var path = "tokens[" + i + "]";
            tokens[i] = (int) Fields.integer(values.get(i), path, 0, vocabSize - 1);
        }
        body.rejectUnknown();
        var text = model.tokenizer().decode(tokens);
        return ok(out -> out.writeStringField("prompt", text));
    }

    private static Response ok(Json.Content members) {
        return Response.ok(Json.object(members), MediaType.APPLICATION_JSON_TYPE).build();
    }
}
