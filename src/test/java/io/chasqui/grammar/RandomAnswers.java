package io.chasqui.grammar;

import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.HashMap;
import java.util.PriorityQueue;
import java.util.Random;

/** A model without taste: any allowed token, those that close something a little more often. */
final class RandomAnswers {
    private static final int MAX_SEARCH = 200_000;

    private final GrammarVocabulary vocabulary;
    private final Random random;

    RandomAnswers(GrammarVocabulary vocabulary, long seed) {
        this.vocabulary = vocabulary;
        this.random = new Random(seed);
    }

    /** What was generated. */
    record Answer(byte[] text, int tokens, boolean cut) {}

    /**
     * An answer of at most about so many tokens. One that is cut there is completed by some text
     * that does, so that there must be one.
     */
    Answer sample(Grammar grammar, int maxTokens) {
        var matcher = grammar.matcher();
        var text = new ByteArrayOutputStream();
        int count = 0;
        while (count < maxTokens) {
            int token = choose(matcher.mask());
            if (token < 0) {
                throw new AssertionError("no token may follow " + text);
            }
            if (!matcher.advance(token)) {
                throw new AssertionError("the mask allows " + token + ", but not after " + text);
            }
            if (vocabulary.isEnd(token)) {
                return new Answer(text.toByteArray(), count, false);
            }
            text.writeBytes(vocabulary.bytes(token));
            count++;
        }
        text.writeBytes(completion(grammar, text.toByteArray()));
        return new Answer(text.toByteArray(), count, true);
    }

    private int choose(long[] mask) {
        int chosen = -1;
        int closing = -1;
        int seen = 0;
        int seenClosing = 0;
        for (int word = 0; word < mask.length; word++) {
            for (long bits = mask[word]; bits != 0; bits &= bits - 1) {
                int token = word * 64 + Long.numberOfTrailingZeros(bits);
                if (random.nextInt(++seen) == 0) {
                    chosen = token;
                }
                if (closes(token) && random.nextInt(++seenClosing) == 0) {
                    closing = token;
                }
            }
        }
        return closing >= 0 && random.nextInt(3) == 0 ? closing : chosen;
    }

    private boolean closes(int token) {
        byte[] bytes = vocabulary.bytes(token);
        if (bytes == null) {
            return true;
        }
        for (byte b : bytes) {
            if (b == '"' || b == '}' || b == ']') {
                return true;
            }
        }
        return false;
    }

    /** A text that makes a beginning complete, found by a search that flat stacks guide. */
    private static byte[] completion(Grammar grammar, byte[] begun) {
        var space = new Configurations(GrammarLimits.DEFAULT.stackDepth(), Long.MAX_VALUE);
        var start = space.step(grammar.start(space), begun);
        record Step(Step before, int length, byte value) {}
        var reached = new HashMap<Configuration, Step>();
        var pending =
                new PriorityQueue<Configuration>(
                        Comparator.comparingInt(c -> c.depth() * 100 + reached.get(c).length));
        reached.put(start, new Step(null, 0, (byte) 0));
        pending.add(start);
        while (!pending.isEmpty()) {
            var at = pending.poll();
            if (at.reachesBottom()) {
                var text = new ArrayDeque<Byte>();
                for (var step = reached.get(at); step.before != null; step = step.before) {
                    text.push(step.value);
                }
                byte[] bytes = new byte[text.size()];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = text.pop();
                }
                return bytes;
            }
            for (int value = 0; value < 256; value++) {
                var next = space.step(at, value);
                if (next != Configuration.DEAD && !reached.containsKey(next)) {
                    reached.put(
                            next,
                            new Step(reached.get(at), reached.get(at).length + 1, (byte) value));
                    pending.add(next);
                }
            }
            if (reached.size() > MAX_SEARCH) {
                throw new AssertionError("no short completion");
            }
        }
        throw new AssertionError("nothing completes " + new String(begun));
    }
}
