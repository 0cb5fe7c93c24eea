package io.chasqui.chat;

import io.chasqui.tokenizer.Tokenizer;
import java.util.Arrays;

/**
 * A prompt being rendered. Special tokens enter it only by {@link #special}; all text between two
 * of them is encoded in one go, with special tokens disabled.
 */
final class PromptWriter {
    private final Tokenizer tokenizer;
    private final StringBuilder text = new StringBuilder();
    private int[] ids = new int[256];
    private int size;

    PromptWriter(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    PromptWriter text(String more) {
        text.append(more);
        return this;
    }

    /**
     * @throws ChatFormatException if the model has no such token
     */
    PromptWriter special(String name) {
        int id = tokenizer.specialToken(name);
        if (id < 0) {
            throw new ChatFormatException(
                    "messages", "the model's vocabulary has no " + name + ", which this needs");
        }
        encodeText();
        append(id);
        return this;
    }

    private void encodeText() {
        append(tokenizer.encode(text.toString()));
        text.setLength(0);
    }

    private void append(int... more) {
        if (size + more.length > ids.length) {
            ids = Arrays.copyOf(ids, Math.max(size + more.length, ids.length * 2));
        }
        System.arraycopy(more, 0, ids, size, more.length);
        size += more.length;
    }

    int[] toIds() {
        encodeText();
        return Arrays.copyOf(ids, size);
    }
}
