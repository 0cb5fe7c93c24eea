package io.chasqui.grammar;

/** Writes sets of characters into an automaton as ranges of UTF-8 bytes. */
final class Utf8 {
    private static final int CONTINUATION_BITS = 6;
    private static final int[] LAST_OF_LENGTH = {0x7f, 0x7ff, 0xffff, Character.MAX_CODE_POINT};

    /** Between characters; the other positions are within one. */
    static final int BOUNDARY = 0;

    static final int INVALID = -1;
    static final int POSITIONS = 8;

    /** Lead bytes after which the next one has bounds of its own. */
    private static final int AFTER_E0 = 4;

    private static final int AFTER_ED = 5;
    private static final int AFTER_F0 = 6;
    private static final int AFTER_F4 = 7;

    private final Nfa nfa;

    /** States from which this many continuation bytes, whichever, lead to the target. */
    private final int[] tails = {-1, -1, -1, -1};

    Utf8(Nfa nfa, int to) {
        this.nfa = nfa;
        tails[0] = to;
    }

    /** Where a byte leads within well-formed UTF-8; one to three mean so many bytes to come. */
    static int position(int before, int value) {
        boolean continues = (value & 0xC0) == 0x80;
        return switch (before) {
            case BOUNDARY -> afterLead(value);
            case 1, 2, 3 -> continues ? before - 1 : INVALID;
            case AFTER_E0 -> continues && value >= 0xA0 ? 1 : INVALID;
            case AFTER_ED -> continues && value < 0xA0 ? 1 : INVALID;
            case AFTER_F0 -> continues && value >= 0x90 ? 2 : INVALID;
            case AFTER_F4 -> continues && value < 0x90 ? 2 : INVALID;
            default -> INVALID;
        };
    }

    private static int afterLead(int value) {
        if (value < 0x80) {
            return BOUNDARY;
        }
        return switch (value) {
            case 0xE0 -> AFTER_E0;
            case 0xED -> AFTER_ED;
            case 0xF0 -> AFTER_F0;
            case 0xF4 -> AFTER_F4;
            default ->
                    value < 0xC2 || value > 0xF4
                            ? INVALID
                            : value < 0xE0 ? 1 : value < 0xF0 ? 2 : 3;
        };
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
