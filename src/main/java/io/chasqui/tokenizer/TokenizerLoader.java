package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Makes tokenizers of what model files say. */
public final class TokenizerLoader {
    static final int MAX_VOCABULARY = 1 << 20;
    static final long MAX_FILE_BYTES = 64L << 20;

    private TokenizerLoader() {}

    /**
     * From the metadata of a GGUF file: {@code tokenizer.ggml.*}.
     *
     * @param metadata integers as Long, booleans as Boolean, arrays as String[] and long[]
     * @throws ModelFormatException if it is no byte-level BPE tokenizer of a known kind, or
     *     contradicts itself
     */
    public static Tokenizer fromGguf(Map<String, Object> metadata) {
        return new GgufTokenizer(metadata).load();
    }

    /**
     * From a Hugging Face {@code tokenizer.json}. Names of special tokens in a {@code
     * tokenizer_config.json} beside it win.
     *
     * @throws ModelFormatException if it is no byte-level BPE tokenizer of a known kind, or
     *     contradicts itself
     */
    public static Tokenizer fromTokenizerJson(Path file) throws IOException {
        checkSize(file);
        return HfTokenizer.read(file);
    }

    /**
     * From Meta's {@code tokenizer.model} for Llama 3.1 and later: lines of a token in base64 and
     * its rank, which is its id and its priority as a merge. The 256 special tokens, which the file
     * does not hold, follow.
     *
     * @throws ModelFormatException if it is not such a file
     */
    public static Tokenizer fromTokenizerModel(Path file) throws IOException {
        checkSize(file);
        return TiktokenTokenizer.read(file.getFileName().toString(), Files.readAllBytes(file));
    }

    private static void checkSize(Path file) throws IOException {
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new ModelFormatException(
                    file.getFileName() + ": larger than " + MAX_FILE_BYTES + " bytes");
        }
    }
}
