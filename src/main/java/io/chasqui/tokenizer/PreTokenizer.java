package io.chasqui.tokenizer;

/**
 * Splits text into the pieces that byte-pair encoding works on. Each is a scanner over code points
 * that finds the same pieces as the published regular expression, in linear time.
 */
enum PreTokenizer {
    /**
     * Llama 3: {@code (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
     * ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+}
     */
    LLAMA_BPE("llama-bpe") {
        @Override
        int next(byte[] text, int from, int end) {
            int first = CodePoints.at(text, from, end);
            int after = from + CodePoints.length(first);
            switch (CodePoints.kind(first)) {
                case CodePoints.LETTER:
                    return CodePoints.skip(CodePoints.LETTER, text, after, end);
                case CodePoints.NUMBER:
                    return digits(text, after, end);
                case CodePoints.NEWLINE:
                    return whitespace(text, from, end);
                default:
                    break;
            }
            int contraction = contraction(text, from, end, true);
            if (contraction > 0) {
                return contraction;
            }
            int second = CodePoints.kind(CodePoints.at(text, after, end));
            if (second == CodePoints.LETTER) {
                return CodePoints.skip(CodePoints.LETTER, text, after, end);
            }
            if (CodePoints.kind(first) == CodePoints.OTHER
                    || text[from] == ' ' && second == CodePoints.OTHER) {
                int run = CodePoints.skip(CodePoints.OTHER, text, after, end);
                return CodePoints.skip(CodePoints.NEWLINE, text, run, end);
            }
            return whitespace(text, from, end);
        }

        private int digits(byte[] text, int second, int end) {
            int at = second;
            for (int i = 1; i < 3; i++) {
                int c = CodePoints.at(text, at, end);
                if (CodePoints.kind(c) != CodePoints.NUMBER) {
                    break;
                }
                at += CodePoints.length(c);
            }
            return at;
        }

        private int whitespace(byte[] text, int from, int end) {
            int newline = lastNewline(text, from, end);
            return newline > 0 ? newline : spaces(text, from, end);
        }

        /** End of the last line break in the whitespace that starts here, or -1. */
        private int lastNewline(byte[] text, int from, int end) {
            int found = -1;
            int at = from;
            while (true) {
                int c = CodePoints.at(text, at, end);
                int kind = CodePoints.kind(c);
                if (kind != CodePoints.SPACE && kind != CodePoints.NEWLINE) {
                    return found;
                }
                at += CodePoints.length(c);
                if (kind == CodePoints.NEWLINE) {
                    found = at;
                }
            }
        }
    },

    /** GPT-2: {@link #GPT_2_PATTERN}. */
    GPT_2("gpt-2") {
        @Override
        int next(byte[] text, int from, int end) {
            return nextGpt2(text, from, end);
        }
    },

    /** SmolLM: every digit stands alone, GPT-2's expression on the stretches between them. */
    SMOLLM("smollm") {
        @Override
        int next(byte[] text, int from, int end) {
            int first = CodePoints.at(text, from, end);
            if (CodePoints.kind(first) == CodePoints.NUMBER) {
                return from + CodePoints.length(first);
            }
            return nextGpt2(text, from, stretchEnd(text, from, end));
        }

        /** Where the piece's stretch ends, as far as the piece can tell. */
        private int stretchEnd(byte[] text, int from, int end) {
            int at = from;
            int kind = CodePoints.SPACE;
            while (kind == CodePoints.SPACE || kind == CodePoints.NEWLINE) {
                int c = CodePoints.at(text, at, end);
                kind = CodePoints.kind(c);
                if (kind == CodePoints.NUMBER) {
                    return at;
                }
                at += CodePoints.length(c);
            }
            return end;
        }
    };

    static final String LLAMA_BPE_PATTERN =
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String GPT_2_PATTERN =
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    private final String ggufName;

    PreTokenizer(String ggufName) {
        this.ggufName = ggufName;
    }

    /** Its value of {@code tokenizer.ggml.pre}. */
    String ggufName() {
        return ggufName;
    }

    /**
     * End of the piece that starts here.
     *
     * @param text valid UTF-8
     * @param from start of the piece, less than {@code end}
     * @param end end of the text
     */
    abstract int next(byte[] text, int from, int end);

    private static int nextGpt2(byte[] text, int from, int end) {
        int contraction = contraction(text, from, end, false);
        if (contraction > 0) {
            return contraction;
        }
        int start = text[from] == ' ' ? from + 1 : from;
        int kind = CodePoints.kind(CodePoints.at(text, start, end));
        return switch (kind) {
            case CodePoints.LETTER, CodePoints.NUMBER, CodePoints.OTHER ->
                    CodePoints.skip(kind, text, start, end);
            default -> spaces(text, from, end);
        };
    }

    /** {@code \s+(?!\S)|\s+}: whitespace but for its last character if something follows. */
    private static int spaces(byte[] text, int from, int end) {
        int last = from;
        int at = from;
        while (true) {
            int c = CodePoints.at(text, at, end);
            int kind = CodePoints.kind(c);
            if (kind != CodePoints.SPACE && kind != CodePoints.NEWLINE) {
                return kind == CodePoints.END || last == from ? at : last;
            }
            last = at;
            at += CodePoints.length(c);
        }
    }

    /** End of {@code 's|'t|'re|'ve|'m|'ll|'d} that starts here, or -1. */
    private static int contraction(byte[] text, int from, int end, boolean ignoreCase) {
        if (text[from] != '\'' || from + 1 >= end) {
            return -1;
        }
        int first = letter(text, from + 1, ignoreCase);
        int second = from + 2 < end ? letter(text, from + 2, ignoreCase) : 0;
        return switch (first) {
            case 's', 't', 'm', 'd' -> from + 2;
            case 'r', 'v' -> second == 'e' ? from + 3 : -1;
            case 'l' -> second == 'l' ? from + 3 : -1;
            // U+017F, long s, which folds to s
            case 0xc5 -> ignoreCase && (text[from + 2] & 0xff) == 0xbf ? from + 3 : -1;
            default -> -1;
        };
    }

    private static int letter(byte[] text, int at, boolean ignoreCase) {
        int c = text[at] & 0xff;
        return ignoreCase && c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
}
