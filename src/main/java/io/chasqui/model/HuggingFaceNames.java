package io.chasqui.model;

import java.util.Set;
import java.util.regex.Pattern;

/** Peculiarities of tensor names in Hugging Face folders. */
final class HuggingFaceNames {
    /** Buffers that old exporters stored, and scales of an 8-bit KV cache. */
    private static final Pattern UNUSED =
            Pattern.compile(
                    ".*\\.(rotary_emb\\.inv_freq|k_scale|v_scale|kv_scale|q_scale|prob_scale)");

    private HuggingFaceNames() {}

    /** What stands before every name, e.g. {@code language_model.}; usually nothing. */
    static String prefix(Set<String> names) {
        var embedding = LlamaTensor.EMBEDDING.huggingFaceName(LlamaTensor.NO_LAYER);
        if (names.contains(embedding)) {
            return "";
        }
        var prefixed = names.stream().filter(name -> name.endsWith("." + embedding)).toList();
        return prefixed.size() == 1
                ? prefixed.getFirst()
                        .substring(0, prefixed.getFirst().length() - embedding.length())
                : "";
    }

    /** Whether a tensor may be in the folder without being used. */
    static boolean ignorable(String name, LlamaConfig config) {
        var head = LlamaTensor.HEAD.huggingFaceName(LlamaTensor.NO_LAYER);
        return UNUSED.matcher(name).matches() || config.tiedHead() && name.endsWith(head);
    }
}
