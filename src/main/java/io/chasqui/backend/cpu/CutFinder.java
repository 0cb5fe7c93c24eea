package io.chasqui.backend.cpu;

import java.util.Arrays;

/**
 * Finds which of some weights in (0, 1] come first in the order (heavier first, then lower id)
 * until a count or a mass is reached, without sorting: positive floats order like their bits, so
 * three passes of ten bits each narrow the cut down to one weight.
 */
final class CutFinder {
    private static final int DIGIT_BITS = 10;
    private static final int BUCKETS = 1 << DIGIT_BITS;

    private final double[] bucketSizes = new double[BUCKETS];
    private float[] weights;
    private int[] ids;
    private int count;
    private boolean byMass;

    /**
     * Keeps the first {@code quota} candidates.
     *
     * @param candidates ids in ascending order; the kept ones are moved to the front, in order
     * @return how many are kept
     */
    int keepTop(float[] weight, int[] candidates, int n, int quota) {
        return keep(weight, candidates, n, quota, false);
    }

    /**
     * Keeps candidates until their weights reach {@code quota}; the one that reaches it is kept,
     * and at least one.
     */
    int keepMass(float[] weight, int[] candidates, int n, double quota) {
        return keep(weight, candidates, n, quota, true);
    }

    private int keep(float[] weight, int[] candidates, int n, double quota, boolean mass) {
        weights = weight;
        ids = candidates;
        count = n;
        byMass = mass;
        int prefix = 0;
        double taken = 0;
        for (int shift = 2 * DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
            fillBuckets(prefix, shift);
            int bucket = BUCKETS - 1;
            while (bucket >= 0
                    && (bucketSizes[bucket] == 0 || taken + bucketSizes[bucket] < quota)) {
                taken += bucketSizes[bucket--];
            }
            if (bucket < 0) {
                return n;
            }
            prefix = prefix << DIGIT_BITS | bucket;
        }
        return compact(prefix, taken, quota);
    }

    /** Sizes of the next digit's buckets among candidates whose higher bits are the prefix. */
    private void fillBuckets(int prefix, int shift) {
        Arrays.fill(bucketSizes, 0);
        int high = shift + DIGIT_BITS;
        for (int i = 0; i < count; i++) {
            float w = weights[ids[i]];
            int bits = Float.floatToRawIntBits(w);
            if (bits >>> high == prefix) {
                bucketSizes[bits >>> shift & (BUCKETS - 1)] += byMass ? w : 1;
            }
        }
    }

    /** Keeps all above the cut weight, and of its equals the first until the quota is reached. */
    private int compact(int cutBits, double taken, double quota) {
        int kept = 0;
        boolean open = true;
        for (int i = 0; i < count; i++) {
            int id = ids[i];
            float w = weights[id];
            int bits = Float.floatToRawIntBits(w);
            if (bits < cutBits || (bits == cutBits && !open)) {
                continue;
            }
            if (bits == cutBits) {
                taken += byMass ? w : 1;
                open = taken < quota;
            }
            ids[kept++] = id;
        }
        return kept;
    }
}
