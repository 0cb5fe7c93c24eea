package io.chasqui.grammar;

import io.chasqui.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The 256 bytes, then given texts, then an end token and the control token {@link #MARKER}. Encodes
 * by the longest token that fits.
 */
public final class ListedTokenizer implements Tokenizer {
    public static final String MARKER = "<|python_tag|>";

    private final List<byte[]> tokens = new ArrayList<>();
    private final int end;

    public ListedTokenizer(String... texts) {
        for (int value = 0; value < 256; value++) {
            tokens.add(new byte[] {(byte) value});
        }
        for (var text : texts) {
            tokens.add(text.getBytes(StandardCharsets.UTF_8));
        }
        end = tokens.size();
        // Its name must never match text.
        tokens.add("{".getBytes(StandardCharsets.UTF_8));
        tokens.add(MARKER.getBytes(StandardCharsets.UTF_8));
    }

    public int end() {
        return end;
    }

    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        int size = 0;
        for (int at = 0; at < bytes.length; at += tokens.get(ids[size++]).length) {
            ids[size] = longest(bytes, at);
        }
        return Arrays.copyOf(ids, size);
    }

    private int longest(byte[] bytes, int at) {
        int best = bytes[at] & 0xff;
        for (int id = 256; id < end; id++) {
            byte[] token = tokens.get(id);
            boolean fits =
                    at + token.length <= bytes.length
                            && Arrays.equals(token, 0, token.length, bytes, at, at + token.length);
            if (fits && token.length > tokens.get(best).length) {
                best = id;
            }
        }
        return best;
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        return encode(text);
    }

    @Override
    public byte[] bytes(int token) {
        return tokens.get(token);
    }

    @Override
    public boolean isSpecial(int token) {
        return token >= end;
    }

    @Override
    public int specialToken(String name) {
        return name.equals(MARKER) ? end + 1 : -1;
    }

    @Override
    public int vocabSize() {
        return tokens.size();
    }

    @Override
    public int bosToken() {
        return -1;
    }

    @Override
    public String decode(int[] ids) {
        var out = new ByteArrayOutputStream();
        for (int id : ids) {
            out.writeBytes(tokens.get(id));
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
