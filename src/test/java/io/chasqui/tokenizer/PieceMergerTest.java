package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Merging with a heap against the definition: scan for the lowest rank, leftmost, merge, repeat.
 */
class PieceMergerTest {
    private static final int VOCABULARIES = 300;
    private static final int TEXTS = 50;
    private static final int LETTERS = 3;

    /** Tokens of a vocabulary trained on nothing: every merge joins two random earlier tokens. */
    private static List<byte[]> randomTokens(Random random, List<int[]> merges) {
        var tokens = new ArrayList<byte[]>();
        var seen = new HashSet<String>();
        for (int letter = 0; letter < LETTERS; letter++) {
            tokens.add(new byte[] {(byte) ('a' + letter)});
            seen.add(new String(tokens.getLast()));
        }
        for (int i = 0; i < 40; i++) {
            int left = random.nextInt(tokens.size());
            int right = random.nextInt(tokens.size());
            var joined = new String(tokens.get(left)) + new String(tokens.get(right));
            if (joined.length() < 12 && seen.add(joined)) {
                merges.add(new int[] {left, right, tokens.size()});
                tokens.add(joined.getBytes());
            }
        }
        return tokens;
    }

    private static int[] naive(byte[] text, List<int[]> merges) {
        var ids = new ArrayList<Integer>();
        for (byte b : text) {
            ids.add(b - 'a');
        }
        while (true) {
            int best = Integer.MAX_VALUE;
            int at = -1;
            for (int i = 0; i + 1 < ids.size(); i++) {
                for (int rank = 0; rank < Math.min(best, merges.size()); rank++) {
                    var merge = merges.get(rank);
                    if (merge[0] == ids.get(i) && merge[1] == ids.get(i + 1)) {
                        best = rank;
                        at = i;
                    }
                }
            }
            if (at < 0) {
                return ids.stream().mapToInt(Integer::intValue).toArray();
            }
            ids.set(at, merges.get(best)[2]);
            ids.remove(at + 1);
        }
    }

    @Test
    void mergesLikeTheDefinition() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int v = 0; v < VOCABULARIES; v++) {
            var merges = new ArrayList<int[]>();
            var tokens = randomTokens(random, merges).toArray(byte[][]::new);
            var table = new MergeTable(merges.size());
            for (int rank = 0; rank < merges.size(); rank++) {
                var merge = merges.get(rank);
                table.add(merge[0], merge[1], rank, merge[2]);
            }
            var vocabulary = new Vocabulary("random", tokens, new BitSet(), new BitSet());
            var merger = new PieceMerger(vocabulary, table);
            for (int t = 0; t < TEXTS; t++) {
                var text = new byte[1 + random.nextInt(90)];
                for (int i = 0; i < text.length; i++) {
                    text[i] = (byte) ('a' + random.nextInt(LETTERS));
                }
                var out = new TokenBuffer(1);
                merger.merge(text, 0, text.length, out);
                assertArrayEquals(
                        naive(text, merges),
                        out.toArray(),
                        () -> "seed " + seed + ", text " + new String(text));
            }
        }
    }
}
