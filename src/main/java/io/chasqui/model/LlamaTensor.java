package io.chasqui.model;

import java.util.List;

/** The tensors of a Llama checkpoint: their names in each format and their shapes. */
public enum LlamaTensor {
    EMBEDDING("model.embed_tokens", "token_embd"),
    ATTENTION_NORM("model.layers.%d.input_layernorm", "blk.%d.attn_norm"),
    QUERY("model.layers.%d.self_attn.q_proj", "blk.%d.attn_q"),
    KEY("model.layers.%d.self_attn.k_proj", "blk.%d.attn_k"),
    VALUE("model.layers.%d.self_attn.v_proj", "blk.%d.attn_v"),
    ATTENTION_OUTPUT("model.layers.%d.self_attn.o_proj", "blk.%d.attn_output"),
    FFN_NORM("model.layers.%d.post_attention_layernorm", "blk.%d.ffn_norm"),
    GATE("model.layers.%d.mlp.gate_proj", "blk.%d.ffn_gate"),
    UP("model.layers.%d.mlp.up_proj", "blk.%d.ffn_up"),
    DOWN("model.layers.%d.mlp.down_proj", "blk.%d.ffn_down"),
    NORM("model.norm", "output_norm"),
    HEAD("lm_head", "output");

    /** Layer argument of tensors outside the layers. */
    public static final int NO_LAYER = -1;

    private final String huggingFace;
    private final String gguf;

    LlamaTensor(String huggingFace, String gguf) {
        this.huggingFace = huggingFace;
        this.gguf = gguf;
    }

    /** Whether each layer has one. */
    public boolean perLayer() {
        return gguf.startsWith("blk.");
    }

    /** Whether it is a norm: a vector, held in floating point. */
    public boolean isVector() {
        return this == ATTENTION_NORM || this == FFN_NORM || this == NORM;
    }

    /** Name in a Hugging Face checkpoint. */
    public String huggingFaceName(int layer) {
        return name(huggingFace, layer);
    }

    /** Name in a GGUF file. */
    public String ggufName(int layer) {
        return name(gguf, layer);
    }

    private String name(String pattern, int layer) {
        return (perLayer() ? pattern.replace("%d", Integer.toString(layer)) : pattern) + ".weight";
    }

    /** Shape in a model of this configuration, outermost dimension first. */
    public List<Long> shape(LlamaConfig config) {
        long hidden = config.hidden();
        long attention = (long) config.heads() * config.headDim();
        long kv = (long) config.kvHeads() * config.headDim();
        return switch (this) {
            case EMBEDDING, HEAD -> List.of((long) config.vocab(), hidden);
            case ATTENTION_NORM, FFN_NORM, NORM -> List.of(hidden);
            case QUERY -> List.of(attention, hidden);
            case KEY, VALUE -> List.of(kv, hidden);
            case ATTENTION_OUTPUT -> List.of(hidden, attention);
            case GATE, UP -> List.of((long) config.ffn(), hidden);
            case DOWN -> List.of(hidden, (long) config.ffn());
        };
    }
}
