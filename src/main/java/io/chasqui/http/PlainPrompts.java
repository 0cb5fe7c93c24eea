package io.chasqui.http;

import io.chasqui.tokenizer.Tokenizer;

/** Token ids of prompts that are not conversations. */
final class PlainPrompts {
    private PlainPrompts() {}

    /** Ids of a text in which special tokens may be spelled out, after one begin-of-text token. */
    static int[] tokens(Tokenizer tokenizer, String text) {
        return withBos(tokenizer, tokenizer.encodeWithSpecials(text));
    }

    /** The ids after one begin-of-text token, which is not added to one that is there. */
    static int[] withBos(Tokenizer tokenizer, int[] tokens) {
        int bos = tokenizer.bosToken();
        if (bos < 0 || tokens.length > 0 && tokens[0] == bos) {
            return tokens;
        }
        var all = new int[tokens.length + 1];
        all[0] = bos;
        System.arraycopy(tokens, 0, all, 1, tokens.length);
        return all;
    }

    /**
     * One prompt of a completion.
     *
     * @param tokens what the model gets
     * @param text what an echo returns
     * @param textStart tokens at the beginning that are no part of the text: 1 for a begin-of-text
     *     token that was added, else 0
     * @param listStart tokens at the beginning that an echo does not list: where the caller sent
     *     ids, its list has exactly those
     */
    record Rendered(int[] tokens, String text, int textStart, int listStart) {}

    static Rendered render(Tokenizer tokenizer, CompletionRequest.Prompt prompt) {
        boolean ids = prompt.tokens() != null;
        var given = ids ? prompt.tokens() : tokenizer.encodeWithSpecials(prompt.text());
        var tokens = withBos(tokenizer, given);
        int added = tokens.length - given.length;
        var text = ids ? tokenizer.decode(given) : prompt.text();
        return new Rendered(tokens, text, added, ids ? added : 0);
    }
}
