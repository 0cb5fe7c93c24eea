package io.chasqui.kvcache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class KvCacheManagerTest {
    private static final int BLOCK = 4;

    private final BlockHasher hasher = new BlockHasher(new byte[] {1}, BLOCK, 128);
    private final KvCacheManager manager = new KvCacheManager(10, BLOCK, true, hasher);

    private KvSequence sequence(String key, int... tokens) {
        return new KvSequence(tokens, hasher.salt(key, ""), true);
    }

    private static int[] count(int to) {
        return IntStream.range(0, to).toArray();
    }

    /** Allocates and computes all tokens. */
    private int compute(KvSequence sequence) {
        int cached = manager.takeComputedBlocks(sequence);
        assertTrue(manager.allocateSlots(sequence, sequence.numTokens(), 0));
        manager.cacheFullBlocks(sequence, sequence.numTokens());
        manager.confirm(sequence, sequence.numTokens());
        return cached;
    }

    @Test
    void aPrefixOutlivesItsRequestAndOneTokenIsLeftToCompute() {
        var first = sequence("", count(12));
        assertEquals(0, compute(first));
        manager.free(first);
        assertEquals(10, manager.numFreeBlocks());
        assertEquals(3, manager.numCachedBlocks());
        assertEquals(8, compute(sequence("", count(12))));
        assertEquals(12, compute(sequence("", count(13))));
    }

    @Test
    void keysDoNotShare() {
        compute(sequence("a", count(12)));
        assertEquals(0, compute(sequence("b", count(12))));
        assertEquals(8, compute(sequence("a", count(12))));
    }

    @Test
    void allocationIsAllOrNothing() {
        var large = sequence("", count(32));
        compute(large);
        var other = sequence("", 9, 9, 9, 9, 9, 9, 9, 9, 9);
        assertFalse(manager.allocateSlots(other, 9, 0));
        assertEquals(0, other.numBlocks());
        assertEquals(2, manager.numFreeBlocks());
        assertFalse(manager.allocateSlots(other, 8, 1));
        assertTrue(manager.allocateSlots(other, 8, 0));
    }

    @Test
    void whatAFailedStepPublishedIsSharedByNobodyNew() {
        var failed = sequence("", count(12));
        manager.takeComputedBlocks(failed);
        manager.allocateSlots(failed, 12, 0);
        manager.cacheFullBlocks(failed, 12);
        var sharer = sequence("", count(12));
        assertEquals(8, manager.takeComputedBlocks(sharer));
        manager.withdraw(failed);
        assertTrue(manager.holdsWithdrawn(sharer));
        assertEquals(0, manager.takeComputedBlocks(sequence("", count(12))));
        manager.free(failed);
        manager.free(sharer);
        assertEquals(10, manager.numFreeBlocks());
        assertEquals(0, manager.numCachedBlocks());
    }

    @Test
    void whatWasNeverComputedIsWithdrawnEvenBeforeABlockWhoseHashIsTaken() {
        var first = sequence("", count(4));
        compute(first);
        var copy = new KvSequence(count(8), hasher.salt("", ""), false);
        compute(copy); // its first block is no news, its second is in the index
        manager.free(first);
        var evicting = sequence("", 9);
        manager.allocateSlots(evicting, 8 * BLOCK, 0);
        manager.free(evicting);

        var failed = sequence("", count(8));
        assertEquals(0, manager.takeComputedBlocks(failed));
        manager.allocateSlots(failed, 8, 0);
        manager.cacheFullBlocks(failed, 8);
        manager.withdraw(failed);
        assertEquals(0, manager.takeComputedBlocks(sequence("", count(8))));
    }

    @Test
    void leastRecentlyUsedContentIsForgottenFirst() {
        var a = sequence("", 1, 1, 1, 1, 1);
        var b = sequence("", 2, 2, 2, 2, 2);
        compute(a);
        compute(b);
        manager.free(a);
        manager.free(b);
        // Eight blocks: six never used, then a's two.
        manager.allocateSlots(sequence("", count(32)), 32, 0);
        assertEquals(0, manager.takeComputedBlocks(sequence("", 1, 1, 1, 1, 1)));
        assertEquals(4, manager.takeComputedBlocks(sequence("", 2, 2, 2, 2, 2)));
    }

    @Test
    void collidingHashesNeverMixContent() {
        var oneBit = new BlockHasher(new byte[] {1}, BLOCK, 1);
        var small = new KvCacheManager(100, BLOCK, true, oneBit);
        for (int i = 0; i < 20; i++) {
            var sequence = new KvSequence(new int[] {i, i, i, i, 7}, oneBit.salt("", ""), true);
            assertEquals(0, small.takeComputedBlocks(sequence));
            small.allocateSlots(sequence, 5, 0);
            small.cacheFullBlocks(sequence, 5);
            small.confirm(sequence, sequence.numTokens());
        }
    }

    @Test
    void theBooksAreCheckedAgainstTheOwners() {
        var sequence = sequence("", count(8));
        compute(sequence);
        manager.checkIntegrity(List.of(sequence));
        assertThrows(IllegalStateException.class, () -> manager.checkIntegrity(List.of()));
        manager.free(sequence);
        manager.checkIntegrity(List.of());
    }
}
