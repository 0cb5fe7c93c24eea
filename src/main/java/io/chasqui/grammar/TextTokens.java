package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * The tokens of a vocabulary that are ordinary text of some groups, up to {@value #MAX_CHARACTERS}
 * characters long. Where a grammar minds only how long such text is, their part of a mask is known
 * without a look at them.
 */
final class TextTokens {
    static final int MAX_CHARACTERS = 32;

    private final int groups;

    /** Per number of characters, those that are not longer. */
    private final long[][] masks = new long[MAX_CHARACTERS + 1][];

    private final TokenTrie others;

    /**
     * @param groups a set of {@link TextGroups}
     * @param tokens all tokens of the vocabulary
     * @param words length of a mask
     */
    TextTokens(int groups, List<TokenTrie.Suffix> tokens, int words) {
        this.groups = groups;
        var byLength = new long[MAX_CHARACTERS + 1][words];
        var rest = new ArrayList<TokenTrie.Suffix>();
        for (var token : tokens) {
            int characters = characters(token.bytes());
            if (characters < 0) {
                rest.add(token);
            } else {
                byLength[characters][token.token() >> 6] |= 1L << token.token();
            }
        }
        masks[0] = byLength[0];
        for (int length = 1; length <= MAX_CHARACTERS; length++) {
            masks[length] = byLength[length];
            for (int i = 0; i < words; i++) {
                masks[length][i] |= masks[length - 1][i];
            }
        }
        others = TokenTrie.of(rest);
    }

    /** How many there are in a token; -1 if it is not one of these. */
    private int characters(byte[] text) {
        int position = Utf8.BOUNDARY;
        int characters = 0;
        for (byte b : text) {
            position = Utf8.position(position, b & 0xff);
            if (position == Utf8.INVALID || (TextGroups.of(b & 0xff) & ~groups) != 0) {
                return -1;
            }
            characters += position == Utf8.BOUNDARY ? 1 : 0;
        }
        return position == Utf8.BOUNDARY && characters <= MAX_CHARACTERS ? characters : -1;
    }

    int groups() {
        return groups;
    }

    /** Bit set of those of at most so many characters. Not to be changed. */
    long[] mask(int characters) {
        return masks[Math.min(characters, MAX_CHARACTERS)];
    }

    /** All other tokens. */
    TokenTrie others() {
        return others;
    }
}
