package io.chasqui.engine;

import io.chasqui.backend.PendingTokens;
import io.chasqui.engine.SchedulerOutput.Scheduled;
import java.util.ArrayList;
import java.util.List;

/**
 * A step that the executor has. Its requests count as computed so far from now on, and as having
 * the tokens it samples, although these are not known yet: so the next step can be planned while
 * this one runs.
 *
 * @param numTokens tokens it computes
 */
record LaunchedStep(
        List<Scheduled> scheduled, List<Part> parts, int numTokens, PendingTokens tokens) {

    /**
     * What one request gets of a step.
     *
     * @param numTokens tokens computed
     * @param end tokens of the request computed when the step is done
     * @param row its first row of logits
     * @param numScored rows that score prompt tokens
     * @param samples whether a row follows that samples a token
     * @param caughtUp whether all its tokens are computed
     */
    record Part(
            Request request,
            int numTokens,
            int end,
            int row,
            int numScored,
            boolean samples,
            boolean caughtUp) {

        private static Part of(Scheduled scheduled, int row) {
            var request = scheduled.request();
            int n = scheduled.numScheduledTokens();
            return new Part(
                    request,
                    n,
                    request.numComputedTokens() + n,
                    row,
                    BatchBuilder.numScoredRows(scheduled),
                    BatchBuilder.samples(scheduled),
                    scheduled.catchesUp());
        }

        private int numRows() {
            return numScored + (samples ? 1 : 0);
        }
    }

    /** Notes that the executor has these parts. */
    static LaunchedStep of(List<Scheduled> scheduled, PendingTokens tokens) {
        var parts = new ArrayList<Part>(scheduled.size());
        int row = 0;
        int numTokens = 0;
        for (var one : scheduled) {
            var part = Part.of(one, row);
            parts.add(part);
            row += part.numRows();
            numTokens += part.numTokens();
        }
        for (var part : parts) {
            part.request().launched(part);
        }
        return new LaunchedStep(scheduled, parts, numTokens, tokens);
    }

    /** Takes all of that back: the step came to nothing. */
    void undo() {
        for (var part : parts) {
            part.request().notLaunched(part);
        }
    }
}
