package io.chasqui.grammar;

/** Writes sets of characters into an automaton as ranges of UTF-8 bytes. */
final class Utf8 {
    private static final int CONTINUATION_BITS = 6;
    private static final int[] LAST_OF_LENGTH = {0x7f, 0x7ff, 0xffff, Character.MAX_CODE_POINT};

    private final Nfa nfa;

    /** States from which this many continuation bytes, whichever, lead to the target. */
    private final int[] tails = {-1, -1, -1, -1};

    Utf8(Nfa nfa, int to) {
        this.nfa = nfa;
        tails[0] = to;
    }

    void add(int from, CharSet characters) {
        for (int range = 0; range < characters.ranges(); range++) {
            int first = characters.first(range);
            for (int length = 1; length <= LAST_OF_LENGTH.length; length++) {
                int last = Math.min(characters.last(range), LAST_OF_LENGTH[length - 1]);
                if (first <= last) {
                    addSameLength(from, first, last, length);
                    first = last + 1;
                }
            }
        }
    }

    /** Splits until every byte position is a range independent of the others. */
    private void addSameLength(int from, int first, int last, int length) {
        for (int i = 1; i < length; i++) {
            int mask = (1 << CONTINUATION_BITS * i) - 1;
            if ((first & ~mask) == (last & ~mask)) {
                continue;
            }
            if ((first & mask) != 0) {
                addSameLength(from, first, first | mask, length);
                addSameLength(from, (first | mask) + 1, last, length);
                return;
            }
            if ((last & mask) != mask) {
                addSameLength(from, first, (last & ~mask) - 1, length);
                addSameLength(from, last & ~mask, last, length);
                return;
            }
        }
        addSequence(from, first, last, length);
    }

    private void addSequence(int from, int first, int last, int length) {
        int at = from;
        for (int i = 0; i < length; i++) {
            int after = length - 1 - i;
            int low = byteAt(first, i, length);
            int high = byteAt(last, i, length);
            int next = allContinuations(first, last, after) ? tail(after) : nfa.state();
            nfa.bytes(at, low, high, next);
            if (next == tails[after]) {
                return;
            }
            at = next;
        }
    }

    private static boolean allContinuations(int first, int last, int bytes) {
        int mask = (1 << CONTINUATION_BITS * bytes) - 1;
        return (first & mask) == 0 && (last & mask) == mask;
    }

    private int tail(int bytes) {
        if (tails[bytes] < 0) {
            tails[bytes] = nfa.state();
            nfa.bytes(tails[bytes], 0x80, 0xBF, tail(bytes - 1));
        }
        return tails[bytes];
    }

    private static int byteAt(int character, int index, int length) {
        if (length == 1) {
            return character;
        }
        int shifted = character >> CONTINUATION_BITS * (length - 1 - index);
        return index == 0 ? shifted | 0xF00 >> length & 0xff : 0x80 | shifted & 0x3f;
    }
}
