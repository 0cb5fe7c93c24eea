package io.chasqui.engine;

import io.chasqui.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** A text's bytes in pieces of 0 to 8 bytes: token i is the i-th. Every 13th is a special one. */
final class CutTokenizer implements Tokenizer {
    private final List<byte[]> pieces = new ArrayList<>();

    CutTokenizer(byte[] text, long seed) {
        var random = new SplittableRandom(seed);
        for (int at = 0; at < text.length; ) {
            if (isSpecial(pieces.size())) {
                pieces.add(new byte[] {'<', (byte) 0xe4, '>'});
                continue;
            }
            int to = Math.min(text.length, at + random.nextInt(9));
            pieces.add(Arrays.copyOfRange(text, at, to));
            at = to;
        }
    }

    @Override
    public int[] encode(String text) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        throw new UnsupportedOperationException();
    }

    @Override
    public byte[] bytes(int token) {
        return pieces.get(token);
    }

    @Override
    public boolean isSpecial(int token) {
        return token % 13 == 12;
    }

    @Override
    public int specialToken(String name) {
        return -1;
    }

    @Override
    public int vocabSize() {
        return pieces.size();
    }

    @Override
    public int bosToken() {
        return -1;
    }

    @Override
    public String decode(int[] tokens) {
        throw new UnsupportedOperationException();
    }
}
