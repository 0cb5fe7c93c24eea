package io.chasqui.engine;

import io.chasqui.executor.HashExecutor;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/** One request of a simulation: its reader, the fault planted in it, and what it was given. */
final class SimulatedClient {
    /** What goes wrong for this request alone. */
    enum Fault {
        NONE,
        /** Each forward pass with it throws, from some token on. */
        THROWS_ALWAYS,
        /** One forward pass with it throws. */
        THROWS_ONCE,
        /** The row of one of its tokens is not finite. */
        NOT_FINITE,
        /** One of its tokens has no text: decoding it throws. */
        NO_TEXT,
        /** A token of its prompt cannot be hashed. */
        NO_HASH,
        /** The scope of its key cannot be made. */
        NO_SALT,
        /** Its grammar throws when asked which tokens may follow, after some of them. */
        NO_MASK,
        /** Its grammar throws when it is to take a token. */
        NO_ADVANCE,
        /** Its reader throws when signalled. */
        BAD_READER;

        boolean isOfGrammar() {
            return this == NO_MASK || this == NO_ADVANCE;
        }
    }

    final int number;
    final GenerationRequest request;
    final Fault fault;

    /**
     * Tokens of a choice from which on the fault acts, counted with the prompt; and that choice.
     */
    private final int faultAt;

    private final int faultyChoice;

    final OutputBuffer buffer;
    final ReferenceAnswer[] expected;
    final List<List<RequestOutput>> outputs = new ArrayList<>();
    RequestGroup group;

    boolean aborted;
    boolean drained;
    boolean faultDone;

    /** Whether there may be something to read, as far as the reader was told. */
    private boolean told;

    /**
     * Per choice: whether the fault has acted, failed forward passes alone, calls of onFinished.
     */
    final boolean[] hit;

    final int[] strikes;
    final EngineListener.RequestStats[] ends;

    /** The reader polls when this step has come. */
    long readsAt;

    private final int[] numTokens;
    private final StringBuilder[] text;
    private final int[] cachedAtStart;

    /** Per choice: how far it was computed, and the hash of those tokens. */
    private final int[] prefixLength;

    /** The tokens that the last pass computed: from, to. */
    private final int[] lastStart;

    private final int[] lastEnd;

    private final long[] prefix;

    SimulatedClient(
            int number,
            GenerationRequest request,
            Fault fault,
            int faultAt,
            int faultyChoice,
            int bufferLimit,
            ReferenceAnswer[] expected) {
        this.number = number;
        this.request = request;
        this.fault = fault;
        this.faultAt = faultAt;
        this.faultyChoice = faultyChoice;
        this.expected = expected;
        int n = request.params().n();
        buffer = new OutputBuffer(this::signalled, bufferLimit);
        hit = new boolean[n];
        strikes = new int[n];
        ends = new EngineListener.RequestStats[n];
        numTokens = new int[n];
        text = new StringBuilder[n];
        cachedAtStart = new int[n];
        prefixLength = new int[n];
        lastStart = new int[n];
        lastEnd = new int[n];
        prefix = new long[n];
        for (int i = 0; i < n; i++) {
            outputs.add(new ArrayList<>());
            text[i] = new StringBuilder();
            cachedAtStart[i] = -1;
        }
    }

    private void signalled() {
        told = true;
        if (fault == Fault.BAD_READER) {
            if (number % 2 == 0) {
                throw new IllegalStateException("injected: reader");
            }
            throw new StackOverflowError("injected: reader");
        }
    }

    /** Whether the fault acts on a choice of this length. */
    boolean actsOn(int choice, int length) {
        return choice == faultyChoice && length >= faultAt;
    }

    /** Remembers how much of the prompt was found in the cache at the first start. */
    void started(Request choice) {
        if (cachedAtStart[choice.choice()] < 0) {
            cachedAtStart[choice.choice()] = choice.numCachedTokens();
        }
    }

    /** Adds the full blocks of a choice up to {@code end} to those its scope knows. */
    void addPrefixes(Request request, int end, int blockSize, Set<Long> scope) {
        int choice = request.choice();
        if (prefixLength[choice] > request.numComputedTokens()) {
            prefixLength[choice] = 0;
            prefix[choice] = 0;
        }
        // The token sampled last may be known only now, though the last pass has computed it.
        int computed = request.numComputedTokens();
        int own = computed == lastEnd[choice] ? lastStart[choice] : computed;
        lastStart[choice] = computed;
        lastEnd[choice] = end;
        int known = Math.min(end, request.sequence().numKnownTokens());
        for (int i = prefixLength[choice]; i < known; i++) {
            prefix[choice] =
                    HashExecutor.slotHash(prefix[choice], request.sequence().tokens()[i], i);
            if ((i + 1) % blockSize == 0) {
                boolean isNew = scope.add(prefix[choice]);
                require(!isNew || i >= own, choice, "a prefix from another scope");
            }
        }
        prefixLength[choice] = known;
    }

