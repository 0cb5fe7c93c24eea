package io.chasqui.grammar;

import java.util.List;

/** Bytes by what patterns usually tell apart, as bits of a set. */
final class TextGroups {
    private static final String TOLD_APART = " _-.,/:@";
    private static final int LOWER = 8;
    private static final int UPPER = 9;
    private static final int DIGIT = 10;

    /** Other printable ASCII that JSON strings hold as it is. */
    private static final int PUNCTUATION = 11;

    /** Bytes of characters beyond ASCII. */
    private static final int BEYOND_ASCII = 12;

    /** Quotes, backslashes and control characters, which are never ordinary text. */
    private static final int SPECIAL = 13;

    static final int NON_ASCII = 1 << BEYOND_ASCII;

    private static final int ALL = (1 << SPECIAL) - 1;
    private static final int LETTERS = 1 << LOWER | 1 << UPPER;

    /** Sets of groups that patterns often allow as a whole, larger ones first. */
    static final List<Integer> COMMON =
            List.of(
                    ALL,
                    ALL & ~NON_ASCII,
                    LETTERS | 1 << DIGIT,
                    LETTERS,
                    1 << LOWER | 1 << DIGIT,
                    1 << LOWER);

    private static final int[] GROUPS = new int[256];

    static {
        for (int value = 0; value < GROUPS.length; value++) {
            GROUPS[value] = 1 << groupOf(value);
        }
    }

    private TextGroups() {}

    private static int groupOf(int value) {
        if (value >= 0x80) {
            return BEYOND_ASCII;
        }
        if (value < ' ' || value == 0x7f || value == '"' || value == '\\') {
            return SPECIAL;
        }
        int index = TOLD_APART.indexOf(value);
        if (index >= 0) {
            return index;
        }
        return value >= 'a' && value <= 'z'
                ? LOWER
                : value >= 'A' && value <= 'Z'
                        ? UPPER
                        : value >= '0' && value <= '9' ? DIGIT : PUNCTUATION;
    }

    /** The set of the one group that a byte is in. */
    static int of(int value) {
        return GROUPS[value];
    }

    /**
     * Groups of which every byte may follow a state; of {@link #NON_ASCII}, every byte that begins
     * a character. The special ones are left out.
     */
    static int after(Rule rule, int state) {
        int refused = 1 << SPECIAL;
        for (int value = 0; value < GROUPS.length; value++) {
            boolean begins = value < 0x80 || Utf8.position(Utf8.BOUNDARY, value) != Utf8.INVALID;
            if (begins && rule.next(state, value) == Rule.NONE) {
                refused |= GROUPS[value];
            }
        }
        return (1 << SPECIAL + 1) - 1 & ~refused;
    }
}
