package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.smallrye.common.annotation.NonBlocking;
import jakarta.inject.Singleton;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;

/** {@code GET /v1/models} and {@code GET /v1/models/{id}}; an id may hold slashes. */
@Singleton
@Path("/v1/models")
public final class ModelsResource {
    private final ModelRegistry registry;
    private final Models models;

    ModelsResource(ModelRegistry registry, Models models) {
        this.registry = registry;
        this.models = models;
    }

    /** Every name that a model answers to. */
    @GET
    @NonBlocking
    public Response list() {
        return ok(
                json -> {
                    json.writeStringField("object", "list");
                    json.writeArrayFieldStart("data");
                    for (var model : registry.models()) {
                        entry(json, model, model.id());
                        for (var alias : model.aliases()) {
                            entry(json, model, alias);
                        }
                    }
                    json.writeEndArray();
                });
    }

    @GET
    @Path("/{id: .+}")
    @NonBlocking
    public Response get(@PathParam("id") String id) {
        var model = models.require(id);
        return ok(json -> members(json, model, id));
    }

    private static Response ok(Json.Content members) {
        return Response.ok(Json.object(members), MediaType.APPLICATION_JSON_TYPE).build();
    }

    private static void entry(JsonGenerator json, ServedModel model, String name)
            throws IOException {
        json.writeStartObject();
        members(json, model, name);
        json.writeEndObject();
    }

    private static void members(JsonGenerator json, ServedModel model, String name)
            throws IOException {
        json.writeStringField("id", name);
        json.writeStringField("object", "model");
        json.writeNumberField("created", model.created());
        json.writeStringField("owned_by", "chasqui");
        json.writeStringField("root", model.id());
        json.writeNullField("parent");
        json.writeNumberField("max_model_len", model.maxModelLen());
    }
}
