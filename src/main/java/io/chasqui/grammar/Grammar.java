package io.chasqui.grammar;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * A compiled grammar over a vocabulary. Shared by all sequences that answer by it, and by threads:
 * what one of them finds out about a configuration serves the others.
 */
public final class Grammar {
    private static final int MANY_BYTES = 16;

    /** Of free text: the others are quick to find when they come up. */
    private static final int FIRST_STATES = 2;

    private final Rule root;
    private final GrammarVocabulary vocabulary;
    private final GrammarLimits limits;
    private final List<String> notEnforced;
    private final long fixedBytes;
    private volatile Configurations space;

    Grammar(
            Rule root,
            GrammarVocabulary vocabulary,
            GrammarLimits limits,
            List<String> notEnforced) {
        this.root = root;
        this.vocabulary = vocabulary;
        this.limits = limits;
        this.notEnforced = List.copyOf(notEnforced);
        this.fixedBytes =
                root.reachable().stream().mapToLong(Rule::bytes).sum()
                        + notEnforced.stream().mapToLong(String::length).sum();
        this.space = newSpace();
    }

    /** A matcher at the start of an answer. */
    public GrammarMatcher matcher() {
        return new GrammarMatcher(this);
    }

    /**
     * Whether a control token is part of answers by this grammar, as {@link
     * GrammarVocabulary#MARKER}.
     */
    public boolean isMarker(int token) {
        return vocabulary.isMarker(token);
    }

    /** Keywords of the schema, with their places, that answers need not satisfy. */
    public List<String> notEnforced() {
        return notEnforced;
    }

    /** Memory this takes now, what it remembers included; about. */
    public long bytes() {
        return fixedBytes + space.bytes();
    }

    /**
     * Finds masks before they are needed: of states that many tokens may follow, where finding
     * takes longest. Stops when the time is used up; the others are found when they come up.
     */
    void prepare(Duration cpuTime) {
        long end = CompileBudget.now() + cpuTime.toNanos();
        for (var rule : root.reachable()) {
            int states = rule.freeText() == null ? rule.states() : FIRST_STATES;
            for (int state = 0; state < states; state++) {
                if (rule.branching(state) < MANY_BYTES) {
                    continue;
                }
                if (CompileBudget.now() > end || Thread.currentThread().isInterrupted()) {
                    return;
                }
                vocabulary.mask(rule, state, space);
            }
        }
    }

    /** Whether there is no text that the stack is deep enough for. */
    boolean isTooDeep() {
        var in = space();
        return Arrays.stream(mask(start(in), in)).allMatch(word -> word == 0);
    }

    Rule root() {
        return root;
    }

    GrammarVocabulary vocabulary() {
        return vocabulary;
    }

    private Configurations newSpace() {
        return new Configurations(limits.stackDepth(), limits.cacheBytes());
    }

    /** Where new configurations go. A full one is left to those still in it, and then forgotten. */
    Configurations space() {
        var current = space;
        if (current.isFull()) {
            current = newSpace();
            space = current;
        }
        return current;
    }

    Configuration start(Configurations in) {
        return in.of(new Frame(root, Rule.START, Configuration.END));
    }

    /** Bit set of the tokens that may follow. Not to be changed. */
    long[] mask(Configuration at, Configurations in) {
        var known = at.knownMask();
        if (known != null) {
            return known;
        }
        // The end is shared by all grammars, so nothing is remembered there.
        long[] mask = new long[vocabulary.words()];
        for (var frame : at.frames()) {
            if (!frame.isBottom()) {
                addTokens(frame, mask, in);
            }
        }
        if (at.reachesBottom()) {
            vocabulary.addEndTokens(mask);
        }
        keepCanonical(forced(at, in), mask);
        if (at != Configuration.END) {
            at.learnMask(mask);
            in.count(8L * mask.length);
        }
        return mask;
    }

    /** Of the tokens that are shorter than the text that must follow, keeps the canonical one. */
    private void keepCanonical(ForcedSpan forced, long[] mask) {
        if (!forced.hasRest()) {
            return;
        }
        for (int word = 0; word < mask.length; word++) {
            for (long bits = mask[word]; bits != 0; bits &= bits - 1) {
                int token = word * 64 + Long.numberOfTrailingZeros(bits);
                if (!isCanonical(forced, token)) {
                    mask[word] &= ~(1L << token);
                }
            }
        }
    }

    private boolean isCanonical(ForcedSpan forced, int token) {
        return token == forced.restToken() || vocabulary.bytes(token).length >= forced.restLength();
    }

    /**
     * Whether a token that the grammar allows is one that its mask allows, no span being forced.
     */
    boolean allowsInRest(Configuration at, Configurations in, int token) {
        var span = forced(at, in);
        return !span.hasRest() || isCanonical(span, token);
    }

    ForcedSpan forced(Configuration at, Configurations in) {
        var known = at.knownForced();
        if (known == null) {
            known = new Forcing(vocabulary, in).span(at);
            at.learnForced(known);
        }
        return known;
    }

    byte[] forcedBytes(Configuration at, Configurations in) {
        return new Forcing(vocabulary, in).bytes(at);
    }

    private void addTokens(Frame frame, long[] mask, Configurations in) {
        var state = vocabulary.mask(frame.rule(), frame.state(), in);
        if (frame.below().depth() + state.height() > limits.stackDepth()) {
            new TrieWalk(vocabulary.trie(), in).allow(in.of(frame), mask);
            return;
        }
        state.addAllowed(mask);
        if (frame.below() == Configuration.END) {
            return;
        }
        if (state.suffixes() == null) {
            new TrieWalk(vocabulary.trie(), in).allow(in.of(frame), mask);
            return;
        }
        if (state.ends()) {
            new TrieWalk(vocabulary.trie(), in).allow(frame.below(), mask);
        }
        new TrieWalk(state.suffixes(), in).allow(frame.below(), mask);
    }
}
