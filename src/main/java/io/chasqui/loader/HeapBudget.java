package io.chasqui.loader;

/**
 * Bounds the heap that a header's contents may take, whatever its counts claim. Sizes are estimates
 * from above: a Llama 3 vocabulary with its merges takes about 27 MiB.
 */
final class HeapBudget {
    private static final long BYTES = 40L << 20;
    private static final int STRING_OVERHEAD = 48;

    private final MappedFile file;
    private long left = BYTES;

    HeapBudget(MappedFile file) {
        this.file = file;
    }

    void takeString(String value) {
        take(STRING_OVERHEAD + 2L * value.length());
    }

    void takeArray(long elements, int elementBytes) {
        take(16 + elements * elementBytes);
    }

    private void take(long bytes) {
        left -= bytes;
        if (left < 0) {
            throw file.error("its header would take more than " + (BYTES >> 20) + " MiB of memory");
        }
    }
}
