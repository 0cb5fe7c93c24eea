package io.chasqui.backend.cpu;

/**
 * The counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", 2011): a pure function of key and counter, so a random number never depends on who drew
 * before.
 */
final class Philox {
    private static final int ROUNDS = 10;
    private static final long MULTIPLIER_0 = 0xD2511F53L;
    private static final long MULTIPLIER_1 = 0xCD9E8D57L;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;
    private static final long LOW = 0xffffffffL;

    private Philox() {}

    /** The four output words for a counter of four words and a key of two. */
    static int[] block(int c0, int c1, int c2, int c3, int key0, int key1) {
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = MULTIPLIER_0 * (c0 & LOW);
            long p1 = MULTIPLIER_1 * (c2 & LOW);
            int n0 = (int) (p1 >>> 32) ^ c1 ^ key0;
            int n2 = (int) (p0 >>> 32) ^ c3 ^ key1;
            c1 = (int) p1;
            c3 = (int) p0;
            c0 = n0;
            c2 = n2;
            key0 += WEYL_0;
            key1 += WEYL_1;
        }
        return new int[] {c0, c1, c2, c3};
    }

    /** Uniform in [0, 1) with 53 bits, for one token of one choice of one request. */
    static double uniform(long seed, int choice, int outputIndex) {
        int[] words = block(outputIndex, choice, 0, 0, (int) seed, (int) (seed >>> 32));
        long bits = (words[0] & LOW) << 21 | words[1] >>> 11;
        return bits * 0x1p-53;
    }
}
