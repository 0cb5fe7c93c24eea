package io.chasqui.tokenizer;

import io.chasqui.loader.GgufFile;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Tokenizers that tests share, each loaded once. */
public final class TestTokenizers {
    private static Tokenizer llama3;
    private static Tokenizer defaultModel;

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

    /** The default model's, from its GGUF file. */
    public static synchronized Tokenizer defaultModel() {
        if (defaultModel == null) {
            try (var file = GgufFile.open(SharedData.defaultModel())) {
                defaultModel = TokenizerLoader.fromGguf(file.metadata());
            }
        }
        return defaultModel;
    }
}
