package io.chasqui.engine;

import io.chasqui.tokenizer.Tokenizer;

/** Cannot tell the text of one token. */
record CursedTokenizer(Tokenizer bytes, int cursed) implements Tokenizer {
    @Override
    public int[] encode(String text) {
        return bytes.encode(text);
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        return bytes.encodeWithSpecials(text);
    }

    @Override
    public byte[] bytes(int token) {
        return bytes.bytes(token);
    }

    @Override
    public boolean isSpecial(int token) {
        if (token == cursed) {
            throw new StackOverflowError("injected: token");
        }
        return bytes.isSpecial(token);
    }

    @Override
    public int specialToken(String name) {
        return bytes.specialToken(name);
    }

    @Override
    public int vocabSize() {
        return bytes.vocabSize();
    }

    @Override
    public int bosToken() {
        return bytes.bosToken();
    }

    @Override
    public String decode(int[] tokens) {
        return bytes.decode(tokens);
    }
}
