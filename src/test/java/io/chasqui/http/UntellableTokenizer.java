package io.chasqui.http;

import io.chasqui.tokenizer.Tokenizer;

/** Cannot tell the bytes of one token, and blurts out a secret instead. */
record UntellableTokenizer(Tokenizer tokenizer, int untellable) implements Tokenizer {
    static final String SECRET = "secret8264";

    @Override
    public byte[] bytes(int token) {
        if (token == untellable) {
            throw new IllegalStateException("injected: " + SECRET);
        }
        return tokenizer.bytes(token);
    }

    @Override
    public int[] encode(String text) {
        return tokenizer.encode(text);
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        return tokenizer.encodeWithSpecials(text);
    }

    @Override
    public boolean isSpecial(int token) {
        return tokenizer.isSpecial(token);
    }

    @Override
    public int specialToken(String name) {
        return tokenizer.specialToken(name);
    }

    @Override
    public int vocabSize() {
        return tokenizer.vocabSize();
    }

    @Override
    public int bosToken() {
        return tokenizer.bosToken();
    }

    @Override
    public String decode(int[] tokens) {
        return tokenizer.decode(tokens);
    }
}
