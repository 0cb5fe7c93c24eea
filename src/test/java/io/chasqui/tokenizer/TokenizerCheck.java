package io.chasqui.tokenizer;

import java.nio.charset.StandardCharsets;

/** What any tokenizer that was accepted must do, however odd its file. */
public final class TokenizerCheck {
    private static final String TEXT =
            "Hello 12345\n\n  <s>it's <|eot_id|>é中\uD83D\uDE00\t'LL \r\n";

    private TokenizerCheck() {}

    public static void check(Tokenizer tokenizer) {
        int size = tokenizer.vocabSize();
        checkIds(tokenizer.encode(TEXT), size);
        checkIds(tokenizer.encodeWithSpecials(TEXT), size);
        int bos = tokenizer.bosToken();
        expect(bos >= -1 && bos < size, "begins with token " + bos);
        for (int id : new int[] {0, size / 2, size - 1}) {
            tokenizer.decode(new int[] {id});
            if (tokenizer.isSpecial(id)) {
                var name = new String(tokenizer.bytes(id), StandardCharsets.UTF_8);
                expect(name.isEmpty() || tokenizer.specialToken(name) >= 0, "loses " + name);
            }
        }
    }

    private static void checkIds(int[] ids, int size) {
        for (int id : ids) {
            expect(id >= 0 && id < size, "encodes as token " + id);
        }
    }

    private static void expect(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }
}
