package io.chasqui.engine;

import java.util.List;
import java.util.Map;

/**
 * What {@link Scheduler#schedule} decided.
 *
 * @param scheduled requests of this step, each with its number of tokens
 * @param preempted requests that lost their blocks
 * @param admitted requests that came from waiting
 * @param failed requests that could not be scheduled because of an error, with its cause
 * @param numTokens tokens in all
 */
record SchedulerOutput(
        List<Scheduled> scheduled,
        List<Request> preempted,
        List<Request> admitted,
        Map<Request, Throwable> failed,
        int numTokens) {

    /**
     * One request's part of a step.
     *
     * @param numScheduledTokens tokens to compute, from {@code request.numComputedTokens()} on
     */
    record Scheduled(Request request, int numScheduledTokens) {
        /**
         * Whether the request has caught up after this step, so that its next token can be sampled.
         */
        boolean catchesUp() {
            return request.numPendingTokens() == numScheduledTokens;
        }
    }
}
