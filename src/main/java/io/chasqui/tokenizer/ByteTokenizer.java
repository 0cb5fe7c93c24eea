package io.chasqui.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A vocabulary for models without one, such as those of random weights: tokens 0 to 255 are the
 * bytes, each one after stands for a space and its number.
 */
public final class ByteTokenizer implements Tokenizer {
    private static final int BYTES = 256;

    private final int vocabSize;

    public ByteTokenizer(int vocabSize) {
        this.vocabSize = vocabSize;
    }

    @Override
    public int[] encode(String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        var ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = Byte.toUnsignedInt(bytes[i]);
        }
        return ids;
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        return encode(text);
    }

    @Override
    public byte[] bytes(int token) {
        return token < BYTES
                ? new byte[] {(byte) token}
                : (" " + token).getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public boolean isSpecial(int token) {
        return false;
    }

    @Override
    public int specialToken(String name) {
        return -1;
    }

    @Override
    public int vocabSize() {
        return vocabSize;
    }

    @Override
    public int bosToken() {
        return -1;
    }

    @Override
    public String decode(int[] tokens) {
        var out = new ByteArrayOutputStream();
        for (int token : tokens) {
            out.writeBytes(bytes(token));
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
