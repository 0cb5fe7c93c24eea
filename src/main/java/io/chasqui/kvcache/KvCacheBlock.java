package io.chasqui.kvcache;

import java.util.Arrays;

/** One block of the KV cache and what it holds. */
final class KvCacheBlock {
    /**
     * Content id of the empty prefix, the parent of every first block; also of unpublished content.
     */
    static final long ROOT = 0;

    final int id;

    /** Sequences whose block table holds it. */
    int refCount;

    /** Its key in the prefix cache, or null while nobody new may share it. */
    BlockHash hash;

    /** Number of its content, the same only for equal content; a block knows its parent by it. */
    long contentId;

    /** Content id of the block before it. */
    long parentId;

    /** The token ids, when {@link #hash} is set. */
    int[] tokens;

    /** Published in the step under way: its keys and values are still being computed. */
    boolean pending;

    /** Published in a step that failed: its keys and values were never computed. */
    boolean withdrawn;

    /** Neighbours in the queue of free blocks. */
    KvCacheBlock previous;

    KvCacheBlock next;

    KvCacheBlock(int id) {
        this.id = id;
    }

    /** Whether it holds these tokens after that parent. */
    boolean holds(long parent, int[] sequence, int from) {
        return parentId == parent
                && Arrays.equals(tokens, 0, tokens.length, sequence, from, from + tokens.length);
    }

    @Override
    public String toString() {
        return "block " + id + " with " + refCount + " references and content " + contentId;
    }
}
