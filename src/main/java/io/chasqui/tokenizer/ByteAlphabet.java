package io.chasqui.tokenizer;

import java.util.Arrays;

/**
 * The printable spelling of bytes in byte-level BPE vocabularies: bytes 33–126, 161–172 and 174–255
 * stand for themselves, the other 68 in order for U+0100 and up.
 */
final class ByteAlphabet {
    private static final short NONE = -1;
    private static final short[] BYTE_OF = byteOfChar();

    private ByteAlphabet() {}

    private static short[] byteOfChar() {
        var byteOf = new short[256 + 68];
        Arrays.fill(byteOf, NONE);
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = b > 32 && b < 127 || b > 160 && b != 173;
            byteOf[printable ? b : next++] = (short) b;
        }
        return byteOf;
    }

    /** The byte that a character spells, 0–255, or -1. */
    static int byteOf(char c) {
        return c < BYTE_OF.length ? BYTE_OF[c] : NONE;
    }

    /** The bytes that a word spells, or null when a character of it is none of the alphabet. */
    static byte[] decode(String word) {
        var bytes = new byte[word.length()];
        for (int i = 0; i < bytes.length; i++) {
            int b = byteOf(word.charAt(i));
            if (b < 0) {
                return null;
            }
            bytes[i] = (byte) b;
        }
        return bytes;
    }
}
