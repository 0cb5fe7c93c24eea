package io.chasqui.backend;

import java.util.ArrayList;
import java.util.List;

/**
 * The stages for one sequence in double arithmetic, written from the formulas: token by token, keys
 * and values in lists.
 */
final class DoubleLlama {
    private final RandomModel model;
    private final ModelShape shape;
    private final List<List<double[]>> keys = new ArrayList<>();
    private final List<List<double[]>> values = new ArrayList<>();

    /** Results of the last token's last layer, by stage. */
    double[] queries;

    double[] attention;
    double[] inner;
    double[] residual;

    DoubleLlama(RandomModel model) {
        this.model = model;
        this.shape = model.shape;
        for (int l = 0; l < shape.layers(); l++) {
            keys.add(new ArrayList<>());
            values.add(new ArrayList<>());
        }
    }

    /** Runs the next token and returns its logits. */
    double[] next(int token) {
        residual = new double[shape.hidden()];
        for (int i = 0; i < residual.length; i++) {
            residual[i] = model.embedding[token][i];
        }
        for (int l = 0; l < shape.layers(); l++) {
            layer(l);
        }
        return multiply(model.head, norm(residual, model.norm));
    }

    private void layer(int l) {
        var weights = model.layers.get(l);
        int position = keys.get(l).size();
        double[] a = norm(residual, weights.attentionNorm());
        queries = rotate(multiply(weights.q(), a), position);
        keys.get(l).add(rotate(multiply(weights.k(), a), position));
        values.get(l).add(multiply(weights.v(), a));
        attention = attend(keys.get(l), values.get(l));
        add(residual, multiply(weights.output(), attention));
        double[] f = norm(residual, weights.ffnNorm());
        double[] gate = multiply(weights.gate(), f);
        double[] up = multiply(weights.up(), f);
        inner = new double[gate.length];
        for (int i = 0; i < gate.length; i++) {
            inner[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
        }
        add(residual, multiply(weights.down(), inner));
    }

    private double[] attend(List<double[]> k, List<double[]> v) {
        int dim = shape.headDim();
        int group = shape.heads() / shape.kvHeads();
        double[] out = new double[shape.heads() * dim];
        for (int h = 0; h < shape.heads(); h++) {
            int kv = h / group * dim;
            double[] p = new double[k.size()];
            double sum = 0;
            for (int j = 0; j < p.length; j++) {
                double score = 0;
                for (int d = 0; d < dim; d++) {
                    score += queries[h * dim + d] * k.get(j)[kv + d];
                }
                p[j] = Math.exp(score / Math.sqrt(dim));
                sum += p[j];
            }
            for (int j = 0; j < p.length; j++) {
                for (int d = 0; d < dim; d++) {
                    out[h * dim + d] += p[j] / sum * v.get(j)[kv + d];
                }
            }
        }
        return out;
    }

    private double[] rotate(double[] x, int position) {
        int dim = shape.headDim();
        for (int head = 0; head < x.length; head += dim) {
            for (int j = 0; j < dim / 2; j++) {
                float angle = position * shape.inverseFrequencies()[j];
                double a = x[head + j];
                double b = x[head + j + dim / 2];
                x[head + j] = a * Math.cos(angle) - b * Math.sin(angle);
                x[head + j + dim / 2] = b * Math.cos(angle) + a * Math.sin(angle);
            }
        }
        return x;
    }

    private double[] norm(double[] x, float[] weight) {
        double square = 0;
        for (double v : x) {
            square += v * v;
        }
        double scale = 1 / Math.sqrt(square / x.length + shape.normEps());
        double[] out = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = x[i] * scale * weight[i];
        }
        return out;
    }

    private static double[] multiply(float[][] matrix, double[] x) {
        double[] y = new double[matrix.length];
        for (int r = 0; r < y.length; r++) {
            for (int i = 0; i < x.length; i++) {
                y[r] += matrix[r][i] * x[i];
            }
        }
        return y;
    }

    private static void add(double[] x, double[] y) {
        for (int i = 0; i < x.length; i++) {
            x[i] += y[i];
        }
    }
}
