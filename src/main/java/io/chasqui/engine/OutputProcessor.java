package io.chasqui.engine;

import io.chasqui.backend.SampledToken;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.tokenizer.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Turns the tokens of one choice into text that is certain, and decides when the choice ends. Text
 * is held back while it ends in part of a character or in what may become a stop string; a token's
 * entry goes out together with the last of its text.
 */
final class OutputProcessor {
    private final SamplingParams params;
    private final Tokenizer tokenizer;
    private final Set<Integer> endTokens;
    private final IncrementalDetokenizer detokenizer;
    private final StopStrings stops;

    /** Text not given out yet. */
    private final StringBuilder held = new StringBuilder();

    /** Characters given out, and characters known. */
    private int emitted;

    private int known;

    /** Tokens not given out yet; {@code end} is where in the text they end, -1 while unknown. */
    private final Deque<Pending> pending = new ArrayDeque<>();

    private List<TokenOutput> promptTokens;
    private FinishReason finish;
    private Object stopReason;

    private static final class Pending {
        final TokenOutput token;
        int end = -1;

        Pending(TokenOutput token) {
            this.token = token;
        }
    }

    OutputProcessor(SamplingParams params, Tokenizer tokenizer, Set<Integer> endTokens) {
        this.params = params;
        this.tokenizer = tokenizer;
        this.endTokens = endTokens;
        detokenizer = new IncrementalDetokenizer(tokenizer);
        stops = params.stop().isEmpty() ? null : new StopStrings(params.stop());
    }

    /** Begins the list of a prompt's logprobs: nothing predicts its first token. */
    void beginPrompt(int firstToken) {
        promptTokens = new ArrayList<>();
        promptTokens.add(new TokenOutput(firstToken, Float.NaN, new int[0], new float[0]));
    }

    /** Keeps the logprob of one prompt token. */
    void scored(SampledToken token) {
        promptTokens.add(output(token));
    }

    /** How the choice has ended, or null while it goes on. */
    FinishReason finish() {
        return finish;
    }

    /**
     * Takes the next token.
     *
     * @param numOutputTokens tokens of this choice, this one included
     * @param full whether there is no room for another
     * @param complete whether the grammar lets nothing follow
     */
    void append(SampledToken sampled, int numOutputTokens, boolean full, boolean complete) {
        int token = sampled.token();
        var entry = new Pending(output(sampled));
        pending.add(entry);
        boolean mayStop = numOutputTokens > params.minTokens();
        if (mayStop && endsAnswer(token)) {
            end(FinishReason.STOP, endTokens.contains(token) && !params.ignoreEos() ? null : token);
            return;
        }
        addText(text(token), mayStop);
        if (finish == null && complete) {
            end(FinishReason.STOP, null);
        }
        if (finish == null && (full || numOutputTokens >= params.maxTokens())) {
            end(FinishReason.LENGTH, null);
        }
    }

    /** A control token is no text, unless the grammar has it in answers. */
    private String text(int token) {
        boolean marker = params.grammar() != null && params.grammar().isMarker(token);
        return marker ? detokenizer.flush() + GrammarVocabulary.MARKER : detokenizer.append(token);
    }

    /** Tokens that end the answer, unless it is too early for that. */
    int[] endingTokens() {
        var ending = new TreeSet<>(params.stopTokenIds());
        if (!params.ignoreEos()) {
            ending.addAll(endTokens);
        }
        return ending.stream().mapToInt(Integer::intValue).toArray();
    }

    private boolean endsAnswer(int token) {
        return endTokens.contains(token) && !params.ignoreEos()
                || params.stopTokenIds().contains(token);
    }

    /** Ends the choice without another token. */
    void endAtLength() {
        end(FinishReason.LENGTH, null);
    }

    private void end(FinishReason reason, Object stop) {
        addText(detokenizer.flush(), false);
        if (stop instanceof Integer token
                && params.includeStopText()
                && !tokenizer.isSpecial(token)) {
            addText(tokenizer.decode(new int[] {token}), false);
        }
        finish = reason;
        stopReason = stop;
    }

    private void addText(String text, boolean mayStop) {
        for (int i = 0; i < text.length() && finish == null; i++) {
            char c = text.charAt(i);
            held.append(c);
            known++;
            var stop = stops == null ? null : stops.next(c);
            if (stop != null && mayStop) {
                cutAt(stop);
            }
        }
        if (!text.isEmpty()) {
            place();
        }
    }

    /** The text known now ends with a stop string. */
    private void cutAt(String stop) {
        if (!params.includeStopText()) {
            held.setLength(Math.max(0, held.length() - stop.length()));
        }
        finish = FinishReason.STOP;
        stopReason = stop;
    }

    /**
     * All tokens so far end where the text known now ends, but for the last one if the text of it
     * is not known to its end.
     */
    private void place() {
        var tokens = pending.descendingIterator();
        if (detokenizer.holdsBack()) {
            tokens.next();
        }
        while (tokens.hasNext()) {
            var entry = tokens.next();
            if (entry.end >= 0) {
                return;
            }
            entry.end = known;
        }
    }

    /** What has become certain since the last call, or null when there is nothing to say. */
    RequestOutput take(int choice, RequestOutput.Usage usage) {
        int ready = finish != null || stops == null ? held.length() : held.length() - stops.held();
        var text = held.substring(0, ready);
        held.delete(0, ready);
        emitted += ready;
        var tokens = new ArrayList<TokenOutput>();
        while (!pending.isEmpty() && (finish != null || isOut(pending.peek()))) {
            tokens.add(pending.poll().token);
        }
        if (text.isEmpty() && tokens.isEmpty() && finish == null) {
            return null;
        }
        var prompt = promptTokens;
        promptTokens = null;
        return new RequestOutput(
                choice,
                text,
                tokens,
                prompt,
                finish,
                stopReason,
                null,
                finish == null ? null : usage);
    }

    private boolean isOut(Pending entry) {
        return entry.end >= 0 && entry.end <= emitted;
    }

    private static TokenOutput output(SampledToken token) {
        return new TokenOutput(
                token.token(), token.logprob(), token.topTokens(), token.topLogprobs());
    }
}
