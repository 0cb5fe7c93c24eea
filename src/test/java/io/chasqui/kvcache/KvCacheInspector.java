package io.chasqui.kvcache;

import java.util.Arrays;

/** Looks into the KV book-keeping for tests. */
public final class KvCacheInspector {
    private KvCacheInspector() {}

    /** Number of sequences that hold a sequence's block. */
    public static int refCount(KvSequence sequence, int index) {
        return sequence.block(index).refCount;
    }

    /** Whether a step may compute a block: only its writer has it, or it is being computed. */
    public static boolean mayBeWritten(KvSequence sequence, int index) {
        var block = sequence.block(index);
        return block.pending || block.refCount == 1 && block.hash == null;
    }

    /** Whether what a sequence has published is what it holds. */
    public static boolean isTrue(KvSequence sequence) {
        for (int i = 0; i < sequence.numPublished(); i++) {
            var published = sequence.block(i).tokens;
            int from = published == null ? 0 : i * published.length;
            if (published != null
                    && !Arrays.equals(
                            published,
                            0,
                            published.length,
                            sequence.tokens(),
                            from,
                            from + published.length)) {
                return false;
            }
        }
        return true;
    }

    public static boolean isPublished(KvSequence sequence, int index) {
        return sequence.block(index).contentId != KvCacheBlock.ROOT;
    }

    /** Whether a sequence holds a block that was never computed. */
    public static boolean anyWithdrawn(KvSequence sequence) {
        for (int i = 0; i < sequence.numBlocks(); i++) {
            if (sequence.block(i).withdrawn) {
                return true;
            }
        }
        return false;
    }

    /** Whether any block counts as being computed. */
    public static boolean anyPending(KvCacheManager manager) {
        for (int i = 0; i < manager.numBlocks(); i++) {
            if (manager.block(i).pending) {
                return true;
            }
        }
        return false;
    }

    /** Whether nobody may read a block's content again. */
    public static boolean isForgotten(KvCacheManager manager, int id) {
        var block = manager.block(id);
        return block.refCount == 0 && block.hash == null;
    }
}
