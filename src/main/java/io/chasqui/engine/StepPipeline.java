package io.chasqui.engine;

import static java.lang.System.Logger.Level.WARNING;

import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.SampledToken;
import io.chasqui.engine.SchedulerOutput.Scheduled;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.KvCacheManager;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs planned steps on the executor: launched one ahead where it pipelines, so that the device
 * computes while the host plans and publishes; else one by one. When a forward pass fails, finds
 * the request that is to blame.
 */
final class StepPipeline {
    private static final System.Logger LOG = System.getLogger(StepPipeline.class.getName());

    /** Failed forward passes, of a request alone, after which it is given up. */
    private static final int MAX_STRIKES = 2;

    /** Steps awaited one by one after a failure that has to be traced to a request. */
    private static final int SINGLE_FILE_STEPS = 64;

    /** Takes what steps bring. */
    interface Outcomes {
        /** A request's part of a step is computed; {@code sampled} is that of the whole step. */
        void advance(LaunchedStep.Part part, SampledToken[] sampled);

        /** The tokens that may follow by a request's grammar; null when it has failed over it. */
        long[] mask(Request request);

        /** A request's forward pass fails even alone. */
        void poisoned(Request request);
    }

    private final ModelExecutor executor;
    private final BatchBuilder batches;
    private final Scheduler scheduler;
    private final KvCacheManager kvCache;
    private final Outcomes outcomes;

    /** The step under way while the next one is planned; null when there is none. */
    private LaunchedStep inFlight;

    /** Steps to go, after a failure, in which each is awaited before the next is planned. */
    private int singleFile;

    StepPipeline(
            ModelExecutor executor,
            BatchBuilder batches,
            Scheduler scheduler,
            KvCacheManager kvCache,
            Outcomes outcomes) {
        this.executor = executor;
        this.batches = batches;
        this.scheduler = scheduler;
        this.kvCache = kvCache;
        this.outcomes = outcomes;
    }

    /** The step under way, whose tokens are not known; or null. */
    LaunchedStep inFlight() {
        return inFlight;
    }

    /**
     * Makes ready for planning the next step: where it must not overlap with the step under way,
     * that one is awaited.
     *
     * @return tokens sampled
     */
    int makeReady() {
        if (overlaps()) {
            return 0;
        }
        singleFile = Math.max(0, singleFile - 1);
        return settle();
    }

    /**
     * Runs a step; or launches it and awaits the one before.
     *
     * @return tokens sampled
     */
    int run(SchedulerOutput plan) {
        return overlaps() ? launch(plan.scheduled()) : compute(plan.scheduled());
    }

    /** Whether the next step may be launched before the tokens of the last one are known. */
    private boolean overlaps() {
        return executor.pipelined() && singleFile == 0 && (inFlight == null || !readsHistory());
    }

    private boolean readsHistory() {
        return inFlight.parts().stream().anyMatch(part -> part.request().readsHistory());
    }

    private int launch(List<Scheduled> parts) {
        LaunchedStep next = null;
        try {
            if (!parts.isEmpty()) {
                next = LaunchedStep.of(parts, start(parts));
            }
        } catch (Throwable failure) {
            EngineLoop.rethrowFatal(failure);
            LOG.log(WARNING, "a forward pass failed to start; it is run again", failure);
            return settle() + compute(intact(running(parts)));
        }
        var last = inFlight;
        inFlight = next;
        return await(last);
    }

    /** Begins a pass and, while it runs, asks grammars which tokens they allow. */
    private PendingTokens start(List<Scheduled> parts) {
        var batch = batches.build(parts);
        return executor.execute(batch).sample(masks(parts, batch.rows().length));
    }

    /** By row of logits; null when no answer has a grammar. */
    private long[][] masks(List<Scheduled> parts, int rows) {
        long[][] masks = null;
        int row = 0;
        for (var part : parts) {
            row += BatchBuilder.numScoredRows(part);
            if (BatchBuilder.samples(part)) {
                if (part.request().matcher() != null) {
                    masks = masks == null ? new long[rows][] : masks;
                    masks[row] = outcomes.mask(part.request());
                }
                row++;
            }
        }
        return masks;
    }

    private static List<Scheduled> running(List<Scheduled> parts) {
        return parts.stream()
                .filter(part -> part.request().status() == RequestStatus.RUNNING)
                .toList();
    }

    /** Awaits the step under way, if there is one. */
    private int settle() {
        var last = inFlight;
        inFlight = null;
        return await(last);
    }

    private int await(LaunchedStep step) {
        if (step == null) {
            return 0;
        }
        SampledToken[] sampled;
        try {
            sampled = step.tokens().await();
        } catch (Throwable failure) {
            EngineLoop.rethrowFatal(failure);
            if (inFlight != null) {
                startOver(step, failure);
                return 0;
            }
            step.undo();
            LOG.log(WARNING, "a forward pass failed; it is run again", failure);
            return compute(intact(running(step.scheduled())));
        }
        return commit(step, sampled);
    }

    /**
     * A pass failed that the one under way was built on. All that runs starts again, for a while
     * step by step, so that the next failure can be traced to its request.
     */
    private void startOver(LaunchedStep failed, Throwable failure) {
        LOG.log(WARNING, "a forward pass failed; what runs starts again", failure);
        inFlight.undo();
        inFlight = null;
        failed.undo();
        List.copyOf(scheduler.running()).forEach(scheduler::preempt);
        singleFile = SINGLE_FILE_STEPS;
    }

    /**
     * Runs part of a step and awaits it. A forward pass that throws is tried again in halves until
     * the request that makes it throw is alone; that one fails, and the others get the tokens they
     * would have got.
     */
    private int compute(List<Scheduled> parts) {
        if (parts.isEmpty()) {
            return 0;
        }
        SampledToken[] sampled;
        try {
            sampled = start(parts).await();
        } catch (Throwable failure) {
            EngineLoop.rethrowFatal(failure);
            return recover(parts, failure);
        }
        return commit(LaunchedStep.of(parts, () -> sampled), sampled);
    }

    private int recover(List<Scheduled> parts, Throwable failure) {
        if (parts.size() == 1) {
            return strike(parts, failure);
        }
        int half = parts.size() / 2;
        int generated = compute(parts.subList(0, half));
        return generated + compute(intact(parts.subList(half, parts.size())));
    }

    private int strike(List<Scheduled> alone, Throwable failure) {
        var request = alone.getFirst().request();
        int strikes = request.strike();
        LOG.log(
                WARNING,
                "forward pass of request " + request + " failed, strike " + strikes,
                failure);
        if (strikes < MAX_STRIKES) {
            return compute(alone);
        }
        outcomes.poisoned(request);
        return 0;
    }

    /** Those that do not build on blocks which were never computed; the others start again. */
    private List<Scheduled> intact(List<Scheduled> parts) {
        var intact = new ArrayList<Scheduled>();
        for (var part : parts) {
            if (kvCache.holdsWithdrawn(part.request().sequence())) {
                scheduler.preempt(part.request());
            } else {
                intact.add(part);
            }
        }
        return intact;
    }

    private int commit(LaunchedStep step, SampledToken[] sampled) {
        int generated = 0;
        for (var part : step.parts()) {
            outcomes.advance(part, sampled);
            generated += part.samples() ? 1 : 0;
        }
        return generated;
    }
}
