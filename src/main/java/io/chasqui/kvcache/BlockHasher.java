package io.chasqui.kvcache;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Hash chain over the blocks of a sequence: {@code hash(parent hash, token ids)}, begun by a salt.
 * The salt is an HMAC of who may share (API key, cache salt) under a secret of this process, so
 * that no client can foresee a hash or find the prefixes of another. For one thread, but for {@link
 * #salt}.
 */
public class BlockHasher {
    private static final String DIGEST = "SHA-256";
    private static final String MAC = "HmacSHA256";

    private final SecretKeySpec secret;
    private final int bits;
    private final MessageDigest digest;
    private final byte[] buffer;
    private final ByteBuffer view;

    /**
     * @param secret of this process
     * @param blockSize tokens in a block
     * @param bits bits of a hash that are kept: 128 in production, few in tests, where collisions
     *     must not change an answer
     */
    public BlockHasher(byte[] secret, int blockSize, int bits) {
        this.secret = new SecretKeySpec(secret, MAC);
        this.bits = bits;
        try {
            digest = MessageDigest.getInstance(DIGEST);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JDK has no " + DIGEST, e);
        }
        buffer = new byte[2 * Long.BYTES + blockSize * Integer.BYTES];
        view = ByteBuffer.wrap(buffer);
    }

    /** Start of the chain for those who may share with each other. */
    public BlockHash salt(String key, String cacheSalt) {
        try {
            var mac = Mac.getInstance(MAC);
            mac.init(secret);
            mac.update(key.getBytes(StandardCharsets.UTF_8));
            mac.update((byte) 0);
            return full(mac.doFinal(cacheSalt.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("this JDK has no " + MAC, e);
        }
    }

    /** Hash of the block {@code tokens[from, from + blockSize)} after {@code parent}. */
    BlockHash next(BlockHash parent, int[] tokens, int from) {
        view.clear();
        view.putLong(parent.high()).putLong(parent.low());
        for (int i = from; view.hasRemaining(); i++) {
            view.putInt(tokens[i]);
        }
        return truncate(full(digest.digest(buffer)));
    }

    private static BlockHash full(byte[] hash) {
        var bytes = ByteBuffer.wrap(hash);
        return new BlockHash(bytes.getLong(), bytes.getLong());
    }

    private BlockHash truncate(BlockHash hash) {
        return bits >= 2 * Long.SIZE ? hash : new BlockHash(0, hash.low() & ((1L << bits) - 1));
    }
}
