package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;

/**
 * The usage in a stream. When asked for, it is null in every chunk and comes once at the end, in a
 * chunk without choices; clients take any other chunk with a usage for the last one.
 */
final class StreamUsage {
    private final StreamOptions options;
    private final Usage usage;
    private final boolean prediction;

    StreamUsage(StreamOptions options, Usage usage, boolean prediction) {
        this.options = options;
        this.usage = usage;
        this.prediction = prediction;
    }

    void onChunk(JsonGenerator json) throws IOException {
        if (options.continuousUsage()) {
            usage.writeTo(json, prediction);
        } else if (options.includeUsage()) {
            json.writeNullField("usage");
        }
    }

    void onEnd(OutputStream out, Envelope envelope, String object) {
        if (!options.includeUsage()) {
            return;
        }
        Sse.event(
                out,
                json -> {
                    envelope.writeTo(json, object);
                    json.writeArrayFieldStart("choices");
                    json.writeEndArray();
                    usage.writeTo(json, prediction);
                });
    }
}
