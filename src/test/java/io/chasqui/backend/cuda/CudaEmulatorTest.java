package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Right kernels give right results on the emulator, through unmodified JCuda. */
class CudaEmulatorTest {
    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 64 << 20);
    }

    @Test
    void sumsThroughSharedMemory() {
        try (var device = new EmulatedDevice(0)) {
            var in = device.upload(1, 2, 3, 4, 5, 6, 7, 8f);
            var out = device.allocate(8);
            device.launch("block_sum", 2, 4, 16, parameters(1, in, out));
            assertArrayEquals(new float[] {10, 26}, device.floats(out, 2));
            assertEquals(1, emulator.launches(0));
        }
    }

    @Test
    void multipliesWithTensorCores() {
        int k = 64, tiles = 3;
        var random = new Random(7);
        var a = new float[16 * tiles * k];
        var b = new float[8 * k];
        for (int i = 0; i < a.length; i++) a[i] = random.nextInt(-8, 9) / 8f;
        for (int i = 0; i < b.length; i++) b[i] = random.nextInt(-8, 9) / 8f;
        var expected = new float[16 * tiles * 8];
        for (int row = 0; row < 16 * tiles; row++) {
            for (int column = 0; column < 8; column++) {
                for (int i = 0; i < k; i++) {
                    expected[row * 8 + column] += a[row * k + i] * b[column * k + i];
                }
            }
        }
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                var out = device.allocate(4L * expected.length);
                device.launch(
                        "tile_product",
                        tiles,
                        32,
                        0,
                        parameters(
                                new int[] {k, 1},
                                device.upload(bf16(a)),
                                device.upload(bf16(b)),
                                out));
                assertArrayEquals(expected, device.floats(out, expected.length), "seed " + seed);
            }
        }
    }

    @Test
    void countsAndLimitsMemory() {
        try (var device = new EmulatedDevice(0)) {
            device.allocate(1000);
            assertEquals(1024, emulator.allocatedBytes(0));
            assertEquals(
                    CUresult.CUDA_ERROR_OUT_OF_MEMORY,
                    EmulatedDevice.errorOf(() -> device.allocate(64 << 20)));
        }
        assertEquals(0, emulator.allocatedBytes(0));
        assertEquals(1024, emulator.peakBytes(0));
    }

    static short[] bf16(float... values) {
        var bits = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            bits[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
        }
        return bits;
    }

    /** A parameter block of pointers, then ints. */
    static Pointer parameters(int last, CUdeviceptr... pointers) {
        return parameters(new int[] {last}, pointers);
    }

    static Pointer parameters(int[] last, CUdeviceptr... pointers) {
        var block =
                ByteBuffer.allocateDirect(8 * pointers.length + 4 * last.length + 8)
                        .order(ByteOrder.nativeOrder());
        for (var pointer : pointers) {
            block.putLong(Addresses.of(pointer));
        }
        for (int each : last) {
            block.putInt(each);
        }
        return Pointer.to(block);
    }

    /** Reads what JCuda keeps to itself. */
    private static final class Addresses extends CUdeviceptr {
        private Addresses(CUdeviceptr pointer) {
            super(pointer);
        }

        static long of(CUdeviceptr pointer) {
            var copy = new Addresses(pointer);
            return copy.getNativePointer() + copy.getByteOffset();
        }
    }
}
