package io.chasqui.engine;

import io.chasqui.backend.SamplerParams;
import io.chasqui.engine.SimulatedClient.Fault;
import io.chasqui.grammar.BrokenGrammars;
import io.chasqui.grammar.Grammar;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/** The requests of a {@link Simulation}: prompts that begin alike, limits, faults. */
final class SimulatedWorkload {
    static final int CURSED_PROMPT_TOKEN = 199;
    static final String CURSED_KEY = "cursed";

    private static final int MOST_BEFORE_BREAK = 7;

    private final SplittableRandom random;
    private final SimulationConfig config;

    /** Prompts and whole answers that new prompts may begin with. */
    private final List<int[]> prefixes = new ArrayList<>();

    /** Prompt of the last request with a fault, if that was the last request. */
    private int[] twin;

    private int submitted;

    SimulatedWorkload(SplittableRandom random, SimulationConfig config) {
        this.random = random;
        this.config = config;
    }

    /** Tokens that a request with a fault in its grammar gets before. */
    static int brokenAt(int number) {
        return number % MOST_BEFORE_BREAK;
    }

    /** Requests made so far. */
    int submitted() {
        return submitted;
    }

    /** Whether the last request had a fault, so that one with the same prompt may follow. */
    boolean wantsTwin() {
        return twin != null;
    }

    GenerationRequest newRequest() {
        var prompt = newPrompt();
        int room = config.maxLength() - prompt.length;
        int maxTokens = random.nextInt(8) == 0 ? 0 : random.nextInt(Math.min(room, 80) + 1);
        boolean scores = random.nextDouble() < config.scoring();
        var alphabet = config.alphabet();
        var stop = new ArrayList<String>();
        for (int i = random.nextInt(3); i > 0 && random.nextBoolean(); i--) {
            stop.add(newStop());
        }
        var stopIds = new HashSet<Integer>();
        if (random.nextInt(4) == 0) {
            stopIds.add(alphabet[1 + random.nextInt(alphabet.length - 1)]);
        }
        boolean hasGrammar = random.nextDouble() < config.grammars();
        int minTokens = random.nextInt(3) == 0 ? random.nextInt(maxTokens + 1) : 0;
        // Where a grammar leaves no token but those that min_tokens bans, none can be sampled.
        minTokens = hasGrammar && !stopIds.isEmpty() ? 0 : minTokens;
        var params =
                new SamplingParams(
                        random.nextInt(3) == 0 ? 1 + random.nextInt(config.maxChoices()) : 1,
                        maxTokens,
                        minTokens,
                        List.copyOf(stop),
                        Set.copyOf(stopIds),
                        random.nextInt(3) != 0,
                        random.nextInt(4) == 0,
                        random.nextInt(3),
                        random.nextInt(2) - 1,
                        scores ? 0 : -1,
                        newSampler(),
                        hasGrammar ? SimulatedGrammars.any(random) : null);
        boolean hurries = random.nextDouble() < config.timeouts();
        return new GenerationRequest(
                "r" + submitted++,
                prompt,
                params,
                random.nextInt(config.priorities()),
                config.keys() == 1 ? "" : "key" + random.nextInt(config.keys()),
                random.nextInt(6) == 0 ? "salt" : "",
                hurries && random.nextBoolean() ? Duration.ofNanos(newDelay()) : null,
                hurries ? Duration.ofNanos(newDelay()) : Duration.ofHours(100));
    }

    private SamplerParams newSampler() {
        boolean penalised = random.nextDouble() < config.penalties();
        return penalised
                ? new SamplerParams(0, 1, 0, 0, 1.1f, 0, 0, new int[0], new float[0])
                : SamplerParams.GREEDY;
    }

    private long newDelay() {
        return 1L << (10 + random.nextInt(22));
    }

    private String newStop() {
        var text = new StringBuilder();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            int token = config.alphabet()[random.nextInt(config.alphabet().length)];
            text.append(token < 128 ? (char) token : random.nextBoolean() ? 'é' : '\uFFFD');
        }
        return text.toString();
    }

    /** Begins like an earlier prompt or answer, as often as not. */
    private int[] newPrompt() {
        if (twin != null && random.nextInt(4) != 0) {
            return twin;
        }
        int longest = Math.max(1, config.maxLength() - 1);
        int length = 1 + random.nextInt(random.nextInt(3) == 0 ? longest : Math.min(longest, 20));
        var prompt = new int[length];
        int shared = 0;
        if (!prefixes.isEmpty() && random.nextInt(4) != 0) {
            var parent = prefixes.get(random.nextInt(prefixes.size()));
            shared = Math.min(length, random.nextInt(parent.length + 1));
            System.arraycopy(parent, 0, prompt, 0, shared);
        }
        for (int i = shared; i < length; i++) {
            prompt[i] = config.promptAlphabet()[random.nextInt(config.promptAlphabet().length)];
        }
        return prompt;
    }

    void remember(int[] prompt, List<Integer> answer) {
        var all = Arrays.copyOf(prompt, prompt.length + answer.size());
        for (int i = 0; i < answer.size(); i++) {
            all[prompt.length + i] = answer.get(i);
        }
        if (prefixes.size() < 30) {
            prefixes.add(all);
        } else {
            prefixes.set(random.nextInt(30), all);
        }
    }

    Fault newFault(GenerationRequest request) {
        return random.nextDouble() < config.faults()
                ? Fault.values()[random.nextInt(Fault.values().length)]
                : Fault.NONE;
    }

    GenerationRequest curse(GenerationRequest r, Fault fault) {
        twin = fault == Fault.NONE ? null : r.promptTokens().clone();
        if (fault == Fault.NO_HASH) {
            int last = r.promptTokens().length - 1;
            r.promptTokens()[last - random.nextInt(1 + last / 2)] = CURSED_PROMPT_TOKEN;
        }
        return switch (fault) {
            case NO_SALT ->
                    new GenerationRequest(
                            r.id(),
                            r.promptTokens(),
                            r.params(),
                            r.priority(),
                            CURSED_KEY,
                            r.cacheSalt(),
                            r.timeout(),
                            r.queueTimeout());
            case NO_MASK -> withGrammar(r, BrokenGrammars.inMask(brokenAt(submitted)));
            case NO_ADVANCE -> withGrammar(r, BrokenGrammars.inAdvance(brokenAt(submitted)));
            default -> r;
        };
    }

    /** What a request would be without a fault in its grammar. */
    static GenerationRequest mended(GenerationRequest r, Fault fault) {
        return fault.isOfGrammar() ? withGrammar(r, BrokenGrammars.whole()) : r;
    }

    private static GenerationRequest withGrammar(GenerationRequest r, Grammar grammar) {
        var p = r.params();
        return new GenerationRequest(
                r.id(),
                r.promptTokens(),
                new SamplingParams(
                        p.n(),
                        p.maxTokens(),
                        0,
                        p.stop(),
                        p.stopTokenIds(),
                        p.ignoreEos(),
                        p.includeStopText(),
                        p.seed(),
                        p.numLogprobs(),
                        p.numPromptLogprobs(),
                        p.sampler(),
                        grammar),
                r.priority(),
                r.key(),
                r.cacheSalt(),
                r.timeout(),
                r.queueTimeout());
    }
}
