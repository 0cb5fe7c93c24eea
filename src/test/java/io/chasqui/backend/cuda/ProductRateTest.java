package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ProductRateTest {

    /** An embedding and the products of a warm-up and nine samples; on an emulator no more. */
    @Test
    void launchesProductsAndTimesThem() {
        var emulator = CudaEmulator.load();
        emulator.reset(1, 1 << 30);
        var rate = ProductRate.measure(0, 64, EmulatedBackends.modules());
        assertEquals(64, rate.size());
        assertTrue(rate.flopsPerSecond() > 0 && Double.isFinite(rate.flopsPerSecond()));
        assertEquals(2 + 1 + 10 * 4, emulator.launches(0), "fills, embedding, products");
        assertEquals(0, emulator.allocatedBytes(0));
    }
}
