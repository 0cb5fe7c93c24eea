package io.chasqui.grammar;

import java.util.Arrays;
import java.util.function.IntPredicate;

/** A set of Unicode characters, surrogates never among them. */
final class CharSet {
    private static final int LAST = Character.MAX_CODE_POINT;

    static final CharSet NONE = new CharSet(new int[0]);
    static final CharSet ALL = range(0, LAST);

    /** Pairs of first and last, ascending, not adjacent. */
    private final int[] ranges;

    private CharSet(int[] ranges) {
        this.ranges = ranges;
    }

    static CharSet of(int character) {
        return range(character, character);
    }

    static CharSet range(int first, int last) {
        return ofRanges(first, last);
    }

    /** The union of these pairs of first and last. */
    static CharSet ofRanges(int... pairs) {
        return normal(pairs).minus(Character.MIN_SURROGATE, Character.MAX_SURROGATE);
    }

    static CharSet ofAll(String characters) {
        return ofRanges(
                characters.codePoints().flatMap(c -> Arrays.stream(new int[] {c, c})).toArray());
    }

    static CharSet where(IntPredicate test) {
        var pairs = new IntList();
        for (int c = 0; c <= LAST; c++) {
            if (test.test(c)) {
                int first = c;
                while (c < LAST && test.test(c + 1)) {
                    c++;
                }
                pairs.add(first);
                pairs.add(c);
            }
        }
        return ofRanges(pairs.toArray());
    }

    private static CharSet normal(int[] pairs) {
        var keys = new long[pairs.length / 2];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = (long) pairs[2 * i] << 32 | pairs[2 * i + 1];
        }
        Arrays.sort(keys);
        var merged = new IntList();
        for (long key : keys) {
            int first = (int) (key >>> 32);
            int last = (int) key;
            if (first > last) {
                continue;
            }
            int size = merged.size();
            if (size > 0 && merged.get(size - 1) >= first - 1) {
                merged.set(size - 1, Math.max(merged.get(size - 1), last));
            } else {
                merged.add(first);
                merged.add(last);
            }
        }
        return new CharSet(merged.toArray());
    }

    private CharSet minus(int first, int last) {
        return and(new CharSet(new int[] {0, first - 1, last + 1, LAST}));
    }

    CharSet or(CharSet other) {
        int[] all = Arrays.copyOf(ranges, ranges.length + other.ranges.length);
        System.arraycopy(other.ranges, 0, all, ranges.length, other.ranges.length);
        return normal(all);
    }

    CharSet and(CharSet other) {
        var result = new IntList();
        int i = 0;
        int j = 0;
        while (i < ranges.length && j < other.ranges.length) {
            int first = Math.max(ranges[i], other.ranges[j]);
            int last = Math.min(ranges[i + 1], other.ranges[j + 1]);
            if (first <= last) {
                result.add(first);
                result.add(last);
            }
            if (ranges[i + 1] < other.ranges[j + 1]) {
                i += 2;
            } else {
                j += 2;
            }
        }
        return new CharSet(result.toArray());
    }

    CharSet not() {
        var result = new IntList();
        int next = 0;
        for (int i = 0; i < ranges.length; i += 2) {
            if (ranges[i] > next) {
                result.add(next);
                result.add(ranges[i] - 1);
            }
            next = ranges[i + 1] + 1;
        }
        if (next <= LAST) {
            result.add(next);
            result.add(LAST);
        }
        return ofRanges(result.toArray());
    }

    CharSet without(CharSet other) {
        return and(other.not());
    }

    boolean isEmpty() {
        return ranges.length == 0;
    }

    /** Number of ranges. */
    int ranges() {
        return ranges.length / 2;
    }

    int first(int range) {
        return ranges[2 * range];
    }

    int last(int range) {
        return ranges[2 * range + 1];
    }

    boolean contains(int character) {
        for (int i = 0; i < ranges.length; i += 2) {
            if (character >= ranges[i] && character <= ranges[i + 1]) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CharSet c && Arrays.equals(ranges, c.ranges);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(ranges);
    }

    @Override
    public String toString() {
        return Arrays.toString(ranges);
    }
}
