package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;

import io.chasqui.backend.DecoderProgram;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.RankShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One rank: a device with its kernels and its share of a step's buffers. */
final class CudaRank implements AutoCloseable {
    private final int index;
    private final int ranks;
    private final CudaDevice device;
    private final Kernels kernels;
    private final CudaEvent done;
    private RankShape shape;
    private StageKernels stageKernels;
    private Workspace workspace;
    private DeviceMemory frequencies;
    private CudaStages stages;
    private GraphCache graphs;
    private int maxRows;

    CudaRank(int index, int ranks, int ordinal, KernelModules images) {
        this.index = index;
        this.ranks = ranks;
        device = new CudaDevice(ordinal, index);
        try {
            kernels = device.call(() -> new Kernels(images));
            done = device.call(CudaEvent::new);
        } catch (RuntimeException | Error e) {
            device.close();
            throw e;
        }
    }

    int index() {
        return index;
    }

    CudaDevice device() {
        return device;
    }

    Kernels kernels() {
        return kernels;
    }

    StageKernels stageKernels() {
        return stageKernels;
    }

    RankShape shape() {
        return shape;
    }

    /** Null where steps are launched kernel by kernel. */
    GraphCache graphs() {
        return graphs;
    }

    Workspace workspace() {
        return workspace;
    }

    /** When what the last step launched here is done. */
    CudaEvent done() {
        return done;
    }

    void allocate(ModelShape model, int maxTokens, int mostRows) {
        maxRows = mostRows;
        shape = new RankShape(model, ranks);
        var sizes = WorkspaceSizes.of(shape, index, maxTokens, mostRows);
        workspace = device.call(() -> new Workspace(sizes));
        frequencies = upload("RoPE frequencies", model.inverseFrequencies());
    }

    /**
     * Makes the stages, once all ranks have allocated.
     *
     * @param residentBlocks blocks of a kernel that certainly run at the same time, on every rank
     */
    void connect(StepLayout layout, Peers peers, int residentBlocks, CudaOptions options) {
        int multiprocessors = device.multiprocessors();
        var plain = new PlainKernels(kernels, multiprocessors);
        stageKernels =
                options.plain()
                        ? plain
                        : new TunedKernels(kernels, shape, multiprocessors, residentBlocks, plain);
        stages = new CudaStages(this, layout, peers, frequencies);
        graphs = options.graphs() ? new GraphCache(device, stages, maxRows) : null;
    }

    /** A copy of an array. */
    DeviceMemory upload(String what, float[] values) {
        try (var arena = Arena.ofShared()) {
            MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
            return device.call(
                    () -> {
                        var memory = DeviceMemory.allocate(what, host.byteSize());
                        memory.write(0, host);
                        return memory;
                    });
        }
    }

    /** Uploads a step and launches the program. For the device's thread. */
    void forward(StepBuffer step, ForwardBatch batch, DecoderProgram program) {
        CudaError.check(
                cuMemcpyHtoDAsync(
                        new DevicePointer(workspace.step.address()),
                        step.memory().pointer(),
                        step.bytes(),
                        device.stream()),
                "uploading a step");
        step.uploaded(index).record(device);
        int tokens = batch.numTokens();
        int rows = batch.rows().length;
        // Steps with prompts are long enough to hide their launches.
        boolean decodes = tokens == batch.numSequences() && rows > 0;
        if (graphs != null && decodes && graphs.covers(tokens)) {
            graphs.run(tokens, program);
        } else {
            stages.begin(tokens, rows);
            program.run(stages);
        }
        done.record(device);
    }

    /** Frees everything, unless the device is lost and with it all it held. */
    @Override
    public void close() {
        device.free(
                () -> {
                    device.synchronize();
                    if (graphs != null) {
                        graphs.close();
                    }
                    if (workspace != null) {
                        workspace.close();
                    }
                    if (frequencies != null) {
                        frequencies.close();
                    }
                    done.close();
                    kernels.close();
                });
        device.close();
    }
}
