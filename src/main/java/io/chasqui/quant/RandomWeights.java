package io.chasqui.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Fills tensors with reproducible noise of mean 0 and standard deviation about 0.02, like a freshly
 * initialised model. Block types get random codes and scales directly, so a gigabyte takes about a
 * second.
 */
public final class RandomWeights {
    private static final double DEVIATION = 0.02;
    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat F32 =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Deviation of one code: nibbles, five and six bits, signed bytes, all uniform. */
    private static final double CODE_4 = 4.61;

    private static final double CODE_5 = 9.23;
    private static final double CODE_6 = 18.5;
    private static final double CODE_8 = 73.9;

    /** Root mean square of a K scale drawn from 32 to 47, and of a signed byte. */
    private static final double SCALE_K4 = 39.8;

    private static final double SCALE_Q6 = 73.9;

    private RandomWeights() {}

    /**
     * Fills {@code target} with whole blocks of {@code type}.
     *
     * @param seed equal seeds give equal bytes
     */
    public static void fill(DType type, MemorySegment target, long seed) {
        switch (type) {
            case F32, F16, BF16 -> fillNormal(type, target, seed);
            default -> {
                fillBits(target, seed);
                setScales(type, target);
            }
        }
    }

    private static void fillNormal(DType type, MemorySegment target, long seed) {
        long elements = target.byteSize() / type.blockBytes();
        for (long i = 0; i < elements; i++) {
            switch (type) {
                case F32 -> target.set(F32, 4 * i, normal(mix(seed + i)));
                case F16 -> target.set(U16, 2 * i, Float.floatToFloat16(normal(mix(seed + i))));
                default -> target.set(U16, 2 * i, bf16(seed, i));
            }
        }
    }

    /**
     * Bits of one element of a BF16 tensor, a function of {@code seed + index} alone, which {@code
     * fill.cu} computes alike on a GPU.
     */
    public static short bf16(long seed, long index) {
        return (short) (Float.floatToRawIntBits(normal(mix(seed + index))) >>> 16);
    }

    /** Sum of four uniform numbers: close enough to a normal one. */
    private static float normal(long bits) {
        long sum =
                (bits & 0xFFFF) + (bits >>> 16 & 0xFFFF) + (bits >>> 32 & 0xFFFF) + (bits >>> 48);
        return (sum - 131_070) * (float) (DEVIATION / 37_837);
    }

    private static void fillBits(MemorySegment target, long seed) {
        long words = target.byteSize() / Long.BYTES;
        for (long i = 0; i < words; i++) {
            target.set(U64, Long.BYTES * i, mix(seed + i));
        }
        long tail = mix(seed + words);
        for (long at = Long.BYTES * words; at < target.byteSize(); at++, tail >>>= 8) {
            target.set(ValueLayout.JAVA_BYTE, at, (byte) tail);
        }
    }

    /** Replaces the random bits of each block's fp16 scales; their signs stay random. */
    private static void setScales(DType type, MemorySegment target) {
        int stride = type.blockBytes();
        for (long at = 0; at < target.byteSize(); at += stride) {
            switch (type) {
                case Q4_0 -> setSigned(target, at, DEVIATION / CODE_4);
                case Q8_0 -> setSigned(target, at, DEVIATION / CODE_8);
                case Q4_1 -> {
                    setHalf(target, at, DEVIATION / CODE_4);
                    setHalf(target, at + 2, -7.5 * DEVIATION / CODE_4);
                }
                case Q4_K -> setK4(target, at, DEVIATION / (CODE_4 * SCALE_K4), 7.5);
                case Q5_K -> setK4(target, at, DEVIATION / (CODE_5 * SCALE_K4), 15.5);
                default -> setSigned(target, at + 208, DEVIATION / (CODE_6 * SCALE_Q6));
            }
        }
    }

    /** Scales of 32 to 47, each sub-block's minimum equal to its scale: the mean is 0. */
    private static void setK4(MemorySegment target, long at, double d, double middle) {
        setHalf(target, at, d);
        setHalf(target, at + 2, middle * d);
        for (int j = 0; j < 4; j++) {
            int low = target.get(ValueLayout.JAVA_BYTE, at + 4 + j) & 15 | 0xA0;
            int high = target.get(ValueLayout.JAVA_BYTE, at + 12 + j) & 15;
            target.set(ValueLayout.JAVA_BYTE, at + 4 + j, (byte) low);
            target.set(ValueLayout.JAVA_BYTE, at + 8 + j, (byte) low);
            target.set(ValueLayout.JAVA_BYTE, at + 12 + j, (byte) (high | high << 4));
        }
    }

    private static void setSigned(MemorySegment target, long at, double d) {
        setHalf(target, at, target.get(U16, at) < 0 ? -d : d);
    }

    private static void setHalf(MemorySegment target, long at, double value) {
        target.set(U16, at, Float.floatToFloat16((float) value));
    }

    /** SplitMix64's output for state {@code counter}. */
    private static long mix(long counter) {
        long z = counter * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}
