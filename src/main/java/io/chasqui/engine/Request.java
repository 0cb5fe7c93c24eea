package io.chasqui.engine;

import io.chasqui.grammar.GrammarMatcher;
import io.chasqui.kvcache.KvSequence;
import java.util.stream.LongStream;

/**
 * One sequence being generated: one choice of a {@link GenerationRequest}. Written by the engine's
 * thread alone.
 */
final class Request {
    private static final int[] NO_TOKENS = {};

    private final RequestGroup group;
    private final int choice;
    private final KvSequence sequence;
    private final OutputProcessor output;
    private final GrammarMatcher matcher;
    private final RequestTimes times = new RequestTimes();
    private final int promptLength;
    private final int maxOutputTokens;

    private RequestStatus status = RequestStatus.WAITING;
    private int numComputedTokens;
    private int numCachedTokens;
    private int numScoredTokens = 1;
    private int numPreemptions;
    private int numStrikes;

    /**
     * @param maxModelLen most tokens, prompt and output
     */
    Request(
            RequestGroup group,
            int choice,
            KvSequence sequence,
            OutputProcessor output,
            int maxModelLen) {
        this.group = group;
        this.choice = choice;
        this.sequence = sequence;
        this.output = output;
        var grammar = params().grammar();
        this.matcher = grammar == null ? null : grammar.matcher();
        this.promptLength = sequence.numTokens();
        this.maxOutputTokens = Math.min(params().maxTokens(), maxModelLen - promptLength);
    }

    RequestGroup group() {
        return group;
    }

    int choice() {
        return choice;
    }

    KvSequence sequence() {
        return sequence;
    }

    OutputProcessor output() {
        return output;
    }

    RequestTimes times() {
        return times;
    }

    RequestOutput.Usage usage() {
        return new RequestOutput.Usage(promptLength, numCachedTokens, numKnownOutputTokens());
    }

    SamplingParams params() {
        return group.request().params();
    }

    int promptLength() {
        return promptLength;
    }

    /** Prompt and output tokens so far, those included that are being sampled. */
    int numTokens() {
        return sequence.numTokens();
    }

    int numOutputTokens() {
        return numTokens() - promptLength;
    }

    int numKnownOutputTokens() {
        return sequence.numKnownTokens() - promptLength;
    }

    /** Whether it will be complete with tokens that are being sampled. */
    boolean awaitsItsEnd() {
        return sequence.numKnownTokens() < numTokens() && numOutputTokens() >= maxOutputTokens;
    }

    /** Whether its next token can only be sampled when the last one is known here. */
    boolean readsHistory() {
        return matcher != null || params().sampler().readsHistory();
    }

    /** Where the answer stands in its grammar; null when it is free. */
    GrammarMatcher matcher() {
        return matcher;
    }

    /** The first min_tokens tokens are none that would end the answer; as vLLM counts. */
    int[] bannedTokens() {
        return numOutputTokens() >= params().minTokens() ? NO_TOKENS : output.endingTokens();
    }

    /**
     * Bit set of the tokens that the grammar allows next, without those that are banned; with them
     * if there are no others, since an answer has to obey its grammar however short that makes it.
     */
    long[] allowedTokens() {
        long[] allowed = matcher.mask();
        int[] banned = bannedTokens();
        if (banned.length == 0) {
            return allowed;
        }
        long[] rest = allowed.clone();
        for (int token : banned) {
            rest[token >> 6] &= ~(1L << token);
        }
        return LongStream.of(rest).allMatch(word -> word == 0) ? allowed : rest;
    }

    /**
     * Moves on in the grammar, if there is one.
     *
     * @return whether nothing may follow
     * @throws IllegalStateException if the grammar does not allow the token
     */
    boolean accept(int token) {
        if (matcher == null) {
            return false;
        }
        if (!matcher.advance(token)) {
            throw new IllegalStateException("token " + token + " is not one that the mask allowed");
        }
        return matcher.mustEnd();
    }

    /**
     * The token that the grammar forces, which need not be sampled; -1 if there is none, or if its
     * row is wanted nevertheless: for logprobs, or because min_tokens may ban the token.
     */
    int forcedToken() {
        boolean samples =
                matcher == null
                        || output.finish() != null
                        || params().numLogprobs() >= 0
                        || numOutputTokens() < params().minTokens();
        return samples ? -1 : matcher.forcedToken();
    }

    /** Tokens whose keys and values are in the cache, or will be after the steps under way. */
    int numComputedTokens() {
        return numComputedTokens;
    }

    /** Tokens still to be computed. */
    int numPendingTokens() {
        return numTokens() - numComputedTokens;
    }

    /** Prompt tokens that the prefix cache held when the request was first scheduled. */
    int numCachedTokens() {
        return numCachedTokens;
    }

    /**
     * Whether logprobs of the prompt are wanted and not complete; the first choice alone makes
     * them.
     */
    boolean scoresPrompt() {
        return choice == 0 && params().numPromptLogprobs() >= 0 && numScoredTokens < promptLength;
    }

    /** Prompt tokens whose logprob is known; the first has none, so it counts as known. */
    int numScoredTokens() {
        return numScoredTokens;
    }

    RequestStatus status() {
        return status;
    }

    void start(int numComputed) {
        if (status == RequestStatus.WAITING) {
            numCachedTokens = Math.min(numComputed, promptLength);
        }
        status = RequestStatus.RUNNING;
        numComputedTokens = numComputed;
    }

    /** A step that advances it is under way. */
    void launched(LaunchedStep.Part part) {
        numComputedTokens += part.numTokens();
        numScoredTokens += part.numScored();
        if (part.samples()) {
            sequence.appendUnknown(-1 - part.row() - part.numScored());
        }
    }

    /** That step came to nothing, and no later one is under way. */
    void notLaunched(LaunchedStep.Part part) {
        numScoredTokens -= part.numScored();
        if (part.samples()) {
            sequence.removeUnknown();
        }
        if (status == RequestStatus.RUNNING) {
            numComputedTokens -= part.numTokens();
        }
    }

    /** Back to waiting; what was computed is lost, what was generated is not. */
    void preempt() {
        status = RequestStatus.PREEMPTED;
        numComputedTokens = 0;
        numPreemptions++;
    }

    int numPreemptions() {
        return numPreemptions;
    }

    void finish(RequestStatus end) {
        status = end;
    }

    /** Counts one failed forward pass of this request alone. */
    int strike() {
        return ++numStrikes;
    }

    /** Whether its reader lags so far behind that it should not generate now. */
    boolean isParked() {
        return group.outputs().isFull();
    }

    @Override
    public String toString() {
        return group.request().id()
                + "/"
                + choice
                + " "
                + status
                + " "
                + numComputedTokens
                + " of "
                + numTokens();
    }
}
