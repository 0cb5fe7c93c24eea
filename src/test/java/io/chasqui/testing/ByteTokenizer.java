package io.chasqui.testing;

import io.chasqui.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Tokens 0..255 are the bytes; those after are special tokens with the names given. */
public final class ByteTokenizer implements Tokenizer {
    private final List<String> specials;
    private final String bos;

    public ByteTokenizer(String... specials) {
        this(null, List.of(specials));
    }

    private ByteTokenizer(String bos, List<String> specials) {
        this.bos = bos;
        this.specials = specials;
    }

    /** The same with one of its special tokens before every text. */
    public ByteTokenizer withBos(String name) {
        return new ByteTokenizer(name, specials);
    }

    @Override
    public int[] encode(String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        var ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes[i] & 0xff;
        }
        return ids;
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        var ids = new java.util.ArrayList<Integer>();
        for (int i = 0; i < text.length(); ) {
            int at = i;
            var special = specials.stream().filter(s -> text.startsWith(s, at)).findFirst();
            if (special.isPresent()) {
                ids.add(specialToken(special.get()));
                i += special.get().length();
            } else {
                int end = text.offsetByCodePoints(i, 1);
                for (int id : encode(text.substring(i, end))) {
                    ids.add(id);
                }
                i = end;
            }
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public byte[] bytes(int token) {
        return token < 256
                ? new byte[] {(byte) token}
                : specials.get(token - 256).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public boolean isSpecial(int token) {
        return token >= 256;
    }

    @Override
    public int specialToken(String name) {
        int i = specials.indexOf(name);
        return i < 0 ? -1 : 256 + i;
    }

    @Override
    public int vocabSize() {
        return 256 + specials.size();
    }

    @Override
    public int bosToken() {
        return bos == null ? -1 : specialToken(bos);
    }

    @Override
    public String decode(int[] tokens) {
        var out = new ByteArrayOutputStream();
        for (int token : tokens) {
            out.writeBytes(bytes(token));
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
