package io.chasqui.backend.cpu;

import io.chasqui.loader.LinearSource;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import io.chasqui.quant.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** Stored matrices of random codes, scales and minima. */
final class RandomMatrix {
    private RandomMatrix() {}

    static LinearSource of(DType type, int rows, int columns, long seed) {
        var data = Arena.ofAuto().allocate(type.bytes((long) rows * columns), 8);
        var random = new SplittableRandom(seed);
        for (long i = 0; i < data.byteSize(); i++) {
            data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        }
        for (long block = 0; block < data.byteSize(); block += type.blockBytes()) {
            setFloats(type, data, block, random);
        }
        var shape = List.of((long) rows, (long) columns);
        return LinearSource.of(new TensorView(type.name(), type, shape, () -> data));
    }

    private static void setFloats(
            DType type, MemorySegment data, long block, SplittableRandom random) {
        switch (type) {
            case F32 ->
                    data.set(
                            ValueLayout.JAVA_FLOAT_UNALIGNED,
                            block,
                            (float) random.nextGaussian() * 0.05f);
            case BF16 ->
                    data.set(
                            ValueLayout.JAVA_SHORT_UNALIGNED,
                            block,
                            (short)
                                    (Float.floatToIntBits((float) random.nextGaussian() * 0.05f)
                                            >>> 16));
            case F16, Q8_0, Q4_0 -> setHalf(data, block, random);
            case Q4_1, Q4_K, Q5_K -> {
                setHalf(data, block, random);
                setHalf(data, block + 2, random);
            }
            case Q6_K -> setHalf(data, block + 208, random);
        }
    }

    /** Normal values, now and then a subnormal one. */
    private static void setHalf(MemorySegment data, long at, SplittableRandom random) {
        double deviation = random.nextInt(8) == 0 ? 1e-6 : 0.02;
        short half = Float.floatToFloat16((float) (random.nextGaussian() * deviation));
        data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, half);
    }

    /** The weights {@code [rows * columns]} in the order of the matrix. */
    static float[] dequantized(LinearSource source) {
        float[] weights = new float[source.rows() * source.columns()];
        long rowBytes = source.dtype().bytes(source.columns());
        for (int r = 0; r < source.rows(); r++) {
            Dequantizer.dequantize(
                    source.dtype(),
                    source.weightData(),
                    source.storedRow(r) * rowBytes,
                    weights,
                    r * source.columns(),
                    source.columns());
        }
        return weights;
    }

    static float[] inputs(int n, int columns, long seed) {
        var random = new SplittableRandom(seed);
        float[] x = new float[n * columns];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }
}
