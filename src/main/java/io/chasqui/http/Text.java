package io.chasqui.http;

/** Small helpers for text. */
final class Text {
    private static final int MAX_SHOWN = 200;

    private Text() {}

    /** Characters as JSON Schema counts them: Unicode code points. */
    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** Whether every surrogate has its partner, so that the text can be written as UTF-8. */
    static boolean isWellFormed(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            boolean pair =
                    Character.isHighSurrogate(c)
                            && i + 1 < text.length()
                            && Character.isLowSurrogate(text.charAt(i + 1));
            if (!pair) {
                return false;
            }
            i++;
        }
        return true;
    }

    /** The text with lone surrogates replaced, for messages that quote a caller's words. */
    static String wellFormed(String text) {
        if (isWellFormed(text)) {
            return text;
        }
        var out = new StringBuilder();
        text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                .forEach(out::appendCodePoint);
        return out.toString();
    }

    /** A caller's word, cut to a length that is fit to be shown. */
    static String shown(String text) {
        return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
    }
}
