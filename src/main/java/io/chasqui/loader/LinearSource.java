package io.chasqui.loader;

import io.chasqui.quant.DType;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The stored form of one matrix {@code [rows = out, columns = in]}, as a backend receives it for
 * packing: named parts ({@code weight}; formats with separate tensors add {@code scales}, {@code
 * zeros}, …) and the order in which its rows are to be read.
 *
 * @param name the matrix, for messages
 * @param rows output features
 * @param columns input features
 * @param parts the tensors that hold it, by role
 * @param rowOrder row {@code r} of the matrix is stored as row {@code rowOrder[r]}; null when
 *     stored in order. GGUF files hold query and key rows permuted.
 */
public record LinearSource(
        String name, int rows, int columns, Map<String, TensorView> parts, int[] rowOrder) {

    /** The part that every format has. */
    public static final String WEIGHT = "weight";

    /** A matrix held by one tensor, rows in order. */
    public static LinearSource of(TensorView weight) {
        return new LinearSource(
                weight.name(),
                Math.toIntExact(weight.shape().get(0)),
                Math.toIntExact(weight.shape().get(1)),
                Map.of(WEIGHT, weight),
                null);
    }

    /** The same matrix with its rows read in another order. */
    public LinearSource withRowOrder(int[] order) {
        return new LinearSource(name, rows, columns, parts, order);
    }

    /** Type of the weight part. */
    public DType dtype() {
        return parts.get(WEIGHT).dtype();
    }

    /** Seed of a matrix of noise that a device can make itself; see {@link TensorView#seed}. */
    public OptionalLong seed() {
        return parts.get(WEIGHT).seed();
    }

    /** All bytes of the weight part, in stored row order. */
    public MemorySegment weightData() {
        return parts.get(WEIGHT).data();
    }

    /** Stored row of matrix row {@code r}. */
    public int storedRow(int r) {
        return rowOrder == null ? r : rowOrder[r];
    }
}
