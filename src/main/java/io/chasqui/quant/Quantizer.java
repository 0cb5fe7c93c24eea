package io.chasqui.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * {@code float} to the simple block types, byte for byte as gguf-py's {@code quantize}. The K types
 * need a search for their scales and are only read.
 */
public final class Quantizer {
    private static final int BLOCK = 32;
    private static final ValueLayout.OfShort HALF =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Quantizer() {}

    /**
     * Encodes {@code count} values.
     *
     * @param type Q8_0, Q4_0 or Q4_1
     * @param count elements, a multiple of 32
     * @param target receives the blocks from {@code byteOffset} on
     * @throws IllegalArgumentException if the type is another, or {@code count} does not fill
     *     blocks
     */
    public static void quantize(
            DType type,
            float[] source,
            int sourceOffset,
            int count,
            MemorySegment target,
            long byteOffset) {
        if (count % BLOCK != 0) {
            throw new IllegalArgumentException(count + " elements do not fill blocks of " + BLOCK);
        }
        for (int i = 0; i < count; i += BLOCK) {
            long at = byteOffset + type.bytes(i);
            switch (type) {
                case Q8_0 -> q80(source, sourceOffset + i, target, at);
                case Q4_0 -> q40(source, sourceOffset + i, target, at);
                case Q4_1 -> q41(source, sourceOffset + i, target, at);
                default -> throw new IllegalArgumentException("cannot encode " + type);
            }
        }
    }

    private static void q80(float[] x, int from, MemorySegment out, long at) {
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            largest = Math.max(largest, Math.abs(x[from + i]));
        }
        float d = largest / 127;
        float inverse = inverse(d);
        out.set(HALF, at, Float.floatToFloat16(d));
        for (int i = 0; i < BLOCK; i++) {
            float scaled = x[from + i] * inverse;
            int magnitude = (int) (Math.abs(scaled) + 0.5f);
            out.set(
                    ValueLayout.JAVA_BYTE,
                    at + 2 + i,
                    (byte) (scaled < 0 ? -magnitude : magnitude));
        }
    }

    private static void q40(float[] x, int from, MemorySegment out, long at) {
        float extreme = 0;
        for (int i = 0; i < BLOCK; i++) {
            if (Math.abs(x[from + i]) > Math.abs(extreme)) {
                extreme = x[from + i];
            }
        }
        float d = extreme / -8;
        out.set(HALF, at, Float.floatToFloat16(d));
        nibbles(x, from, 0, inverse(d), 8.5f, out, at + 2);
    }

    private static void q41(float[] x, int from, MemorySegment out, long at) {
        float min = x[from];
        float max = x[from];
        for (int i = 1; i < BLOCK; i++) {
            min = Math.min(min, x[from + i]);
            max = Math.max(max, x[from + i]);
        }
        float d = (max - min) / 15;
        out.set(HALF, at, Float.floatToFloat16(d));
        out.set(HALF, at + 2, Float.floatToFloat16(min));
        nibbles(x, from, min, inverse(d), 0.5f, out, at + 4);
    }

    private static void nibbles(
            float[] x,
            int from,
            float min,
            float inverse,
            float rounding,
            MemorySegment out,
            long at) {
        for (int i = 0; i < BLOCK / 2; i++) {
            int low = nibble((x[from + i] - min) * inverse + rounding);
            int high = nibble((x[from + BLOCK / 2 + i] - min) * inverse + rounding);
            out.set(ValueLayout.JAVA_BYTE, at + i, (byte) (low | high << 4));
        }
    }

    private static int nibble(float code) {
        return Math.clamp((int) code, 0, 15);
    }

    private static float inverse(float d) {
        return d == 0 ? 0 : 1 / d;
    }
}
