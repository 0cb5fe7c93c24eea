package io.chasqui.backend;

import io.chasqui.loader.LinearSource;
import io.chasqui.loader.TensorView;
import io.chasqui.model.LlamaConfig;
import io.chasqui.model.LlamaLayer;
import io.chasqui.model.LlamaModel;
import io.chasqui.model.LlamaWeights;
import io.chasqui.quant.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Weights of a shape, from a seed: as plain arrays, and packed by a backend. */
public final class RandomModel {
    /** Matrices and norms of one layer, {@code [out][in]}. */
    record Layer(
            float[] attentionNorm,
            float[][] q,
            float[][] k,
            float[][] v,
            float[][] output,
            float[] ffnNorm,
            float[][] gate,
            float[][] up,
            float[][] down) {}

    public final ModelShape shape;
    final float[][] embedding;
    final List<Layer> layers = new ArrayList<>();
    final float[] norm;
    final float[][] head;
    private final SplittableRandom random;
    private final boolean bf16;

    /**
     * @param bf16 whether weights are such that bf16 holds them
     */
    public RandomModel(ModelShape shape, long seed, boolean bf16) {
        this.shape = shape;
        this.bf16 = bf16;
        random = new SplittableRandom(seed);
        // Where scores are large, attention tips over with the rounding of queries and keys.
        double sharpness = bf16 ? 1 : 2;
        int hidden = shape.hidden();
        int q = shape.heads() * shape.headDim();
        int kv = shape.kvHeads() * shape.headDim();
        embedding = matrix(shape.vocab(), hidden, 1);
        for (int l = 0; l < shape.layers(); l++) {
            layers.add(
                    new Layer(
                            norm(hidden),
                            matrix(q, hidden, sharpness / Math.sqrt(hidden)),
                            matrix(kv, hidden, sharpness / Math.sqrt(hidden)),
                            matrix(kv, hidden, 1 / Math.sqrt(hidden)),
                            matrix(hidden, q, 1 / Math.sqrt(q)),
                            norm(hidden),
                            matrix(shape.ffn(), hidden, 1 / Math.sqrt(hidden)),
                            matrix(shape.ffn(), hidden, 1 / Math.sqrt(hidden)),
                            matrix(hidden, shape.ffn(), 1 / Math.sqrt(shape.ffn()))));
        }
        norm = norm(hidden);
        head = matrix(shape.vocab(), hidden, 1 / Math.sqrt(hidden));
    }

    public static ModelShape shape(
            int layers, int hidden, int kvHeads, int group, int headDim, int ffn, int vocab) {
        float[] frequencies = new float[headDim / 2];
        for (int j = 0; j < frequencies.length; j++) {
            frequencies[j] = (float) Math.pow(10_000, -2.0 * j / headDim);
        }
        return new ModelShape(
                layers, hidden, kvHeads * group, kvHeads, headDim, ffn, vocab, 1e-5f, frequencies);
    }

    private float[] norm(int n) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (float) (1 + 0.3 * random.nextGaussian());
        }
        return x;
    }

    private float[][] matrix(int rows, int columns, double scale) {
        float[][] x = new float[rows][columns];
        for (float[] row : x) {
            for (int i = 0; i < columns; i++) {
                float value = (float) (random.nextGaussian() * scale);
                row[i] = bf16 ? truncated(value) : value;
            }
        }
        return x;
    }

    private static float truncated(float value) {
        return Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000);
    }

    public LlamaWeights pack(Backend backend) {
        var packed = new ArrayList<LlamaLayer>();
        for (var layer : layers) {
            packed.add(
                    new LlamaLayer(
                            backend.packVector(layer.attentionNorm),
                            backend.packLinear(
                                    shape,
                                    LinearRole.QKV,
                                    List.of(source(layer.q), source(layer.k), source(layer.v))),
                            backend.packLinear(
                                    shape,
                                    LinearRole.ATTENTION_OUTPUT,
                                    List.of(source(layer.output))),
                            backend.packVector(layer.ffnNorm),
                            backend.packLinear(
                                    shape,
                                    LinearRole.GATE_UP,
                                    List.of(source(layer.gate), source(layer.up))),
                            backend.packLinear(
                                    shape, LinearRole.DOWN, List.of(source(layer.down)))));
        }
        return new LlamaWeights(
                backend.packLinear(shape, LinearRole.EMBEDDING, List.of(source(embedding))),
                packed,
                backend.packVector(norm),
                backend.packLinear(shape, LinearRole.HEAD, List.of(source(head))));
    }

    /** The model, which owns backend and cache from now on. */
    public LlamaModel model(LlamaWeights packed, Backend backend, KvCacheStorage cache) {
        var config =
                new LlamaConfig(
                        shape.layers(),
                        shape.hidden(),
                        shape.heads(),
                        shape.kvHeads(),
                        shape.headDim(),
                        shape.ffn(),
                        shape.vocab(),
                        2048,
                        shape.normEps(),
                        shape.inverseFrequencies(),
                        false);
        return new LlamaModel(config, packed, backend, cache, () -> {});
    }

    private static LinearSource source(float[][] matrix) {
        int columns = matrix[0].length;
        float[] flat = new float[matrix.length * columns];
        for (int r = 0; r < matrix.length; r++) {
            System.arraycopy(matrix[r], 0, flat, r * columns, columns);
        }
        return LinearSource.of(
                new TensorView(
                        "random",
                        DType.F32,
                        List.of((long) matrix.length, (long) columns),
                        () -> MemorySegment.ofArray(flat)));
    }
}
