package io.chasqui.tokenizer;

/** Kinds of code points in UTF-8, as the splitting expressions distinguish them. */
final class CodePoints {
    /** End of the text. */
    static final int END = 0;

    /** General category L. */
    static final int LETTER = 1;

    /** General category N. */
    static final int NUMBER = 2;

    /** White_Space but for line breaks. */
    static final int SPACE = 3;

    /** CR or LF. */
    static final int NEWLINE = 4;

    static final int OTHER = 5;

    private static final byte[] ASCII = ascii();

    private CodePoints() {}

    private static byte[] ascii() {
        var kinds = new byte[128];
        for (int c = 0; c < kinds.length; c++) {
            kinds[c] = (byte) kindOf(c);
        }
        return kinds;
    }

    /** Kind and length in bytes of the code point here; for {@link #kind} and {@link #length}. */
    static int at(byte[] text, int at, int end) {
        if (at >= end) {
            return END;
        }
        int b = text[at];
        if (b >= 0) {
            return ASCII[b] | 1 << 3;
        }
        int second = text[at + 1] & 0x3f;
        if (b < (byte) 0xe0) {
            return kindOf((b & 0x1f) << 6 | second) | 2 << 3;
        }
        int third = text[at + 2] & 0x3f;
        if (b < (byte) 0xf0) {
            return kindOf((b & 0x0f) << 12 | second << 6 | third) | 3 << 3;
        }
        int fourth = text[at + 3] & 0x3f;
        return kindOf((b & 0x07) << 18 | second << 12 | third << 6 | fourth) | 4 << 3;
    }

    static int kind(int codePoint) {
        return codePoint & 7;
    }

    static int length(int codePoint) {
        return codePoint >> 3;
    }

    /** End of the run of one kind that starts here. */
    static int skip(int kind, byte[] text, int from, int end) {
        int at = from;
        while (true) {
            int c = at(text, at, end);
            if (kind(c) != kind) {
                return at;
            }
            at += length(c);
        }
    }

    private static int kindOf(int c) {
        return switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER,
                    Character.LOWERCASE_LETTER,
                    Character.TITLECASE_LETTER,
                    Character.MODIFIER_LETTER,
                    Character.OTHER_LETTER ->
                    LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
                    NUMBER;
            case Character.SPACE_SEPARATOR,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    SPACE;
            case Character.CONTROL -> control(c);
            default -> OTHER;
        };
    }

    private static int control(int c) {
        if (c == '\r' || c == '\n') {
            return NEWLINE;
        }
        return c >= '\t' && c <= '\r' || c == 0x85 ? SPACE : OTHER;
    }
}
