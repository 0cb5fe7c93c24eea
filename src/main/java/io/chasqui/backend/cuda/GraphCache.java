package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuGraphUpload;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;

import io.chasqui.backend.DecoderProgram;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;

/**
 * One rank's CUDA graphs of a program: its launches recorded once for each size of the grids, then
 * replayed with a single call. For the device's thread.
 */
final class GraphCache implements AutoCloseable {
    /** Tokens beyond which launches cost little beside what they start. */
    private static final int MOST_TOKENS = 256;

    private static final int FINE = 8;
    private static final int FINE_TO = 64;
    private static final int COARSE = 16;

    private final CudaDevice device;
    private final CudaStages stages;

    /** By the number of tokens, and of rows of logits, that their grids are made for. */
    private final Map<Integer, CUgraphExec> graphs = new HashMap<>();

    private final int mostTokens;
    private DecoderProgram recorded;

    /**
     * @param maxRows most rows of logits in a step, and so most sequences that decode
     */
    GraphCache(CudaDevice device, CudaStages stages, int maxRows) {
        this.device = device;
        this.stages = stages;
        mostTokens = Math.min(MOST_TOKENS, maxRows);
    }

    /** Whether steps of so many tokens have a graph. */
    boolean covers(int tokens) {
        return tokens <= mostTokens;
    }

    /** The number of tokens whose graph serves so many. */
    static int bucket(int tokens) {
        int step = tokens <= FINE_TO ? FINE : COARSE;
        return Math.ceilDiv(tokens, step) * step;
    }

    /**
     * Runs the program by a graph. Once a program has run, none of its graphs is left to be
     * recorded, so that no later step waits for that.
     */
    void run(int tokens, DecoderProgram program) {
        if (program != recorded) {
            recordAll(program);
        }
        var graph = graphs.get(bucket(tokens));
        CudaError.check(cuGraphLaunch(graph, device.stream()), "launching a graph");
    }

    private void recordAll(DecoderProgram program) {
        close();
        recorded = null;
        for (int tokens = 1; tokens <= mostTokens; tokens = bucket(tokens) + 1) {
            int bucket = bucket(tokens);
            graphs.put(bucket, instantiate(record(bucket, program)));
        }
        recorded = program;
    }

    /** Graphs there are. */
    int size() {
        return graphs.size();
    }

    private CUgraph record(int bucket, DecoderProgram program) {
        var graph = new CUgraph();
        CudaError.check(
                cuStreamBeginCapture(
                        device.stream(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
                "recording a graph");
        boolean complete = false;
        try {
            stages.begin(bucket, bucket);
            program.run(stages);
            complete = true;
        } finally {
            int result = cuStreamEndCapture(device.stream(), graph);
            if (complete) {
                CudaError.check(result, "recording a graph");
            }
        }
        return graph;
    }

    private CUgraphExec instantiate(CUgraph graph) {
        var executable = new CUgraphExec();
        try {
            CudaError.check(cuGraphInstantiate(executable, graph, 0L), "making a graph");
            CudaError.check(cuGraphUpload(executable, device.stream()), "uploading a graph");
        } finally {
            cuGraphDestroy(graph);
        }
        return executable;
    }

    /** Forgets all graphs; none may be running. */
    @Override
    public void close() {
        if (!graphs.isEmpty()) {
            device.synchronize();
            graphs.values().forEach(graph -> cuGraphExecDestroy(graph));
            graphs.clear();
        }
    }
}
