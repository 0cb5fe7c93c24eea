package io.chasqui.grammar;

import java.util.Arrays;

/**
 * Where one answer stands in its grammar. Cheap to {@link #copy}; for use by one thread at a time.
 *
 * <p>Where the grammar allows one text only, the mask allows that text's canonical tokens only, so
 * that an answer does not depend on whether {@link #forcedTokens} are appended unsampled.
 */
public final class GrammarMatcher {
    private static final int[] NO_TOKENS = {};

    private final Grammar grammar;
    private Configurations space;
    private Configuration at;
    private boolean ended;

    /** Tokens of a forced span that were announced, and how many of them have come. */
    private int[] forced = NO_TOKENS;

    private int forcedTaken;

    GrammarMatcher(Grammar grammar) {
        this.grammar = grammar;
        this.space = grammar.space();
        this.at = grammar.start(space);
    }

    private GrammarMatcher(GrammarMatcher other) {
        this.grammar = other.grammar;
        restore(other);
    }

    /** A matcher that goes on from here by itself. */
    public GrammarMatcher copy() {
        return new GrammarMatcher(this);
    }

    /** Goes back, or on, to where another matcher of the same grammar is. */
    public void restore(GrammarMatcher other) {
        this.space = other.space;
        this.at = other.at;
        this.ended = other.ended;
        this.forced = other.forced;
        this.forcedTaken = other.forcedTaken;
    }

    /**
     * Bit set of the tokens that may come next, never empty before the end; shared, so not to be
     * changed.
     */
    public long[] mask() {
        if (ended) {
            return new long[vocabulary().words()];
        }
        int next = nextForced();
        if (next >= 0) {
            return only(next);
        }
        return grammar.mask(at, space);
    }

    private long[] only(int token) {
        long[] mask = new long[vocabulary().words()];
        mask[token >> 6] = 1L << token;
        return mask;
    }

    /**
     * Takes a token.
     *
     * @return false if it may not come next; the matcher stays where it was
     */
    public boolean advance(int token) {
        if (ended || token < 0 || token >= vocabulary().size()) {
            return false;
        }
        if (vocabulary().isEnd(token)) {
            ended = at.reachesBottom();
            return ended;
        }
        byte[] bytes = vocabulary().bytes(token);
        if (bytes == null) {
            return false;
        }
        int expected = nextForced();
        if (expected >= 0 && token != expected) {
            return false;
        }
        if (expected < 0 && !grammar.allowsInRest(at, space, token)) {
            return false;
        }
        var next = space.step(at, bytes);
        if (next == Configuration.DEAD) {
            return false;
        }
        moveTo(next);
        return true;
    }

    private void moveTo(Configuration next) {
        forcedTaken = forcedTaken < forced.length ? forcedTaken + 1 : forcedTaken;
        at = next;
        var current = grammar.space();
        if (current != space) {
            space = current;
            at = current.adopt(next);
        }
    }

    /** Begins a new span where the last one ended. */
    private int nextForced() {
        if (forcedTaken == forced.length) {
            forced = grammar.forced(at, space).tokens();
            forcedTaken = 0;
        }
        return forcedTaken < forced.length ? forced[forcedTaken] : -1;
    }

    /** The token that must come next; -1 when there is a choice or the answer has ended. */
    public int forcedToken() {
        return ended ? -1 : nextForced();
    }

    /** Tokens that must come next, one after the other; empty when there is a choice. */
    public int[] forcedTokens() {
        if (forcedToken() < 0) {
            return NO_TOKENS;
        }
        return Arrays.copyOfRange(forced, forcedTaken, forced.length);
    }

    /** Text that must come next, in bytes; a long one not to its end. */
    public byte[] forcedBytes() {
        return ended ? new byte[0] : grammar.forcedBytes(at, space);
    }

    /** Whether the answer may end here, or has ended. */
    public boolean isComplete() {
        return ended || at.reachesBottom();
    }

    /** Whether the answer can only end. */
    public boolean mustEnd() {
        return ended || at == Configuration.END;
    }

    private GrammarVocabulary vocabulary() {
        return grammar.vocabulary();
    }
}
