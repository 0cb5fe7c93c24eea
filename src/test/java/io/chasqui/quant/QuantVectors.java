package io.chasqui.quant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/** Blocks and values computed by gguf-py. */
final class QuantVectors {
    private final JsonNode root;

    private QuantVectors(JsonNode root) {
        this.root = root;
    }

    static QuantVectors load() throws IOException {
        var path = SharedData.path("data/quant/generated_gguf_quant_vectors.json");
        return new QuantVectors(new ObjectMapper().readTree(path.toFile()));
    }

    MemorySegment blocks(DType type) {
        return bytes(root.at("/dequant/" + type + "/raw_hex"));
    }

    float[] values(DType type) {
        return floats(root.at("/dequant/" + type + "/dequant_f32"));
    }

    float[] quantizeInput() {
        return floats(root.at("/quantize_input_f32"));
    }

    byte[] quantized(DType type) {
        return HexFormat.of().parseHex(root.at("/quantize_hex/" + type).textValue());
    }

    private static MemorySegment bytes(JsonNode hex) {
        return MemorySegment.ofArray(HexFormat.of().parseHex(hex.textValue()));
    }

    private static float[] floats(JsonNode array) {
        var values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) array.get(i).doubleValue();
        }
        return values;
    }
}
