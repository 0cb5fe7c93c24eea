package io.chasqui.backend;

/**
 * What a matrix does in the decoder. A backend orders its rows, and shares it out among devices,
 * accordingly.
 */
public enum LinearRole {
    /** Token embeddings, a row a token; also the head where the two are tied. */
    EMBEDDING,
    /** Query rows on key rows on value rows, each by head. */
    QKV,
    /** Reads the attention output by head. */
    ATTENTION_OUTPUT,
    /** Gate rows on up rows. */
    GATE_UP,
    /** Reads the inner activations. */
    DOWN,
    /** Output head, a row a token. */
    HEAD
}
