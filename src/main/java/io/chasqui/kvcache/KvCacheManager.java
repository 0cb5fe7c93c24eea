package io.chasqui.kvcache;

import java.util.List;

/**
 * Gives sequences the blocks that hold their keys and values, shares full blocks between sequences
 * that begin alike, and takes blocks back.
 *
 * <p>Life of a block: handed out by {@link #allocateSlots}; published by {@link #cacheFullBlocks}
 * in the step that fills it, so that siblings admitted in the same step already share it; confirmed
 * by {@link #confirm} when that step is done, or withdrawn by {@link #withdraw} when it failed;
 * released by {@link #free} and later handed out again, least recently used first.
 */
public final class KvCacheManager {
    private final BlockPool pool;
    private final BlockHasher hasher;
    private final int blockSize;
    private final boolean prefixCaching;

    public KvCacheManager(int numBlocks, int blockSize, boolean prefixCaching, BlockHasher hasher) {
        this.pool = new BlockPool(numBlocks);
        this.blockSize = blockSize;
        this.prefixCaching = prefixCaching;
        this.hasher = hasher;
    }

    public int blockSize() {
        return blockSize;
    }

    public int numBlocks() {
        return pool.numBlocks();
    }

    public int numFreeBlocks() {
        return pool.numFree();
    }

    /** Free blocks that still hold a prefix someone could use. */
    public int numCachedBlocks() {
        return pool.numFreeCached();
    }

    /** Blocks that {@code tokens} tokens take. */
    public int blocksFor(int tokens) {
        return (tokens + blockSize - 1) / blockSize;
    }

    /**
     * Gives a sequence without blocks the longest chain of full blocks that hold its first tokens,
     * but never all of its tokens: one is left to compute.
     *
     * @return tokens found
     */
    public int takeComputedBlocks(KvSequence sequence) {
        if (sequence.numBlocks() != 0) {
            throw new IllegalStateException("a sequence with blocks looks for computed ones");
        }
        if (!prefixCaching || !sequence.readsCache()) {
            return 0;
        }
        int limit = (sequence.numKnownTokens() - 1) / blockSize;
        int found = 0;
        for (; found < limit; found++) {
            var block =
                    pool.find(
                            sequence.hash(found, hasher, blockSize),
                            sequence.parentId(found),
                            sequence.tokens(),
                            found * blockSize);
            if (block == null) {
                break;
            }
            pool.touch(block);
            sequence.addBlock(block);
        }
        sequence.numPublished(found);
        sequence.numConfirmed(found);
        return found * blockSize;
    }

    /**
     * Gives a sequence blocks so that it can hold {@code numTokens} tokens, or nothing at all.
     *
     * @param reserve free blocks that must remain
     * @return whether there were enough
     */
    public boolean allocateSlots(KvSequence sequence, int numTokens, int reserve) {
        int missing = blocksFor(numTokens) - sequence.numBlocks();
        if (missing > 0 && missing + reserve > pool.numFree()) {
            return false;
        }
        for (int i = 0; i < missing; i++) {
            sequence.addBlock(pool.getNewBlock());
        }
        return true;
    }

    /**
     * Publishes the blocks that will be full once the step under way has computed the first {@code
     * numTokens} tokens, as far as these are known.
     */
    public void cacheFullBlocks(KvSequence sequence, int numTokens) {
        if (!prefixCaching) {
            return;
        }
        int full = Math.min(numTokens, sequence.numKnownTokens()) / blockSize;
        for (int i = sequence.numPublished(); i < full; i++) {
            pool.publish(
                    sequence.block(i),
                    sequence.hash(i, hasher, blockSize),
                    sequence.parentId(i),
                    sequence.tokens(),
                    i * blockSize,
                    blockSize);
            sequence.numPublished(i + 1);
        }
    }

    /** A step is done for a sequence: its first {@code numTokens} tokens are computed. */
    public void confirm(KvSequence sequence, int numTokens) {
        int computed = Math.min(sequence.numPublished(), numTokens / blockSize);
        for (int i = sequence.numConfirmed(); i < computed; i++) {
            sequence.block(i).pending = false;
            sequence.numConfirmed(i + 1);
        }
    }

    /** Takes back what a sequence has published and no step is known to have computed. */
    public void withdraw(KvSequence sequence) {
        for (int i = sequence.numConfirmed(); i < sequence.numPublished(); i++) {
            pool.uncache(sequence.block(i));
            sequence.block(i).withdrawn = true;
        }
    }

    /**
     * Whether a sequence shares a block that was withdrawn, so that it has to be computed again.
     */
    public boolean holdsWithdrawn(KvSequence sequence) {
        for (int i = 0; i < sequence.numBlocks(); i++) {
            if (sequence.block(i).withdrawn) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes all blocks from a sequence, the last first, so that a prefix outlives what follows it.
     * What is not confirmed is withdrawn.
     */
    public void free(KvSequence sequence) {
        withdraw(sequence);
        while (sequence.numBlocks() > 0) {
            pool.release(sequence.removeLastBlock());
        }
        sequence.numPublished(0);
        sequence.numConfirmed(0);
    }

    /**
     * Checks the books.
     *
     * @param sequences all sequences that may hold blocks
     * @throws IllegalStateException naming what does not add up
     */
    public void checkIntegrity(List<KvSequence> sequences) {
        pool.checkIntegrity(sequences);
    }

    KvCacheBlock block(int id) {
        return pool.block(id);
    }
}
