package io.chasqui.backend.cuda;

import io.chasqui.backend.DeviceLostError;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/** The ranks that hold a model together: when one is lost, all are. */
final class RankGroup {
    private final List<CudaRank> ranks;

    RankGroup(List<CudaRank> ranks) {
        this.ranks = List.copyOf(ranks);
    }

    int size() {
        return ranks.size();
    }

    /** The rank that samples. */
    CudaRank first() {
        return ranks.getFirst();
    }

    List<CudaRank> list() {
        return ranks;
    }

    /** Runs a task on the threads of all ranks at once. */
    void run(Consumer<CudaRank> task) {
        var running = new ArrayList<Future<?>>(ranks.size());
        for (var rank : ranks) {
            running.add(
                    rank.device()
                            .submit(
                                    () -> {
                                        task.accept(rank);
                                        return null;
                                    }));
        }
        running.forEach(this::await);
    }

    /**
     * Runs launches on the threads of all ranks at once. If only some succeed their kernels wait
     * for ever for the others, so that all devices are lost.
     */
    void launch(Consumer<CudaRank> launch) {
        try {
            run(launch);
        } catch (RuntimeException e) {
            if (ranks.size() == 1) {
                throw e;
            }
            var error = new DeviceLostError("a rank did not launch its step: " + e.getMessage());
            error.initCause(e);
            throw lost(error);
        }
    }

    /** Runs a task on the thread of the first rank. */
    void runOnFirst(Runnable task) {
        await(
                first().device()
                        .submit(
                                () -> {
                                    task.run();
                                    return null;
                                }));
    }

    /** Waits for a task, but not when a rank fails meanwhile: then it may never end. */
    private void await(Future<?> task) {
        try {
            CudaDevice.await(task, () -> ranks.forEach(rank -> rank.device().watch()));
        } catch (DeviceLostError e) {
            throw lost(e);
        }
    }

    private DeviceLostError lost(DeviceLostError error) {
        ranks.forEach(rank -> rank.device().lose(error));
        return error;
    }
}
