package io.chasqui.engine;

import io.chasqui.config.EngineConfig;
import java.time.Duration;
import java.util.SplittableRandom;

/**
 * What one seed tries: each option is chosen at random, so that seeds differ in kind and not only
 * in detail ("swarm testing").
 *
 * @param engine limits
 * @param hashBits bits kept of a block's hash
 * @param alphabet tokens that can be sampled; the first is no stop token
 * @param promptAlphabet tokens that prompts are made of
 * @param maxLength most tokens of a sequence
 * @param maxChoices most choices of a request
 * @param keys API keys in use
 * @param maxLive requests at once that new ones stop coming at
 * @param arrivalRate chance of new requests in a step
 * @param burst most new requests in a step
 * @param bufferLimit outputs a reader may lag behind
 * @param slowReaders share of the readers that lag
 * @param cancels chance, for each request and step, that its client leaves
 * @param faults share of the requests with an injected fault
 * @param batchFaults chance that a forward pass throws, whatever it runs
 * @param listenerFaults chance that a call of the listener throws
 * @param timeouts share of the requests with a deadline or a short queue timeout
 * @param abortAll chance, in each step, that everything is aborted
 * @param scoring share of the requests that want logprobs of their prompt
 * @param priorities number of different priorities
 * @param pipelined whether a step is launched before the tokens of the last one are known
 * @param penalties share of the requests whose sampling reads their tokens so far
 * @param grammars share of the requests whose answer follows a grammar
 */
record SimulationConfig(
        EngineConfig engine,
        int hashBits,
        int[] alphabet,
        int[] promptAlphabet,
        int maxLength,
        int maxChoices,
        int keys,
        int maxLive,
        double arrivalRate,
        int burst,
        int bufferLimit,
        double slowReaders,
        double cancels,
        double faults,
        double batchFaults,
        double listenerFaults,
        double timeouts,
        double abortAll,
        double scoring,
        int priorities,
        boolean pipelined,
        double penalties,
        double grammars) {

    private static final int[][] ALPHABETS = {
        {'a', 'b'},
        {'a', 'b', 'c', 256},
        {'a', 'b', 0xC3, 0xA9, 256},
        {'x', 0xF0, 0x9F, 0x98, 0x80, 0xE2, 0x82, 0xAC, 'y', 256},
        {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 256},
    };

    static SimulationConfig of(SplittableRandom random) {
        int blockSize = pick(random, 1, 2, 3, 4, 4, 8, 16, 32);
        int numBlocks = (int) logUniform(random, 4, random.nextInt(5) == 0 ? 4096 : 200);
        int maxLength = Math.min(numBlocks * blockSize, pick(random, 24, 64, 200));
        var engine =
                new EngineConfig(
                        maxLength,
                        (int) logUniform(random, 1, 40),
                        (int) logUniform(random, 1, 300),
                        numBlocks,
                        blockSize,
                        pick(random, 8, 60, 1000),
                        pick(random, 200, 1_000_000),
                        Duration.ofSeconds(30),
                        random.nextInt(6) != 0,
                        random.nextBoolean(),
                        random.nextInt(5),
                        Duration.ofMillis(pick(random, 5, 100, 500)));
        return new SimulationConfig(
                engine.fittedToPool(),
                random.nextInt(5) < 2 ? 1 + random.nextInt(8) : 128,
                ALPHABETS[random.nextInt(ALPHABETS.length)],
                random.nextInt(3) == 0 ? new int[] {1, 2} : random.ints(40, 0, 199).toArray(),
                maxLength,
                random.nextInt(3) == 0 ? 8 : 1 + random.nextInt(2),
                pick(random, 1, 1, 3),
                (int) logUniform(random, 2, 60),
                pick(random, 5, 20, 60, 100) / 100.0,
                pick(random, 1, 3, 20),
                pick(random, 2, 6, 20, OutputBuffer.LIMIT),
                some(random, 0.5),
                some(random, 0.05),
                some(random, 0.5),
                some(random, 0.1),
                some(random, 0.2),
                some(random, 0.5),
                random.nextInt(4) == 0 ? 0.002 : 0,
                some(random, 0.4),
                pick(random, 1, 1, 3),
                random.nextBoolean(),
                some(random, 0.2),
                some(random, 0.6));
    }

    private static double some(SplittableRandom random, double most) {
        return random.nextInt(3) == 0 ? 0 : random.nextDouble() * most;
    }

    private static int pick(SplittableRandom random, int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private static double logUniform(SplittableRandom random, double from, double to) {
        return Math.exp(Math.log(from) + random.nextDouble() * (Math.log(to + 1) - Math.log(from)));
    }
}
