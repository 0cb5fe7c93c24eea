package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * The tokens of a model, as bytes. Only ordinary tokens can be found by their bytes: neither
 * control tokens nor tokens that were added to the vocabulary after training.
 */
final class Vocabulary {
    private static final byte[] NO_BYTES = {};

    private final byte[][] tokens;
    private final BitSet control;
    private final int[] slots;
    private final long[] hashes;
    private final int shift;
    private final int[] byteTokens = new int[256];
    private final int longest;

    /** Secret, so that no file can hold tokens made to collide. */
    private final long multiplier = new SplittableRandom().nextLong() | 1;

    /**
     * @param source where the tokens come from, for error messages
     * @param tokens bytes per id; null where an id is not used
     * @param control ids of control tokens
     * @param added ids of tokens that are text but that encoding ordinary text never yields
     * @throws ModelFormatException if two ordinary tokens have the same bytes
     */
    Vocabulary(String source, byte[][] tokens, BitSet control, BitSet added) {
        this.tokens = tokens;
        this.control = control;
        int bits = 33 - Integer.numberOfLeadingZeros(Math.max(1, tokens.length));
        this.slots = new int[1 << bits];
        this.hashes = new long[1 << bits];
        this.shift = 64 - bits;
        Arrays.fill(slots, -1);
        Arrays.fill(byteTokens, -1);
        int most = 0;
        for (int id = 0; id < tokens.length; id++) {
            var token = tokens[id];
            if (token == null || token.length == 0 || control.get(id) || added.get(id)) {
                continue;
            }
            insert(source, token, id);
            most = Math.max(most, token.length);
            if (token.length == 1) {
                byteTokens[token[0] & 0xff] = id;
            }
        }
        this.longest = most;
    }

    private void insert(String source, byte[] token, int id) {
        long hash = hash(0, token, 0, token.length);
        int slot = slot(hash);
        while (slots[slot] >= 0) {
            if (hashes[slot] == hash && Arrays.equals(tokens[slots[slot]], token)) {
                throw new ModelFormatException(
                        source + ": tokens " + slots[slot] + " and " + id + " are the same bytes");
            }
            slot = slot + 1 & slots.length - 1;
        }
        slots[slot] = id;
        hashes[slot] = hash;
    }

    /**
     * Continues a hash over more bytes, so that the hash of a whole follows from that of a part.
     */
    long hash(long hash, byte[] bytes, int from, int to) {
        long h = hash;
        for (int i = from; i < to; i++) {
            h = h * multiplier + bytes[i] + 129;
        }
        return h;
    }

    private int slot(long hash) {
        return (int) ((hash ^ hash >>> 32) * 0x9E3779B97F4A7C15L >>> shift);
    }

    /** Id of the ordinary token with these bytes, or -1. */
    int find(byte[] bytes, int from, int to) {
        return to - from > longest ? -1 : find(bytes, from, to, hash(0, bytes, from, to));
    }

    /**
     * @param hash {@link #hash} of the bytes
     */
    int find(byte[] bytes, int from, int to, long hash) {
        int slot = slot(hash);
        int id;
        while ((id = slots[slot]) >= 0) {
            if (hashes[slot] == hash
                    && Arrays.equals(tokens[id], 0, tokens[id].length, bytes, from, to)) {
                return id;
            }
            slot = slot + 1 & slots.length - 1;
        }
        return -1;
    }

    /** Id of the token that is this single byte (0–255), or -1. */
    int byteToken(int value) {
        return byteTokens[value];
    }

    /** Bytes of a token, not to be changed; none for an id that is not used. */
    byte[] bytes(int id) {
        return id < 0 || id >= tokens.length || tokens[id] == null ? NO_BYTES : tokens[id];
    }

    boolean isControl(int id) {
        return id >= 0 && control.get(id);
    }

    int size() {
        return tokens.length;
    }
}
