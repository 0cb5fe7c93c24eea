package io.chasqui.tokenizer;

import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Tokenizers that tests share, each loaded once. */
public final class TestTokenizers {
    private static Tokenizer llama3;

    private TestTokenizers() {}

    /** Llama 3.1's, with the names of its special tokens. */
    public static synchronized Tokenizer llama3() {
        if (llama3 == null) {
            try {
                llama3 =
                        TokenizerLoader.fromTokenizerModel(
                                SharedData.path("data/tokenizer/llama3-tokenizer.model"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return llama3;
    }
}
