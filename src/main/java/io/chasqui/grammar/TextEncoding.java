package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/** How characters are written down as bytes. */
enum TextEncoding {
    UTF_8 {
        @Override
        void add(Nfa nfa, int from, CharSet characters, int to) {
            new Utf8(nfa, to).add(from, characters);
        }

        @Override
        byte[] bytes(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
    },

    /**
     * Inside a JSON string, in the one form that serialisers write: escapes only where there must
     * be one, the short one if there is one. So each string has one form, and what a set of strings
     * leaves out stays out.
     */
    JSON_STRING {
        @Override
        void add(Nfa nfa, int from, CharSet characters, int to) {
            UTF_8.add(nfa, from, characters.without(ESCAPED), to);
            var escaped = characters.and(ESCAPED);
            for (int range = 0; range < escaped.ranges(); range++) {
                for (int c = escaped.first(range); c <= escaped.last(range); c++) {
                    nfa.literal(from, bytes(Character.toString(c)), to);
                }
            }
        }

        @Override
        byte[] bytes(String text) {
            var out = new StringBuilder();
            text.codePoints().forEach(c -> escape(c, out));
            return out.toString().getBytes(StandardCharsets.UTF_8);
        }

        private void escape(int character, StringBuilder out) {
            if (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE) {
                throw new GrammarException("a text has half a surrogate pair, which no answer has");
            }
            int shortForm = SHORT_ESCAPED.indexOf(character);
            if (shortForm >= 0) {
                out.append('\\').append(SHORT_ESCAPES.charAt(shortForm));
            } else if (character < ' ') {
                out.append(String.format("\\u%04x", character));
            } else {
                out.appendCodePoint(character);
            }
        }
    };

    private static final String SHORT_ESCAPED = "\"\\\b\f\n\r\t";
    private static final String SHORT_ESCAPES = "\"\\bfnrt";
    private static final CharSet ESCAPED = CharSet.range(0, 0x1f).or(CharSet.ofAll("\"\\"));

    /** One of the characters leads on. */
    abstract void add(Nfa nfa, int from, CharSet characters, int to);

    abstract byte[] bytes(String text);
}
