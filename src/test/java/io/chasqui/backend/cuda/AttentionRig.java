package io.chasqui.backend.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** Runs kernels of attention on the emulator, over any plan. */
final class AttentionRig {
    /** Pieces of work and of combining: structs {@code AttentionWork} and {@code CombineWork}. */
    record Plan(List<int[]> work, List<int[]> combine) {
        int states() {
            return combine.stream().mapToInt(c -> c[2] + c[1] * c[3]).max().orElse(0);
        }

        private static int[] flat(List<int[]> structs) {
            return structs.stream().flatMapToInt(Arrays::stream).toArray();
        }
    }

    private final CudaEmulator emulator;

    AttentionRig(CudaEmulator emulator) {
        this.emulator = emulator;
    }

    /** What an {@link AttentionPlanner} makes of a problem's batch. */
    static Plan planned(AttentionProblem problem, int multiprocessors) {
        int tokens = problem.batch.numTokens();
        var planner =
                new AttentionPlanner(
                        multiprocessors, problem.heads, problem.kvHeads, problem.headDim, tokens);
        planner.plan(problem.batch);
        var plan = new Plan(new ArrayList<>(), new ArrayList<>());
        for (int i = 0; i < planner.workCount(); i++) {
            plan.work.add(Arrays.copyOfRange(planner.work(), 6 * i, 6 * i + 6));
        }
        for (int i = 0; i < planner.combineCount(); i++) {
            plan.combine.add(Arrays.copyOfRange(planner.combine(), 4 * i, 4 * i + 4));
        }
        return plan;
    }

    /**
     * Some legal plan.
     *
     * @param maxTokens most tokens in a piece
     */
    static Plan random(AttentionProblem problem, int maxTokens, Random random) {
        var plan = new Plan(new ArrayList<>(), new ArrayList<>());
        var batch = problem.batch;
        int states = 0;
        for (int s = 0; s < batch.numSequences(); s++) {
            int end = batch.queryStart()[s + 1];
            for (int first = batch.queryStart()[s]; first < end; ) {
                int tokens = 1 + random.nextInt(Math.min(maxTokens, end - first));
                int chunks = batch.positions()[first + tokens - 1] / AttentionPlanner.CHUNK + 1;
                if (random.nextInt(3) == 0) {
                    plan.work.add(new int[] {first, tokens, s, 0, chunks, -1});
                } else {
                    plan.combine.add(new int[] {first, tokens, states, chunks});
                    for (int chunk = 0; chunk < chunks; ) {
                        int count = 1 + random.nextInt(chunks - chunk);
                        plan.work.add(new int[] {first, tokens, s, chunk, count, states});
                        states += count * tokens;
                        chunk += count;
                    }
                }
                first += tokens;
            }
        }
        Collections.shuffle(plan.work, random);
        return plan;
    }

    /** Runs the tuned kernels; returns {@code bf16 [tokens, heads, headDim]}. */
    short[] run(AttentionProblem problem, Plan plan, int blocks) {
        int headDim = problem.headDim;
        return run(
                problem,
                plan,
                blocks,
                "paged_attention_" + headDim,
                AttentionPlanner.THREADS,
                AttentionPlanner.sharedBytes(headDim),
                "attention_combine_" + headDim,
                AttentionPlanner.COMBINE_THREADS);
    }

    short[] runPlain(AttentionProblem problem, Plan plan) {
        return run(problem, plan, 4, "paged_attention_plain", 64, 0, "attention_combine_plain", 64);
    }

    private short[] run(
            AttentionProblem problem,
            Plan plan,
            int blocks,
            String attention,
            int threads,
            int sharedBytes,
            String combine,
            int combineThreads) {
        emulator.reset(1, 64 << 20);
        try (var device = new EmulatedDevice(0)) {
            int stateFloats = plan.states() * problem.heads * (problem.headDim + 2);
            var out = device.allocate(2L * problem.queries.length);
            var parameters =
                    parameters(
                            device,
                            problem,
                            plan,
                            device.allocate(Math.max(4, 4L * stateFloats)),
                            out);
            JCudaDriver.cuFuncSetAttribute(
                    device.function(attention),
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                    sharedBytes);
            device.launch(attention, blocks, threads, sharedBytes, parameters);
            device.launch(combine, blocks, combineThreads, 0, parameters);
            device.synchronize();
            return device.shorts(out, problem.queries.length);
        }
    }

    /** The struct {@code AttentionParams}. */
    private static Pointer parameters(
            EmulatedDevice device,
            AttentionProblem problem,
            Plan plan,
            CUdeviceptr states,
            CUdeviceptr out) {
        var batch = problem.batch;
        int[] counts = {
            batch.numTokens(), batch.numSequences(), 0, plan.work.size(), plan.combine.size()
        };
        int[] starts = new int[batch.numSequences()];
        for (int s = 1; s < starts.length; s++) {
            starts[s] = starts[s - 1] + batch.blockTables()[s - 1].length;
        }
        int[] blocks = Arrays.stream(batch.blockTables()).flatMapToInt(Arrays::stream).toArray();
        return new StructParameter()
                .pointers(
                        device.upload(counts),
                        null,
                        device.upload(batch.positions()),
                        null,
                        device.upload(batch.seqLens()),
                        device.upload(starts),
                        device.upload(blocks),
                        null,
                        device.upload(Plan.flat(plan.work)),
                        plan.combine.isEmpty() ? null : device.upload(Plan.flat(plan.combine)),
                        null,
                        null)
                .pointers(device.upload(problem.queries))
                .pointers(device.upload(problem.keys), device.upload(problem.values))
                .ints(problem.kvHeads, problem.blockSize, problem.headDim, 0)
                .ints(problem.heads)
                .pointers(states, out)
                .pointer();
    }
}
