package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.chat.ServedModel;
import java.io.IOException;

/**
 * The members that every part of an answer repeats.
 *
 * @param id id of the answer
 * @param created unix seconds
 * @param model the model's name as the request had it
 * @param fingerprint changes only when outputs may
 * @param serviceTier echoed, or null
 */
record Envelope(String id, long created, String model, String fingerprint, String serviceTier) {

    static Envelope of(String idPrefix, ServedModel model, String name, String serviceTier) {
        return new Envelope(
                idPrefix + Call.newId(),
                System.currentTimeMillis() / 1000,
                name,
                model.fingerprint(),
                serviceTier);
    }

    void writeTo(JsonGenerator json, String object) throws IOException {
        json.writeStringField("id", id);
        json.writeStringField("object", object);
        json.writeNumberField("created", created);
        json.writeStringField("model", model);
        json.writeStringField("system_fingerprint", fingerprint);
        if (serviceTier != null) {
            json.writeStringField("service_tier", serviceTier);
        }
    }
}
