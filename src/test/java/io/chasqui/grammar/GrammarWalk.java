package io.chasqui.grammar;

import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Compiles a source that may be anything, and walks through what it lets through: what the mask
 * says of a token is what taking it says, and there is always a way on.
 */
final class GrammarWalk {
    /** Smaller than those of a server, so that inputs beyond them are small too. */
    private static final GrammarLimits LIMITS =
            new GrammarLimits(20_000, Duration.ofMillis(100), 128, 60, 1 << 20);

    /** A hundred times what the limits leave; beyond it some work was not counted. */
    private static final long MAX_NANOS = Duration.ofSeconds(2).toNanos();

    private static final int MAX_MESSAGE = 2_000;
    private static final int STEPS = 24;
    private static final int TOKENS_TRIED = 24;

    private static final ListedTokenizer TOKENIZER =
            new ListedTokenizer(
                    "ab",
                    "aa",
                    "aaaa",
                    "{\"",
                    "\":",
                    "\":\"",
                    "\",\"",
                    "\"}",
                    "}}",
                    "]}",
                    "],[",
                    "[[",
                    "true",
                    "null",
                    "false",
                    "12",
                    "00",
                    ".5",
                    "e+",
                    "  ",
                    "\n ",
                    "é",
                    "\\u",
                    "\\\"",
                    "中文",
                    "\uD83D\uDE00",
                    "root",
                    "item",
                    "name");

    private static final GrammarVocabulary VOCABULARY =
            new GrammarVocabulary(
                    TOKENIZER,
                    TOKENIZER.specialToken(ListedTokenizer.MARKER),
                    new int[] {TOKENIZER.end()});
    private static final GrammarCompiler COMPILER = new GrammarCompiler(VOCABULARY, LIMITS);

    private final SplittableRandom random;
    private final GrammarMatcher matcher;

    private GrammarWalk(Grammar grammar, long seed) {
        this.random = new SplittableRandom(seed);
        this.matcher = grammar.matcher();
    }

    /** Refused or sound; anything else is an {@link AssertionError}. */
    static void check(GrammarSpec spec) {
        long begin = CompileBudget.now();
        try {
            new GrammarWalk(COMPILER.compile(spec), spec.hashCode()).walk();
        } catch (GrammarException e) {
            expect(e.getMessage().length() <= MAX_MESSAGE, "a message without end");
        }
        long nanos = CompileBudget.now() - begin;
        expect(nanos < MAX_NANOS, "took " + nanos / 1_000_000 + " ms");
    }

    private static void expect(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    private void walk() {
        for (int step = 0; step < STEPS; step++) {
            long[] mask = matcher.mask().clone();
            int count = Arrays.stream(mask).mapToInt(Long::bitCount).sum();
            expect(count > 0, "no token may follow in step " + step);
            compare(mask, step == 0);
            takeForced();
            int token = chosen(mask, random.nextInt(count));
            expect(matcher.advance(token), "token " + token + " of the mask is not taken");
            if (VOCABULARY.isEnd(token)) {
                expect(matcher.mustEnd() && matcher.isComplete(), "the end is none");
                return;
            }
        }
    }

    private void compare(long[] mask, boolean all) {
        int tries = all ? VOCABULARY.size() : TOKENS_TRIED;
        for (int i = 0; i < tries; i++) {
            int token = all ? i : random.nextInt(VOCABULARY.size());
            boolean allowed = (mask[token >> 6] >>> token & 1) != 0;
            expect(
                    matcher.copy().advance(token) == allowed,
                    "the mask is wrong about token " + token);
        }
        boolean mayEnd = (mask[TOKENIZER.end() >> 6] >>> TOKENIZER.end() & 1) != 0;
        expect(mayEnd == matcher.isComplete(), "the mask is wrong about the end");
        int refused = firstRefused(mask);
        if (refused >= 0) {
            expect(!matcher.advance(refused), "takes a token outside the mask");
            expect(Arrays.equals(mask, matcher.mask()), "moved by a token that it refused");
        }
    }

    private static int firstRefused(long[] mask) {
        for (int token = 0; token < VOCABULARY.size(); token++) {
            if ((mask[token >> 6] >>> token & 1) == 0) {
                return token;
            }
        }
        return -1;
    }

    private void takeForced() {
        var copy = matcher.copy();
        for (int token : matcher.forcedTokens()) {
            expect(copy.advance(token), "the forced token " + token + " is not taken");
        }
    }

    private static int chosen(long[] mask, int rank) {
        int left = rank;
        for (int word = 0; word < mask.length; word++) {
            int here = Long.bitCount(mask[word]);
            if (left < here) {
                long bits = mask[word];
                for (; left > 0; left--) {
                    bits &= bits - 1;
                }
                return word * 64 + Long.numberOfTrailingZeros(bits);
            }
            left -= here;
        }
        throw new IllegalArgumentException("fewer tokens than " + rank);
    }
}
