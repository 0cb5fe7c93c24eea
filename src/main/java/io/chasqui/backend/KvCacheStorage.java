package io.chasqui.backend;

/**
 * Keys and values of all layers in blocks of {@code blockSize} token slots, allocated once. Slot s
 * lies in block {@code s / blockSize}.
 */
public interface KvCacheStorage extends AutoCloseable {
    int numBlocks();

    int blockSize();

    long bytes();

    /**
     * Test aid: overwrites a block with NaN, so that a read of a freed block shows in the logits.
     */
    void poison(int block);

    @Override
    void close();
}
