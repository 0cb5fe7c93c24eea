package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.PendingTokens;
import java.lang.foreign.MemorySegment;

/** Sampling, on rank 0, which holds the logits of all. */
final class CudaSampling implements AutoCloseable {
    private static final int TURNS = 2;

    private final CudaRank first;
    private final RankGroup ranks;
    private final StepLayout layout;
    private final Peers peers;
    private final int maxRows;
    private final int vocab;
    private final StageKernels kernels;
    private final CudaEvent sampled;
    private final Turn[] turns = new Turn[TURNS];

    /** Host memory of one of the steps under way. */
    private record Turn(PinnedMemory masks, SamplingResults results, CudaEvent done) {}

    CudaSampling(RankGroup ranks, StepLayout layout, Peers peers, int maxRows) {
        this.ranks = ranks;
        this.first = ranks.first();
        this.layout = layout;
        this.peers = peers;
        this.maxRows = maxRows;
        this.vocab = first.shape().model().vocab();
        this.kernels = first.stageKernels();
        this.sampled = first.device().call(CudaEvent::new);
        for (int i = 0; i < TURNS; i++) {
            turns[i] =
                    first.device()
                            .call(
                                    () ->
                                            new Turn(
                                                    new PinnedMemory(
                                                            "masks", (long) maxRows * maskBytes()),
                                                    new SamplingResults(maxRows),
                                                    new CudaEvent()));
        }
    }

    private long maskBytes() {
        return WorkspaceSizes.maskBytes(vocab);
    }

    /** When the last tokens sampled are on every rank. */
    CudaEvent sampled() {
        return sampled;
    }

    /** Launches it for a pass. */
    PendingTokens start(CudaForwardPass pass, long[][] masks) {
        var turn = turns[pass.turn()];
        var batch = pass.batch();
        if (masks != null) {
            writeMasks(turn.masks().segment(), batch.rows().length, masks);
        }
        var launch = ranks.launchOnFirst(() -> launch(turn, batch, masks != null));
        return () -> {
            pass.launch().await();
            launch.await();
            ranks.runOnFirst(turn.done()::await);
            return turn.results().tokens(batch.rows());
        };
    }

    private void writeMasks(MemorySegment target, int rows, long[][] masks) {
        for (int i = 0; i < rows; i++) {
            var row = target.asSlice(i * maskBytes(), maskBytes());
            if (masks[i] == null) {
                row.fill((byte) 0xff);
            } else {
                var mask = MemorySegment.ofArray(masks[i]);
                long bytes = Math.min(mask.byteSize(), row.byteSize());
                MemorySegment.copy(mask, 0, row, 0, bytes);
                row.asSlice(bytes).fill((byte) 0);
            }
        }
    }

    private void launch(Turn turn, ForwardBatch batch, boolean masked) {
        var device = first.device();
        var workspace = first.workspace();
        int rows = batch.rows().length;
        for (var rank : ranks.list()) {
            if (rank != first) {
                rank.done().blockStream(device);
            }
        }
        if (masked) {
            CudaError.check(
                    cuMemcpyHtoDAsync(
                            new DevicePointer(workspace.masks.address()),
                            turn.masks().pointer(),
                            rows * maskBytes(),
                            device.stream()),
                    "uploading masks");
        }
        var launch = kernels.sampling(rows);
        writeParameters(launch.parameters(), workspace, masked);
        launch.run(device.stream());
        sampled.record(device);
        turn.results().download(workspace.results, batch.rows(), device.stream());
        turn.done().record(device);
    }

    private void writeParameters(ParameterBlock parameters, Workspace workspace, boolean masked) {
        layout.write(workspace.step.address(), workspace.sampled.address(), parameters);
        long results = workspace.results.address();
        parameters
                .put(workspace.logits.address())
                .put(vocab)
                .put(masked ? workspace.masks.address() : 0L)
                .put((int) (maskBytes() / Integer.BYTES))
                .put(workspace.scratch.address())
                .put((int) WorkspaceSizes.scratchBytes(vocab))
                .put(results)
                .put(results + SamplingResults.topTokens(maxRows))
                .put(results + SamplingResults.topLogprobs(maxRows))
                .put(peers.sampled(), Peers.MAX_RANKS);
    }

    /** To be called on the thread of rank 0. */
    @Override
    public void close() {
        for (var turn : turns) {
            turn.masks().close();
            turn.results().close();
            turn.done().close();
        }
        sampled.close();
    }
}
