package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Shows that {@link Simulation} would notice: each bug of the table is planted in the real sources,
 * and within {@value #SEEDS} seeds of {@value #STEPS} steps, 10^5 at most, the simulation fails.
 */
class PlantedBugsTest {
    private static final int SEEDS = 200;
    private static final int STEPS = 250;

    /**
     * @param name what is wrong
     * @param file where
     * @param snippet what the source says, found exactly once
     * @param replacement what the bug makes of it
     */
    private record Bug(String name, String file, String snippet, String replacement) {}

    private static final List<Bug> BUGS =
            List.of(
                    new Bug(
                            "blocks of an aborted request leak",
                            "engine/Scheduler.java",
                            "        kvCache.free(request.sequence());\n"
                                    + "        request.finish(end);",
                            "        if (end != RequestStatus.FINISHED_ABORTED) {\n"
                                    + "            kvCache.free(request.sequence());\n"
                                    + "        }\n"
                                    + "        request.finish(end);"),
                    new Bug(
                            "a shared block is freed twice",
                            "kvcache/KvCacheManager.java",
                            "pool.release(sequence.removeLastBlock());",
                            "var block = sequence.removeLastBlock();\n"
                                    + "            pool.release(block);\n"
                                    + "            if (block.refCount > 0) {\n"
                                    + "                pool.release(block);\n"
                                    + "            }"),
                    new Bug(
                            "all tokens are taken from the cache",
                            "kvcache/KvCacheManager.java",
                            "(sequence.numKnownTokens() - 1) / blockSize",
                            "sequence.numKnownTokens() / blockSize"),
                    new Bug(
                            "touch loses owners",
                            "kvcache/BlockPool.java",
                            "        block.refCount++;",
                            "        block.refCount = 1;"),
                    new Bug(
                            "the parent is not compared",
                            "kvcache/KvCacheBlock.java",
                            "return parentId == parent",
                            "return true"),
                    new Bug(
                            "the tokens are not compared",
                            "kvcache/KvCacheBlock.java",
                            "Arrays.equals(tokens, 0, tokens.length, sequence, from, from + tokens.length)",
                            "true"),
                    new Bug(
                            "a reused block stays in the cache",
                            "kvcache/BlockPool.java",
                            "        uncache(block);\n" + "        block.withdrawn",
                            "        block.withdrawn"),
                    new Bug(
                            "the last free block is handed out while owned",
                            "kvcache/BlockPool.java",
                            "        if (block.refCount == 0) {\n"
                                    + "            dequeue(block);\n"
                                    + "        }\n"
                                    + "        block.refCount++;",
                            "        block.refCount++;"),
                    new Bug(
                            "what failed stays in the cache",
                            "kvcache/KvCacheManager.java",
                            "            pool.uncache(sequence.block(i));\n",
                            ""),
                    new Bug(
                            "withdrawing stops at the first block not pending",
                            "kvcache/KvCacheManager.java",
                            "        for (int i = sequence.numConfirmed(); i < sequence.numPublished(); i++) {\n"
                                    + "            pool.uncache",
                            "        for (int i = sequence.numPublished() - 1;\n"
                                    + "                i >= sequence.numConfirmed() && sequence.block(i).pending;\n"
                                    + "                i--) {\n"
                                    + "            pool.uncache"),
                    new Bug(
                            "sharers of withdrawn blocks go on",
                            "kvcache/KvCacheManager.java",
                            "            if (sequence.block(i).withdrawn) {\n"
                                    + "                return true;",
                            "            if (sequence.block(i).withdrawn) {\n"
                                    + "                return false;"),
                    new Bug(
                            "a request that fails in scheduling leaves its blocks to others",
                            "engine/Scheduler.java",
                            "            kvCache.withdraw(request.sequence());\n",
                            ""),
                    new Bug(
                            "blocks of a later step are published",
                            "kvcache/KvCacheManager.java",
                            "i < full;",
                            "i < Math.min(sequence.numKnownTokens() / blockSize, sequence.numBlocks());"),
                    new Bug(
                            "allocation gives half",
                            "kvcache/KvCacheManager.java",
                            "missing + reserve > pool.numFree()",
                            "pool.numFree() == 0"),
                    new Bug(
                            "a preempted request loses a token",
                            "kvcache/KvSequence.java",
                            "        numPublished = n;",
                            "        if (n == 0 && numPublished > 0) {\n"
                                    + "            numTokens--;\n"
                                    + "        }\n"
                                    + "        numPublished = n;"),
                    new Bug(
                            "a preempted request counts as computed",
                            "engine/Request.java",
                            "        numComputedTokens = 0;\n" + "        numPreemptions",
                            "        numPreemptions"),
                    new Bug(
                            "cached tokens are counted anew after preemption",
                            "engine/Request.java",
                            "if (status == RequestStatus.WAITING) {",
                            "if (true) {"),
                    new Bug(
                            "admission is not released at the start",
                            "engine/EngineLoop.java",
                            "            if (request.numPreemptions() == 0) {\n"
                                    + "                admission.release(request);\n"
                                    + "            }",
                            ""),
                    new Bug(
                            "admission is released at each start",
                            "engine/EngineLoop.java",
                            "            if (request.numPreemptions() == 0) {\n"
                                    + "                admission",
                            "            {\n" + "                admission"),
                    new Bug(
                            "admission is not released when waiting ends",
                            "engine/EngineLoop.java",
                            "        if (request.status() == RequestStatus.WAITING) {\n"
                                    + "            admission.release(request);\n"
                                    + "        }",
                            ""),
                    new Bug(
                            "a refused request stays charged",
                            "engine/Admission.java",
                            "            requests.addAndGet(-n);\n"
                                    + "            throw full(\"the queue of waiting requests is full\"",
                            "            throw full(\"the queue of waiting requests is full\""),
                    new Bug(
                            "deadlines are ignored",
                            "engine/EngineLoop.java",
                            "            abort(expiry.group(), new EngineError(expiry.reason(), message));",
                            "            if (queue) {\n"
                                    + "                abort(expiry.group(), new EngineError(expiry.reason(), message));\n"
                                    + "            }"),
                    new Bug(
                            "the queue timeout ends what runs",
                            "engine/EngineLoop.java",
                            "if (queue && expiry.group().scheduledNanos() >= 0) {",
                            "if (false) {"),
                    new Bug(
                            "last come, first served",
                            "engine/Scheduler.java",
                            "var request = firstUnparked(waiting);",
                            "var request = firstUnparked(waiting.descendingSet());"),
                    new Bug(
                            "priority is ignored",
                            "engine/Scheduler.java",
                            "comparingInt(r -> r.group().request().priority())",
                            "comparingInt(r -> 0)"),
                    new Bug(
                            "a parked request goes on",
                            "engine/Scheduler.java",
                            "request.isParked() ? 0 : step.allowance",
                            "step.allowance"),
                    new Bug(
                            "a parked request never goes on",
                            "engine/OutputBuffer.java",
                            "            size.decrementAndGet();\n",
                            ""),
                    new Bug(
                            "readers are not told of an abort",
                            "engine/EngineLoop.java",
                            "                fail(request, error);\n"
                                    + "            }\n"
                                    + "        }\n"
                                    + "        signalReaders();",
                            "                fail(request, error);\n"
                                    + "            }\n"
                                    + "        }"),
                    new Bug(
                            "tokens go to the slots of the block before",
                            "engine/BatchBuilder.java",
                            "blockTables[i][position / blockSize] * blockSize",
                            "blockTables[i][Math.max(0, position - 1) / blockSize] * blockSize"),
                    new Bug(
                            "a step exceeds its tokens",
                            "engine/Scheduler.java",
                            "            tokensLeft -= n;",
                            "            tokensLeft--;"),
                    new Bug(
                            "one request too many runs",
                            "engine/Scheduler.java",
                            "running.size() < maxNumSeqs",
                            "running.size() <= maxNumSeqs"),
                    new Bug(
                            "the victim is already in the step",
                            "engine/Scheduler.java",
                            "victim(running.indexOf(request))",
                            "victim(0)"),
                    new Bug(
                            "a request alone never fits",
                            "engine/Scheduler.java",
                            "int reserve = running.isEmpty() ? 0 : watermark;",
                            "int reserve = watermark + 1;"),
                    new Bug(
                            "the last output is sent twice",
                            "engine/EngineLoop.java",
                            "            send(request, output);\n" + "        }",
                            "            send(request, output);\n"
                                    + "            if (output.finish() != null) {\n"
                                    + "                send(request, output);\n"
                                    + "            }\n"
                                    + "        }"),
                    new Bug(
                            "what may become a stop string goes out",
                            "engine/OutputProcessor.java",
                            "finish != null || stops == null ? held.length() : held.length() - stops.held()",
                            "held.length()"),
                    new Bug(
                            "half a character is lost at the end",
                            "engine/OutputProcessor.java",
                            "        addText(detokenizer.flush(), false);\n",
                            ""),
                    new Bug(
                            "usage misses a token",
                            "engine/Request.java",
                            "numCachedTokens, numKnownOutputTokens())",
                            "numCachedTokens, Math.max(0, numKnownOutputTokens() - 1))"),
                    new Bug(
                            "keys share prefixes",
                            "kvcache/BlockHasher.java",
                            "            mac.update(key.getBytes(StandardCharsets.UTF_8));\n",
                            ""),
                    new Bug(
                            "cache salts share prefixes",
                            "kvcache/BlockHasher.java",
                            "mac.doFinal(cacheSalt.getBytes(StandardCharsets.UTF_8))",
                            "mac.doFinal()"),
                    new Bug(
                            "min_tokens is one short",
                            "engine/Request.java",
                            "numOutputTokens() >= params().minTokens() ?",
                            "numOutputTokens() + 1 >= params().minTokens() ?"),
                    new Bug(
                            "numbers that are not finite are taken",
                            "engine/EngineLoop.java",
                            "if (!sampled[i].finite()) {",
                            "if (false) {"),
                    new Bug(
                            "one failed forward pass is enough",
                            "engine/StepPipeline.java",
                            "MAX_STRIKES = 2",
                            "MAX_STRIKES = 1"),
                    new Bug(
                            "the second half of a failed batch is dropped",
                            "engine/StepPipeline.java",
                            "return generated + compute(intact(parts.subList(half, parts.size())));",
                            "return generated;"),
                    new Bug(
                            "choices sample alike",
                            "engine/BatchBuilder.java",
                            "                request.choice(),\n",
                            "                0,\n"),
                    new Bug(
                            "prompt tokens are scored again",
                            "engine/BatchBuilder.java",
                            "Math.max(request.numComputedTokens(), request.numScoredTokens() - 1)",
                            "request.numComputedTokens()"),
                    new Bug(
                            "rows of logits are mixed up",
                            "engine/LaunchedStep.java",
                            "return numScored + (samples ? 1 : 0);",
                            "return samples ? 1 : 0;"),
                    new Bug(
                            "ended requests are kept",
                            "engine/EngineLoop.java",
                            "            groups.remove(group);\n",
                            ""),
                    new Bug(
                            "deadlines of ended requests are kept",
                            "engine/EngineLoop.java",
                            "            expiries.removeAll(group.expiries());\n",
                            ""),
                    new Bug(
                            "a block is published before its last token is known",
                            "kvcache/KvCacheManager.java",
                            "Math.min(numTokens, sequence.numKnownTokens()) / blockSize",
                            "numTokens / blockSize"),
                    new Bug(
                            "what is being computed when a sequence ends stays in the cache",
                            "kvcache/KvCacheManager.java",
                            "        withdraw(sequence);\n",
                            ""),
                    new Bug(
                            "a token names the wrong row",
                            "engine/Request.java",
                            "appendUnknown(-1 - part.row() - part.numScored())",
                            "appendUnknown(-1 - part.row())"),
                    new Bug(
                            "a request goes on beyond its last token",
                            "engine/Request.java",
                            "numOutputTokens() >= maxOutputTokens",
                            "false"),
                    new Bug(
                            "a row that needs the history does not wait for it",
                            "engine/StepPipeline.java",
                            "(inFlight == null || !readsHistory())",
                            "true"),
                    new Bug(
                            "a step is planned ahead of two",
                            "engine/StepPipeline.java",
                            "        inFlight = next;\n        return await(last);",
                            "        inFlight = next;\n        return next == null ? await(last) : 0;"),
                    new Bug(
                            "a failed step keeps its tokens",
                            "engine/StepPipeline.java",
                            "        failed.undo();\n",
                            ""),
                    new Bug(
                            "the step built on a failed one keeps its tokens",
                            "engine/StepPipeline.java",
                            "        inFlight.undo();\n        inFlight = null;",
                            "        inFlight = null;"),
                    new Bug(
                            "what was computed before a failure counts",
                            "engine/StepPipeline.java",
                            "        List.copyOf(scheduler.running()).forEach(scheduler::preempt);\n",
                            ""),
                    new Bug(
                            "a step that could not start is dropped",
                            "engine/StepPipeline.java",
                            "return settle() + compute(intact(running(parts)));",
                            "return settle();"),
                    new Bug(
                            "an ended request takes another token",
                            "engine/EngineLoop.java",
                            "        if (request.status().isFinished()) {\n            return;\n        }\n        int sample",
                            "        int sample"),
                    new Bug(
                            "an answer goes on with forced tokens beyond its end",
                            "engine/Request.java",
                            "                        || output.finish() != null\n",
                            ""),
                    new Bug(
                            "forced tokens have no logprobs though these are wanted",
                            "engine/Request.java",
                            "                        || params().numLogprobs() >= 0\n",
                            ""),
                    new Bug(
                            "a forced token is left out of the sequence",
                            "engine/EngineLoop.java",
                            "            request.sequence().append(token);\n",
                            ""),
                    new Bug(
                            "of forced tokens only the last is given out",
                            "engine/EngineLoop.java",
                            "            request.sequence().append(token);\n"
                                    + "            accept(request,",
                            "            request.sequence().append(token);\n"
                                    + "            if (request.matcher().copy().forcedTokens().length > 1) {\n"
                                    + "                request.accept(token);\n"
                                    + "                continue;\n"
                                    + "            }\n"
                                    + "            accept(request,"),
                    new Bug(
                            "a sequence with forced tokens samples before it has caught up",
                            "engine/SchedulerOutput.java",
                            "request.numPendingTokens() == numScheduledTokens",
                            "request.numPendingTokens() <= numScheduledTokens + 1"),
                    new Bug(
                            "a block counts as computed when the step that fills it begins",
                            "kvcache/KvCacheManager.java",
                            "Math.min(sequence.numPublished(), numTokens / blockSize)",
                            "sequence.numPublished()"),
                    new Bug(
                            "a grammar that throws fails the whole step",
                            "engine/EngineLoop.java",
                            "guarded(request, \"grammar mask\", () -> mask[0] = request.allowedTokens());",
                            "mask[0] = request.allowedTokens();"),
                    new Bug(
                            "what cannot be published fails the whole step",
                            "engine/EngineLoop.java",
                            "guarded(part.request(), \"output\", () -> take(part, sampled));",
                            "take(part, sampled);"),
                    new Bug(
                            "a mask goes to another row",
                            "engine/StepPipeline.java",
                            "masks[row] = outcomes.mask",
                            "masks[Math.max(0, row - 1)] = outcomes.mask"),
                    new Bug(
                            "a grammar does not take its tokens",
                            "engine/Request.java",
                            "if (!matcher.advance(token)) {",
                            "if (false) {"),
                    new Bug(
                            "an answer goes on after its grammar's end",
                            "engine/Request.java",
                            "return matcher.mustEnd();",
                            "return false;"),
                    new Bug(
                            "a grammar does not wait for the last token",
                            "engine/Request.java",
                            "return matcher != null || params()",
                            "return params()"));

    @BeforeAll
    static void silence() {
        EngineLog.silence();
    }

    @AfterAll
    static void speak() {
        EngineLog.speak();
    }

    @TestFactory
    Stream<DynamicTest> simulationCatches() {
        return BUGS.stream().map(bug -> DynamicTest.dynamicTest(bug.name(), () -> caught(bug)));
    }

    private static void caught(Bug bug) throws Exception {
        var loader = new MutantLoader(bug.file(), bug.snippet(), bug.replacement());
        var failure = loader.firstFailure(1, SEEDS, STEPS);
        assertNotNull(failure, "the simulation does not notice: " + bug.name());
        System.out.println("planted: " + bug.name() + "; found at " + failure);
    }

    @Test
    void theSimulationHoldsWithoutABug() throws Exception {
        var loader =
                new MutantLoader(
                        "engine/Scheduler.java",
                        "package io.chasqui.engine;",
                        "package io.chasqui.engine;");
        assertNull(loader.firstFailure(1, 20, STEPS));
    }
}
