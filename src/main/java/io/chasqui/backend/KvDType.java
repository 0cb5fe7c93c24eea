package io.chasqui.backend;

/** Element type of the KV cache. */
public enum KvDType {
    F32(4),
    BF16(2);

    private final int bytes;

    KvDType(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }
}
