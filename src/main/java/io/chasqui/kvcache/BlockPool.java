package io.chasqui.kvcache;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * All blocks of the KV cache: the free ones in order of last use, and an index of those whose
 * content may be shared. A free block keeps its content until it is handed out again, so the prefix
 * cache takes no memory of its own.
 */
final class BlockPool {
    private final KvCacheBlock[] blocks;
    private final Map<BlockHash, KvCacheBlock> cached = new HashMap<>();

    /**
     * Ends of the queue of free blocks: taken after {@code head}, given back before {@code tail}.
     */
    private final KvCacheBlock head = new KvCacheBlock(-1);

    private final KvCacheBlock tail = new KvCacheBlock(-1);
    private int numFree;
    private int numFreeCached;
    private long lastContentId = KvCacheBlock.ROOT;

    BlockPool(int numBlocks) {
        blocks = new KvCacheBlock[numBlocks];
        head.next = tail;
        tail.previous = head;
        for (int i = 0; i < numBlocks; i++) {
            blocks[i] = new KvCacheBlock(i);
            enqueue(blocks[i]);
        }
    }

    int numBlocks() {
        return blocks.length;
    }

    KvCacheBlock block(int id) {
        return blocks[id];
    }

    int numFree() {
        return numFree;
    }

    /** Free blocks whose content a request could still use. */
    int numFreeCached() {
        return numFreeCached;
    }

    /** The block that holds this content, or null. */
    KvCacheBlock find(BlockHash hash, long parent, int[] sequence, int from) {
        var block = cached.get(hash);
        return block != null && block.holds(parent, sequence, from) ? block : null;
    }

    /** The free block least recently used, emptied, with one owner. There must be one. */
    KvCacheBlock getNewBlock() {
        var block = head.next;
        if (block == tail) {
            throw new IllegalStateException("no free block");
        }
        dequeue(block);
        uncache(block);
        block.withdrawn = false;
        block.contentId = KvCacheBlock.ROOT;
        block.refCount = 1;
        return block;
    }

    /** Gives a block one more owner. */
    void touch(KvCacheBlock block) {
        if (block.refCount == 0) {
            dequeue(block);
        }
        block.refCount++;
    }

    /** Takes an owner away; a block without owners is free, its content kept for now. */
    void release(KvCacheBlock block) {
        if (block.refCount <= 0) {
            throw new IllegalStateException("double free of " + block);
        }
        if (--block.refCount == 0) {
            enqueue(block);
        }
    }

    /**
     * Makes a full block's content known. The block is pending if it is the one others will share.
     */
    void publish(
            KvCacheBlock block, BlockHash hash, long parent, int[] sequence, int from, int size) {
        block.parentId = parent;
        var same = find(hash, parent, sequence, from);
        if (same != null) {
            // Computed twice: the first stays in the index, and this one goes by the same content
            // id.
            block.contentId = same.contentId;
            return;
        }
        block.contentId = ++lastContentId;
        if (cached.containsKey(hash)) {
            return; // a collision: the first stays, this one is never shared
        }
        block.hash = hash;
        block.tokens = Arrays.copyOfRange(sequence, from, from + size);
        block.pending = true;
        cached.put(hash, block);
    }

    /** Sees to it that nobody new shares a block. */
    void uncache(KvCacheBlock block) {
        if (block.hash != null) {
            cached.remove(block.hash);
            block.hash = null;
            block.tokens = null;
            if (block.previous != null) {
                numFreeCached--;
            }
        }
        block.pending = false;
    }

    private void enqueue(KvCacheBlock block) {
        block.previous = tail.previous;
        block.next = tail;
        tail.previous.next = block;
        tail.previous = block;
        numFree++;
        if (block.hash != null) {
            numFreeCached++;
        }
    }

    private void dequeue(KvCacheBlock block) {
        block.previous.next = block.next;
        block.next.previous = block.previous;
        block.previous = null;
        block.next = null;
        numFree--;
        if (block.hash != null) {
            numFreeCached--;
        }
    }

    /**
     * Checks that free and owned blocks add up and that every reference is accounted for.
     *
     * @param sequences all sequences that hold blocks
     * @throws IllegalStateException naming the first block that does not fit
     */
    void checkIntegrity(List<KvSequence> sequences) {
        var owners = new int[blocks.length];
        for (var sequence : sequences) {
            for (int i = 0; i < sequence.numBlocks(); i++) {
                owners[sequence.block(i).id]++;
            }
        }
        int queued = 0;
        for (var block = head.next; block != tail; block = block.next) {
            check(block.refCount == 0, "owned but queued as free: ", block);
            queued++;
        }
        int unowned = 0;
        for (var block : blocks) {
            check(block.refCount == owners[block.id], owners[block.id] + " owners of ", block);
            check(
                    block.refCount <= 1 || block.contentId != KvCacheBlock.ROOT,
                    "shared but never published: ",
                    block);
            check(
                    block.hash == null || cached.get(block.hash) == block,
                    "not what the prefix cache holds: ",
                    block);
            unowned += block.refCount == 0 ? 1 : 0;
        }
        if (queued != unowned || queued != numFree) {
            throw new IllegalStateException(
                    queued
                            + " blocks queued, "
                            + unowned
                            + " unowned, "
                            + numFree
                            + " counted free");
        }
    }

    private static void check(boolean holds, String problem, KvCacheBlock block) {
        if (!holds) {
            throw new IllegalStateException(problem + block);
        }
    }
}
