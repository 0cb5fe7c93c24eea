package io.chasqui.engine;

import io.chasqui.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Turns the tokens of one answer into text as they come. A UTF-8 sequence that a later token may
 * still complete is held back, so text once given is final: all of it together is the text of all
 * the bytes. Special tokens are no text. Not safe for many threads.
 */
public final class IncrementalDetokenizer {
    private static final int MAX_HELD_BACK = 3;
    private static final byte[] EMPTY = {};

    private final Tokenizer tokenizer;
    private byte[] heldBack = EMPTY;

    public IncrementalDetokenizer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** Takes the next token and returns the text that has become certain; often one word or "". */
    public String append(int token) {
        if (tokenizer.isSpecial(token)) {
            return "";
        }
        var bytes = joined(tokenizer.bytes(token));
        int certain = bytes.length - incompleteTail(bytes);
        heldBack =
                certain == bytes.length ? EMPTY : Arrays.copyOfRange(bytes, certain, bytes.length);
        return new String(bytes, 0, certain, StandardCharsets.UTF_8);
    }

    /** Ends the answer: what is still held back will not be completed. */
    public String flush() {
        var rest = new String(heldBack, StandardCharsets.UTF_8);
        heldBack = EMPTY;
        return rest;
    }

    /** Whether the last token's text is not known to its end. */
    boolean holdsBack() {
        return heldBack.length > 0;
    }

    private byte[] joined(byte[] bytes) {
        if (heldBack.length == 0) {
            return bytes;
        }
        var all = Arrays.copyOf(heldBack, heldBack.length + bytes.length);
        System.arraycopy(bytes, 0, all, heldBack.length, bytes.length);
        return all;
    }

    /** Length of the sequence at the end that more bytes could complete, 0–3. */
    private static int incompleteTail(byte[] bytes) {
        for (int length = 1; length <= Math.min(MAX_HELD_BACK, bytes.length); length++) {
            int lead = bytes[bytes.length - length] & 0xff;
            if (lead >= 0xc0) {
                return isIncomplete(bytes, bytes.length - length, lead) ? length : 0;
            }
            if (lead < 0x80) {
                return 0;
            }
        }
        return 0;
    }

    /** Whether the bytes from here to the end begin a longer sequence, by the decoder's rules. */
    private static boolean isIncomplete(byte[] bytes, int from, int lead) {
        int have = bytes.length - from;
        int need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (lead < 0xc2 || lead > 0xf4 || have >= need) {
            return false;
        }
        if (have == 1) {
            return true;
        }
        int second = bytes[from + 1] & 0xff;
        return switch (lead) {
            case 0xe0 -> second >= 0xa0;
            case 0xf0 -> second >= 0x90;
            case 0xf4 -> second < 0x90;
            default -> true;
        };
    }
}