    boolean hasEnded() {
        for (var choice : outputs) {
            if (choice.isEmpty() || !choice.getLast().last()) {
                return false;
            }
        }
        return true;
    }

    /** Reads all outputs that were announced. */
    void read() {
        if (!told) {
            return;
        }
        told = false;
        for (var output = buffer.poll(); output != null; output = buffer.poll()) {
            check(output);
        }
    }

    /** Reads some outputs. */
    void readSome(SplittableRandom random) {
        for (int i = random.nextInt(3); told && i > 0; i--) {
            var output = buffer.poll();
            if (output != null) {
                check(output);
            }
        }
    }

    private void check(RequestOutput output) {
        int choice = output.choice();
        var mine = outputs.get(choice);
        require(mine.isEmpty() || !mine.getLast().last(), choice, "output after the end");
        mine.add(output);
        for (var token : output.tokens()) {
            int i = numTokens[choice]++;
            require(
                    mayFollow(token.token(), i),
                    choice,
                    "token " + i + " in spite of a broken grammar");
            var want = expected[choice].tokens();
            require(
                    i < want.size() && want.get(i) == token.token(),
                    choice,
                    "token " + i + " is " + token.token() + " and alone is " + want);
            require(
                    token.logprob() == expected[choice].logprobs().get(i),
                    choice,
                    "logprob of token " + i + " is " + token.logprob());
        }
        text[choice].append(output.text());
        require(
                expected[choice].text().startsWith(text[choice].toString()),
                choice,
                "text '" + text[choice] + "' and alone '" + expected[choice].text() + "'");
        if (output.promptTokens() != null) {
            require(mine.size() == 1 && choice == 0, choice, "prompt logprobs come first and once");
            var got = output.promptTokens().stream().map(TokenOutput::logprob).toList();
            require(
                    got.equals(expected[choice].promptLogprobs()),
                    choice,
                    "prompt logprobs " + got + " and alone " + expected[choice].promptLogprobs());
            for (int i = 0; i < got.size(); i++) {
                require(
                        output.promptTokens().get(i).token() == request.promptTokens()[i],
                        choice,
                        "prompt token " + i);
            }
        }
        if (output.finish() != null) {
            checkFinish(choice, output);
        } else {
            require(output.usage() == null, choice, "usage before the end");
        }
    }

    /** A grammar may be broken from some token on; to end, it need not take another. */
    private boolean mayFollow(int token, int index) {
        return !fault.isOfGrammar()
                || index < SimulatedWorkload.brokenAt(number)
                || fault == Fault.NO_ADVANCE && token == EngineBed.EOS;
    }

    private void checkFinish(int choice, RequestOutput last) {
        var want = expected[choice];
        require(last.error() == null, choice, "both finish and error");
        require(numTokens[choice] == want.tokens().size(), choice, "tokens are missing");
        require(
                text[choice].toString().equals(want.text()),
                choice,
                "text '" + text[choice] + "' and alone '" + want.text() + "'");
        require(last.finish() == want.finish(), choice, "finish " + last.finish());
        require(
                java.util.Objects.equals(last.stopReason(), want.stopReason()),
                choice,
                "stop reason " + last.stopReason() + " for " + want.stopReason());
        require(
                last.usage()
                        .equals(
                                new RequestOutput.Usage(
                                        request.promptTokens().length,
                                        cachedAtStart[choice],
                                        numTokens[choice])),
                choice,
                "usage " + last.usage() + ", cached " + cachedAtStart[choice]);
        require(
                want.promptLogprobs().isEmpty()
                        || outputs.get(choice).getFirst().promptTokens() != null,
                choice,
                "no prompt logprobs");
    }

    void require(boolean holds, int choice, String problem) {
        if (!holds) {
            throw new SimulationFailure(request.id() + "/" + choice + ": " + problem);
        }
    }

    @Override
    public String toString() {
        return request.id() + " with " + fault + " at " + faultAt;
    }
}
