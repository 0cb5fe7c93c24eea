package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.MemoryPlan;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.model.Geometry;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.HashMap;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class KvCacheSizeTest {
    private static final long PER_TOKEN = 131_072;
    private static final long GIB = 1L << 30;

    /** 8B on a device that leaves so much for the KV cache. */
    private static MemoryPlan plan(long kvCache) {
        return new MemoryPlan(80 * GIB, 16 * GIB + kvCache, 15 * GIB, GIB, PER_TOKEN, 16);
    }

    private static int blocks(MemoryPlan plan, String... settings) {
        return KvCacheSize.blocks(
                Geometry.LLAMA_3_1_8B.config(),
                PER_TOKEN,
                Optional.ofNullable(plan),
                config(settings));
    }

    static ChasquiConfig config(String... settings) {
        var properties = new HashMap<String, String>();
        for (var setting : settings) {
            properties.put("chasqui." + setting.split("=")[0], setting.split("=")[1]);
        }
        return new SmallRyeConfigBuilder()
                .addDiscoveredConverters()
                .withDefaultValues(properties)
                .withMapping(ChasquiConfig.class)
                .build()
                .getConfigMapping(ChasquiConfig.class);
    }

    @Test
    void aDeviceGivesWhatThePlanLeaves() {
        assertEquals(plan(7 * GIB).blocks(), blocks(plan(7 * GIB)));
        assertEquals(512, blocks(plan(7 * GIB), "kv-cache-memory=1G"));
    }

    @Test
    void noMoreIsTakenThanTheMostSequencesCanUse() {
        assertEquals(2 * 64, blocks(plan(60 * GIB), "max-num-seqs=2", "max-model-len=1024"));
        assertEquals(2 * 64, blocks(null, "max-num-seqs=2", "max-model-len=1024"));
    }

    @Test
    void whatCannotFitIsRefusedWithTheArithmetic() {
        refused(plan(-GIB), "max-num-seqs=64", "weights 15.00 + workspace 1.00 + KV cache of 32");
        refused(plan(GIB), "max-model-len=8193", "8,193 tokens 1.00 = 17.00 GiB");
        refused(plan(GIB), "kv-cache-memory=2G", "--kv-cache-memory");
        assertDoesNotThrow(() -> KvCacheSize.check(plan(GIB), config("max-model-len=8192")));
    }

    private static void refused(MemoryPlan plan, String setting, String reason) {
        var e = assertThrows(UserException.class, () -> KvCacheSize.check(plan, config(setting)));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
    }
}
