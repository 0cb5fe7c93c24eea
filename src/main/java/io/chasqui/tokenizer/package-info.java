/**
 * Text to tokens and back: byte-level BPE from GGUF metadata, {@code tokenizer.json} and {@code
 * tokenizer.model}. A file is a {@link io.chasqui.tokenizer.TokenizerLoader loader}'s business; all
 * forms of a vocabulary end in the same encoder.
 */
package io.chasqui.tokenizer;
