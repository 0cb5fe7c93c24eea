package io.chasqui.model;

import io.chasqui.backend.Backend;
import io.chasqui.backend.LinearRole;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;
import io.chasqui.loader.FileFaults;
import io.chasqui.loader.LinearSource;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.quant.BlockScales;
import java.util.ArrayList;
import java.util.List;

/** Packs the weights of a checkpoint for a backend, in the order they lie in a file. */
public final class LlamaWeightsLoader {
    private final Checkpoint checkpoint;
    private final Backend backend;
    private final ProgressListener listener;
    private final long total;
    private long done;

    private LlamaWeightsLoader(Checkpoint checkpoint, Backend backend, ProgressListener listener) {
        this.checkpoint = checkpoint;
        this.backend = backend;
        this.listener = listener;
        this.total = checkpoint.weightBytes();
    }

    /**
     * Packs everything; afterwards the checkpoint may be closed.
     *
     * @param listener called after each matrix, on this thread
     * @throws ModelFormatException if weights hold what cannot be, or the file shrinks meanwhile
     */
    public static LlamaWeights load(
            Checkpoint checkpoint, Backend backend, ProgressListener listener) {
        return FileFaults.guard(
                checkpoint.name(),
                () -> new LlamaWeightsLoader(checkpoint, backend, listener).load());
    }

    private LlamaWeights load() {
        var config = checkpoint.config();
        listener.onProgress(0, total);
        var embedding = pack(LinearRole.EMBEDDING, checkpoint.linear(LlamaTensor.EMBEDDING));
        var layers = new ArrayList<LlamaLayer>(config.layers());
        for (int layer = 0; layer < config.layers(); layer++) {
            layers.add(layer(layer));
        }
        var norm = vector(LlamaTensor.NORM, LlamaTensor.NO_LAYER);
        var head =
                config.tiedHead()
                        ? embedding
                        : pack(LinearRole.HEAD, checkpoint.linear(LlamaTensor.HEAD));
        return new LlamaWeights(embedding, List.copyOf(layers), norm, head);
    }

    private LlamaLayer layer(int layer) {
        return new LlamaLayer(
                vector(LlamaTensor.ATTENTION_NORM, layer),
                stacked(
                        LinearRole.QKV,
                        layer,
                        LlamaTensor.QUERY,
                        LlamaTensor.KEY,
                        LlamaTensor.VALUE),
                stacked(LinearRole.ATTENTION_OUTPUT, layer, LlamaTensor.ATTENTION_OUTPUT),
                vector(LlamaTensor.FFN_NORM, layer),
                stacked(LinearRole.GATE_UP, layer, LlamaTensor.GATE, LlamaTensor.UP),
                stacked(LinearRole.DOWN, layer, LlamaTensor.DOWN));
    }

    private LinearWeights stacked(LinearRole role, int layer, LlamaTensor... tensors) {
        var sources = new LinearSource[tensors.length];
        for (int i = 0; i < tensors.length; i++) {
            sources[i] = checkpoint.linear(tensors[i], layer);
        }
        return pack(role, sources);
    }

    private LinearWeights pack(LinearRole role, LinearSource... sources) {
        for (var source : sources) {
            if (source.seed().isEmpty()) {
                checkScales(source);
            }
        }
        var packed = backend.packLinear(checkpoint.config().shape(), role, List.of(sources));
        checkpoint.release();
        for (var source : sources) {
            advance(TensorTable.bytes(source.parts().get(LinearSource.WEIGHT)));
        }
        return packed;
    }

    private void checkScales(LinearSource source) {
        long block = BlockScales.firstNonFinite(source.dtype(), source.weightData());
        if (block >= 0) {
            throw new ModelFormatException(
                    "%s: tensor '%s': the scale of block %d is not a finite number"
                            .formatted(checkpoint.name(), source.name(), block));
        }
    }

    private VectorWeights vector(LlamaTensor tensor, int layer) {
        var packed = backend.packVector(checkpoint.vector(tensor, layer));
        advance(checkpoint.bytes(tensor, layer));
        return packed;
    }

    private void advance(long bytes) {
        done += bytes;
        listener.onProgress(done, total);
    }
}
