package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Strings and ids as llama.cpp keeps them beside its vocabulary files. */
final class LlamaCppVectors {
    private static final String SEPARATOR = "\n__ggml_vocab_test__\n";

    private LlamaCppVectors() {}

    /** Checks that all strings encode as listed; returns how many there were. */
    static int check(Tokenizer tokenizer, Path inputs, Path outputs) throws IOException {
        var texts = Files.readString(inputs).split(SEPARATOR, -1);
        var lines = Files.readAllLines(outputs);
        for (int i = 0; i < lines.size(); i++) {
            var words = lines.get(i).strip();
            var ids =
                    words.isEmpty()
                            ? new int[0]
                            : Stream.of(words.split(" +")).mapToInt(Integer::parseInt).toArray();
            assertArrayEquals(ids, tokenizer.encode(texts[i]), "string " + i + ": " + texts[i]);
        }
        return lines.size();
    }
}
