package io.chasqui.loader;

import io.chasqui.quant.DType;
import java.util.List;

/** Overflow-checked sizes of tensors. */
final class TensorSize {
    private TensorSize() {}

    /** Elements of a shape. */
    static long elements(MappedFile file, String tensor, List<Long> shape) {
        long elements = 1;
        try {
            for (long dim : shape) {
                if (dim < 0) {
                    throw file.error(tensor, "has a negative dimension in shape " + shape);
                }
                elements = Math.multiplyExact(elements, dim);
            }
        } catch (ArithmeticException e) {
            throw file.error(tensor, "shape " + shape + " overflows");
        }
        return elements;
    }

    /** Bytes of a tensor whose rows must fill whole blocks. */
    static long bytes(MappedFile file, String tensor, DType dtype, List<Long> shape) {
        long elements = elements(file, tensor, shape);
        long row = shape.isEmpty() ? 1 : shape.getLast();
        if (row % dtype.blockElements() != 0) {
            throw file.error(
                    tensor,
                    "rows of "
                            + row
                            + " elements do not fill "
                            + dtype
                            + " blocks of "
                            + dtype.blockElements());
        }
        try {
            return dtype.bytes(elements);
        } catch (ArithmeticException e) {
            throw file.error(tensor, "shape " + shape + " overflows");
        }
    }
}
