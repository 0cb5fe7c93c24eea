package io.chasqui.testing;

import java.util.List;
import java.util.Random;

/** Text that is hard to split: all kinds of spaces, letters, digits and marks in short runs. */
public final class RandomText {
    private static final List<String> PARTS =
            List.of(
                    "'s",
                    "'T",
                    "'re",
                    "'VE",
                    "'m",
                    "'ll",
                    "'Ll",
                    "'d",
                    "'\u017f",
                    "'",
                    "''",
                    "'l",
                    "'v",
                    "'r",
                    " ",
                    "  ",
                    "    ",
                    "\t",
                    "\n",
                    "\r\n",
                    "\r",
                    "\n\n",
                    "\u000b",
                    "\u0085",
                    "\u00a0",
                    "\u1680",
                    "\u2003",
                    "\u2028",
                    "\u202f",
                    "\u3000",
                    "\u200b",
                    "\ufeff",
                    "\u180e",
                    "\u001c",
                    "\u0000",
                    "a",
                    "Z",
                    "the",
                    "ing",
                    "é",
                    "ß",
                    "ﬃ",
                    "ǅ",
                    "ʰ",
                    "א",
                    "中文",
                    "ひらがな",
                    "ไทย",
                    "हिन्दी",
                    "e\u0301",
                    "\u0301",
                    "0",
                    "12",
                    "2024",
                    "٣",
                    "Ⅷ",
                    "½",
                    "²",
                    "㊿",
                    "𝟗",
                    "!",
                    "...",
                    "?!",
                    "-",
                    "_",
                    "{\"",
                    "://",
                    "€",
                    "😀",
                    "👩‍👩‍👧",
                    "𐐀",
                    "𠀀",
                    "\ud83d",
                    "\ude00",
                    "\u0378",
                    "<|eot_id|>",
                    "<|im_end|>",
                    "<|",
                    "|>");

    private RandomText() {}

    /** Up to this many parts, of which some are repeated. */
    public static String next(Random random, int parts) {
        var text = new StringBuilder();
        int count = random.nextInt(parts + 1);
        for (int i = 0; i < count; i++) {
            int times = random.nextInt(8) == 0 ? 1 + random.nextInt(12) : 1;
            text.repeat(part(random), times);
        }
        return text.toString();
    }

    private static String part(Random random) {
        if (random.nextInt(6) > 0) {
            return PARTS.get(random.nextInt(PARTS.size()));
        }
        int limit = random.nextBoolean() ? 0x250 : 0x20000;
        return Character.toString(random.nextInt(limit));
    }
}
