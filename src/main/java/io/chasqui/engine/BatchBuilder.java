package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.engine.SchedulerOutput.Scheduled;
import java.util.ArrayList;
import java.util.List;

/** Writes down a step's requests as the arrays that a forward pass reads. */
final class BatchBuilder {
    private static final int[] NO_TOKENS = {};

    private final int blockSize;

    BatchBuilder(int blockSize) {
        this.blockSize = blockSize;
    }

    /**
     * Rows of logits that a request's part of a step scores (prompt logprobs), before it samples.
     */
    static int numScoredRows(Scheduled part) {
        var request = part.request();
        if (!request.scoresPrompt()) {
            return 0;
        }
        int from = firstScored(request);
        int to =
                Math.min(
                        request.numComputedTokens() + part.numScheduledTokens(),
                        request.promptLength() - 1);
        return Math.max(0, to - from);
    }

    /** The first position whose logits score a prompt token not scored yet. */
    private static int firstScored(Request request) {
        return Math.max(request.numComputedTokens(), request.numScoredTokens() - 1);
    }

    /** Whether a request's part of a step samples a token. */
    static boolean samples(Scheduled part) {
        return part.catchesUp() && part.request().params().maxTokens() > 0;
    }

    ForwardBatch build(List<Scheduled> parts) {
        int numTokens = parts.stream().mapToInt(Scheduled::numScheduledTokens).sum();
        int n = parts.size();
        var tokens = new int[numTokens];
        var positions = new int[numTokens];
        var slots = new int[numTokens];
        var queryStart = new int[n + 1];
        var seqLens = new int[n];
        var blockTables = new int[n][];
        var rows = new ArrayList<LogitsRow>(n);
        int t = 0;
        for (int i = 0; i < n; i++) {
            var part = parts.get(i);
            var sequence = part.request().sequence();
            int from = part.request().numComputedTokens();
            int count = part.numScheduledTokens();
            blockTables[i] = sequence.blockTable();
            System.arraycopy(sequence.tokens(), from, tokens, t, count);
            for (int j = 0; j < count; j++) {
                int position = from + j;
                positions[t + j] = position;
                slots[t + j] =
                        blockTables[i][position / blockSize] * blockSize + position % blockSize;
            }
            addRows(part, t, rows);
            t += count;
            queryStart[i + 1] = t;
            seqLens[i] = from + count;
        }
        return new ForwardBatch(
                tokens,
                positions,
                slots,
                queryStart,
                seqLens,
                blockTables,
                rows.toArray(LogitsRow[]::new));
    }

    private void addRows(Scheduled part, int firstToken, List<LogitsRow> rows) {
        var request = part.request();
        int computed = request.numComputedTokens();
        int scored = numScoredRows(part);
        for (int i = 0; i < scored; i++) {
            int position = firstScored(request) + i;
            rows.add(
                    row(
                            request,
                            firstToken + position - computed,
                            request.sequence().tokens()[position + 1],
                            request.params().numPromptLogprobs()));
        }
        if (samples(part)) {
            int last = firstToken + part.numScheduledTokens() - 1;
            rows.add(row(request, last, LogitsRow.SAMPLE, request.params().numLogprobs()));
        }
    }

    /** With a grammar it is the mask that bans tokens. */
    private LogitsRow row(Request request, int tokenIndex, int target, int numLogprobs) {
        var params = request.params();
        return new LogitsRow(
                tokenIndex,
                target,
                params.sampler(),
                params.seed(),
                request.choice(),
                request.numOutputTokens(),
                request.sequence().tokens(),
                request.promptLength(),
                request.numTokens(),
                request.matcher() == null ? request.bannedTokens() : NO_TOKENS,
                numLogprobs);
    }
}
