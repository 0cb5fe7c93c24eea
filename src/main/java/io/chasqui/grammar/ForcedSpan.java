package io.chasqui.grammar;

/**
 * Text that must follow, as tokens.
 *
 * @param tokens canonical tokens of the text, less those at its end that what follows may change
 * @param restLength when there are no such tokens: bytes that must follow nevertheless
 * @param restToken when there are such bytes: the first of their canonical tokens; else -1
 */
record ForcedSpan(int[] tokens, int restLength, int restToken) {
    static final ForcedSpan NONE = new ForcedSpan(new int[0], 0, -1);

    boolean hasRest() {
        return restToken >= 0;
    }
}
