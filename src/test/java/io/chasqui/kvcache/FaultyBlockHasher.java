package io.chasqui.kvcache;

/** A hasher that throws for a chosen token and a chosen key. */
public final class FaultyBlockHasher extends BlockHasher {
    private final int blockSize;
    private final int cursedToken;
    private final String cursedKey;

    public FaultyBlockHasher(int blockSize, int bits, int cursedToken, String cursedKey) {
        super(new byte[] {7}, blockSize, bits);
        this.blockSize = blockSize;
        this.cursedToken = cursedToken;
        this.cursedKey = cursedKey;
    }

    @Override
    public BlockHash salt(String key, String cacheSalt) {
        if (key.equals(cursedKey)) {
            throw new IllegalStateException("injected: salt");
        }
        return super.salt(key, cacheSalt);
    }

    @Override
    BlockHash next(BlockHash parent, int[] tokens, int from) {
        for (int i = from; i < from + blockSize; i++) {
            if (tokens[i] == cursedToken) {
                throw new IllegalStateException("injected: block hash");
            }
        }
        return super.next(parent, tokens, from);
    }
}
