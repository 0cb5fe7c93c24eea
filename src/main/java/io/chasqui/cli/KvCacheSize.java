package io.chasqui.cli;

import io.chasqui.backend.MemoryPlan;
import io.chasqui.config.ByteSize;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.model.LlamaConfig;
import java.lang.management.ManagementFactory;
import java.util.Optional;

/** How many blocks the KV cache gets. */
final class KvCacheSize {
    /** Share of the machine's memory, and the most, that is taken without being asked. */
    private static final int SHARE = 8;

    private static final long MOST = 4L << 30;

    private KvCacheSize() {}

    /**
     * Blocks for the memory configured; else what the most sequences of full length could use,
     * within what the devices have left, or a share of the machine's memory.
     *
     * @param plan of devices with memory of their own
     */
    static int blocks(
            LlamaConfig model,
            long bytesPerToken,
            Optional<MemoryPlan> plan,
            ChasquiConfig config) {
        long blockBytes = bytesPerToken * config.blockSize();
        long memory =
                config.kvCacheMemory()
                        .map(ByteSize::bytes)
                        .or(() -> plan.map(MemoryPlan::kvCache))
                        .orElseGet(KvCacheSize::share);
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

    /**
     * Refuses what cannot fit on its devices.
     *
     * @throws UserException with the arithmetic
     */
    static void check(MemoryPlan plan, ChasquiConfig config) {
        int length = config.maxModelLen().orElse(2 * config.blockSize());
        if (plan.sequences(length) == 0) {
            throw new UserException(
                    "The model does not fit: on each GPU %s. More GPUs (--tensor-parallel-size), a"
                                    .formatted(plan.arithmetic(length))
                            + " shorter --max-model-len or fewer --max-num-seqs help; `chasqui plan`"
                            + " shows how much.");
        }
        long asked = config.kvCacheMemory().map(ByteSize::bytes).orElse(0L);
        if (asked > plan.kvCache()) {
            throw new UserException(
                    "--kv-cache-memory of %d bytes is more than the %d that each GPU has left."
                            .formatted(asked, plan.kvCache()));
        }
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
