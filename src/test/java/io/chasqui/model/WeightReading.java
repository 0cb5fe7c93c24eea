package io.chasqui.model;

import io.chasqui.loader.TensorView;
import io.chasqui.quant.BlockScales;
import java.lang.foreign.ValueLayout;

/** Reads all the weights of a file that may be hostile, as loading does. */
final class WeightReading {
    private WeightReading() {}

    /** Looks at the first and last bytes and at the scales. */
    static void touch(TensorView tensor) {
        var data = tensor.data();
        if (data.byteSize() > 0) {
            data.get(ValueLayout.JAVA_BYTE, 0);
            data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
            BlockScales.firstNonFinite(tensor.dtype(), data);
        }
    }

    /** Takes a model that was accepted as loading takes it. */
    static void readAll(Checkpoint checkpoint) {
        int layers = checkpoint.config().layers();
        boolean tied = checkpoint.config().tiedHead();
        for (var tensor : LlamaTensor.values()) {
            if (tensor == LlamaTensor.HEAD && tied) {
                continue;
            }
            for (int layer = 0; layer < (tensor.perLayer() ? layers : 1); layer++) {
                read(checkpoint, tensor, tensor.perLayer() ? layer : LlamaTensor.NO_LAYER);
            }
        }
    }

    private static void read(Checkpoint checkpoint, LlamaTensor tensor, int layer) {
        if (tensor.shape(checkpoint.config()).size() == 1) {
            checkpoint.vector(tensor, layer);
        } else {
            checkpoint.linear(tensor, layer);
        }
    }
}
