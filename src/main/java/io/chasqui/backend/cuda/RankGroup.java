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

    /** Work handed to threads of ranks. */
    @FunctionalInterface
    interface Running {
        /** Waits until it has run, and throws what it has thrown. */
        void await();
    }

    /** Runs a task on the threads of all ranks at once. */
    void run(Consumer<CudaRank> task) {
        start(task).forEach(this::await);
    }

    /**
     * Starts launches on the threads of all ranks at once. If only some succeed their kernels wait
     * for ever for the others, so that all devices are lost.
     */
    Running launch(Consumer<CudaRank> launch) {
        var running = start(launch);
        return ordered(() -> awaitAll(running));
    }

    private List<Future<?>> start(Consumer<CudaRank> task) {
        var running = new ArrayList<Future<?>>(ranks.size());
        for (var rank : ranks) {
            running.add(start(rank, () -> task.accept(rank)));
        }
        return running;
    }

    private static Future<?> start(CudaRank rank, Runnable task) {
        return rank.device()
                .submit(
                        () -> {
                            task.run();
                            return null;
                        });
    }

    private void awaitAll(List<Future<?>> launches) {
        try {
            launches.forEach(this::await);
        } catch (RuntimeException e) {
            if (ranks.size() == 1) {
                throw e;
            }
            var error = new DeviceLostError("a rank did not launch its step: " + e.getMessage());
            error.initCause(e);
            throw lost(error);
        }
    }

    /** Starts a launch on the thread of the first rank. */
    Running launchOnFirst(Runnable launch) {
        var running = start(first(), launch);
        return ordered(() -> await(running));
    }

    /**
     * Lets the caller go on while a lone rank's thread launches. Several ranks wait for each
     * other's events, which must have been recorded before.
     */
    private Running ordered(Running launch) {
        if (ranks.size() > 1) {
            launch.await();
        }
        return launch;
    }

    /** Runs a task on the thread of the first rank. */
    void runOnFirst(Runnable task) {
        await(start(first(), task));
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
