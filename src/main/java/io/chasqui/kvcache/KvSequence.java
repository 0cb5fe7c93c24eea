package io.chasqui.kvcache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The tokens of one request as known so far, prompt first, and the blocks that hold their keys and
 * values.
 */
public final class KvSequence {
    private int[] tokens;
    private int numTokens;

    /** Of the last tokens, those that are not known yet. */
    private int numUnknown;

    private final BlockHash salt;
    private final boolean readsCache;

    /** Block table, in order of position. */
    private final List<KvCacheBlock> blocks = new ArrayList<>();

    /** Hashes of the full blocks of known tokens, as far as they were needed. */
    private final List<BlockHash> hashes = new ArrayList<>();

    /** Blocks from the first whose content is published. */
    private int numPublished;

    /** Those of them that were published by others or in earlier steps. */
    private int numConfirmed;

    /**
     * @param prompt its first tokens
     * @param salt start of its hash chain
     * @param readsCache whether it may begin with blocks computed by others; a request that wants
     *     logprobs of its prompt has to compute all of it
     */
    public KvSequence(int[] prompt, BlockHash salt, boolean readsCache) {
        tokens = prompt.clone();
        numTokens = prompt.length;
        this.salt = salt;
        this.readsCache = readsCache;
    }

    public int numTokens() {
        return numTokens;
    }

    /** Tokens whose ids are known; those after them are still being sampled. */
    public int numKnownTokens() {
        return numTokens - numUnknown;
    }

    /**
     * The tokens; the first {@link #numTokens} count, and those that are known never change. In
     * place of the others stands what they were appended as.
     */
    public int[] tokens() {
        return tokens;
    }

    /**
     * Appends a token that is being sampled.
     *
     * @param reference what stands in its place until it is known
     */
    public void appendUnknown(int reference) {
        if (numTokens == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(16, numTokens + (numTokens >> 1)));
        }
        tokens[numTokens++] = reference;
        numUnknown++;
    }

    /** Appends a token that is known; all before it must be. */
    public void append(int token) {
        if (numUnknown > 0) {
            throw new IllegalStateException("a token after one that is not known");
        }
        appendUnknown(token);
        resolve(token);
    }

    /** Says which the first of the unknown tokens is. */
    public void resolve(int token) {
        tokens[numTokens - numUnknown--] = token;
    }

    /** Takes back the last unknown token. */
    public void removeUnknown() {
        numTokens--;
        numUnknown--;
    }

    public int numBlocks() {
        return blocks.size();
    }

    /** Id of the block that holds tokens {@code [index * blockSize, (index + 1) * blockSize)}. */
    public int blockId(int index) {
        return blocks.get(index).id;
    }

    /** Block ids, in order of position. */
    public int[] blockTable() {
        var ids = new int[blocks.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = blocks.get(i).id;
        }
        return ids;
    }

    boolean readsCache() {
        return readsCache;
    }

    KvCacheBlock block(int index) {
        return blocks.get(index);
    }

    void addBlock(KvCacheBlock block) {
        blocks.add(block);
    }

    KvCacheBlock removeLastBlock() {
        return blocks.removeLast();
    }

    int numPublished() {
        return numPublished;
    }

    void numPublished(int n) {
        numPublished = n;
    }

    int numConfirmed() {
        return numConfirmed;
    }

    void numConfirmed(int n) {
        numConfirmed = n;
    }

    /** Content id of the block before block {@code index}. */
    long parentId(int index) {
        return index == 0 ? KvCacheBlock.ROOT : blocks.get(index - 1).contentId;
    }

    /** Hash of full block {@code index}; its tokens must be known. */
    BlockHash hash(int index, BlockHasher hasher, int blockSize) {
        for (int i = hashes.size(); i <= index; i++) {
            var parent = i == 0 ? salt : hashes.get(i - 1);
            hashes.add(hasher.next(parent, tokens, i * blockSize));
        }
        return hashes.get(index);
    }
}
