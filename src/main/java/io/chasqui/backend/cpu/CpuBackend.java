package io.chasqui.backend.cpu;

import io.chasqui.backend.Backend;
import io.chasqui.backend.DecoderProgram;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.LinearRole;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.VectorWeights;
import io.chasqui.loader.LinearSource;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Runs the stages on the cores of this machine. */
public final class CpuBackend implements Backend {
    private final MatMul matMul;
    private final Kernels kernels;
    private final WorkerPool pool;
    private final Arena weights = Arena.ofShared();
    private final HugePageMemory weightMemory = new HugePageMemory(weights);

    private CpuForwardPass pass;
    private CpuStages stages;
    private Sampling sampling;

    private CpuBackend(MatMul matMul, Kernels kernels, WorkerPool pool) {
        this.matMul = matMul;
        this.kernels = kernels;
        this.pool = pool;
    }

    /**
     * @param threads workers, the calling thread included; 0 for as many as the process may use
     * @param vectorBits 512 or 256; 0 for the widest that the CPU has
     * @param scalar plain Java instead of vectors: slow, the measure of the others
     */
    public static CpuBackend create(int threads, int vectorBits, boolean scalar) {
        int workers = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
        var pool = new WorkerPool(workers);
        if (scalar) {
            return new CpuBackend(new ScalarMatMul(), new ScalarKernels(), pool);
        }
        var species = species(vectorBits);
        return new CpuBackend(new VectorMatMul(species), Kernels.vector(species), pool);
    }

    private static VectorSpecies<Float> species(int bits) {
        return bits == 0
                ? FloatVector.SPECIES_PREFERRED
                : VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
    }

    @Override
    public String name() {
        return "cpu-" + matMul.name();
    }

    /** Regions whose caller waited more than a millisecond for other workers: CPU contention. */
    public long longWaits() {
        return pool.longWaits();
    }

    @Override
    public LinearWeights packLinear(ModelShape shape, LinearRole role, List<LinearSource> stacked) {
        return PackedMatrix.pack(
                stacked,
                weightMemory,
                (count, band) -> pool.run(count, 1, (worker, from, to) -> band.run(from, to)));
    }

    @Override
    public VectorWeights packVector(float[] values) {
        return new CpuVector(values.clone());
    }

    @Override
    public void allocateWorkspace(ModelShape shape, int maxTokens, int maxRows) {
        pass = new CpuForwardPass(shape, maxTokens, maxRows);
        stages = new CpuStages(kernels, pool, matMul, pass);
        sampling = new Sampling(kernels, pool, shape.vocab());
    }

    @Override
    public long kvCacheBytesPerToken(ModelShape shape, KvDType dtype) {
        return CpuKvCache.bytesPerToken(shape, dtype);
    }

    @Override
    public KvCacheStorage allocateKvCache(
            ModelShape shape, KvDType dtype, int numBlocks, int blockSize) {
        return new CpuKvCache(shape, dtype, numBlocks, blockSize);
    }

    @Override
    public ForwardPass forward(ForwardBatch batch, DecoderProgram program) {
        pass.open(batch);
        stages.begin();
        program.run(stages);
        return pass;
    }

    @Override
    public boolean pipelined() {
        return false;
    }

    @Override
    public PendingTokens sample(ForwardPass pass, long[][] masks) {
        var sampled = sampling.run(opened(pass), masks);
        return () -> sampled;
    }

    @Override
    public float[] readResidual(ForwardPass pass) {
        var opened = opened(pass);
        return Arrays.copyOf(opened.residual, opened.tokens() * opened.shape.hidden());
    }

    @Override
    public float[][] readLogits(ForwardPass pass) {
        var opened = opened(pass);
        int vocab = opened.shape.vocab();
        var rows = new float[opened.rows()][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = Arrays.copyOfRange(opened.logits, i * vocab, (i + 1) * vocab);
        }
        return rows;
    }

    private CpuForwardPass opened(ForwardPass given) {
        if (given != pass) {
            throw new IllegalArgumentException("the pass is of another backend");
        }
        return pass;
    }

    /** Ends the workers and frees the packed weights. KV caches are closed by their owners. */
    @Override
    public void close() {
        pool.close();
        weights.close();
    }
}
