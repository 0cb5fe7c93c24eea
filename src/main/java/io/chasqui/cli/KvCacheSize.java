package io.chasqui.cli;

import io.chasqui.config.ByteSize;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.model.LlamaConfig;
import java.lang.management.ManagementFactory;

/** How many blocks the KV cache gets. */
final class KvCacheSize {
    /** Share of the machine's memory, and the most, that is taken without being asked. */
    private static final int SHARE = 8;

    private static final long MOST = 4L << 30;

    private KvCacheSize() {}

    /**
     * Blocks for the memory configured; else what the most sequences of full length could use,
     * within a share of the machine's memory.
     */
    static int blocks(LlamaConfig model, long bytesPerToken, ChasquiConfig config) {
        long blockBytes = bytesPerToken * config.blockSize();
        long memory = config.kvCacheMemory().map(ByteSize::bytes).orElseGet(KvCacheSize::share);
        int length =
                Math.min(model.contextLength(), config.maxModelLen().orElse(Integer.MAX_VALUE));
        long most = blocksFor(length, config) * config.maxNumSeqs();
        long blocks = Math.min(memory / blockBytes, most);
        if (blocks < 2) {
            throw new UserException(
                    "--kv-cache-memory of %d bytes is too little: two blocks of this model take %d."
                            .formatted(memory, 2 * blockBytes));
        }
        return (int) Math.min(blocks, Integer.MAX_VALUE / config.blockSize());
    }

    private static long blocksFor(int tokens, ChasquiConfig config) {
        return (tokens + config.blockSize() - 1L) / config.blockSize();
    }

    private static long share() {
        var system =
                (com.sun.management.OperatingSystemMXBean)
                        ManagementFactory.getOperatingSystemMXBean();
        return Math.min(MOST, system.getTotalMemorySize() / SHARE);
    }
}
