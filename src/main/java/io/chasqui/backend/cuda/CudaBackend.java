package io.chasqui.backend.cuda;

import static java.lang.System.Logger.Level.INFO;

import io.chasqui.backend.Backend;
import io.chasqui.backend.DecoderProgram;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.LinearRole;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.MemoryPlan;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.VectorWeights;
import io.chasqui.loader.LinearSource;
import io.chasqui.quant.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Runs the stages on NVIDIA GPUs, a model divided among them by tensor parallelism. */
public final class CudaBackend implements Backend {
    private static final System.Logger LOG = System.getLogger(CudaBackend.class.getName());

    /** Elements that share a sum of squares, and rows that RoPE's pairs come in. */
    private static final int GROUP = 16;

    private static final int TURNS = 2;

    private final RankGroup ranks;
    private final CudaOptions options;
    private final String name;

    private boolean toldOfRounding;
    private ModelShape shape;
    private int maxTokens;
    private int maxRows;
    private AttentionPlanner planner;
    private final StepBuffer[] steps = new StepBuffer[TURNS];
    private CudaSampling sampling;
    private int turn;
    private CudaForwardPass pass;

    private CudaBackend(RankGroup ranks, CudaOptions options) {
        this.ranks = ranks;
        this.options = options;
        var device = ranks.first().device();
        name = "cuda-" + device.call(device::name) + (ranks.size() > 1 ? "-x" + ranks.size() : "");
    }

    /**
     * Opens GPUs; {@link CudaProbe} must have found them usable.
     *
     * @param devices ordinal of each rank's GPU; ranks may share one
     */
    public static CudaBackend create(List<Integer> devices, CudaOptions options) {
        return create(devices, options, KernelModules.ofJar().orElseThrow());
    }

    /** The same with kernels that are given. */
    static CudaBackend create(List<Integer> devices, CudaOptions options, KernelModules images) {
        var ranks = new ArrayList<CudaRank>();
        try {
            for (int ordinal : devices) {
                ranks.add(new CudaRank(ranks.size(), devices.size(), ordinal, images));
            }
            for (var rank : ranks) {
                for (var peer : ranks) {
                    rank.device().run(() -> rank.device().reach(peer.device()));
                }
            }
            return new CudaBackend(new RankGroup(ranks), options);
        } catch (RuntimeException | Error e) {
            ranks.forEach(CudaRank::close);
            throw e;
        }
    }

    RankGroup ranks() {
        return ranks;
    }

    @Override
    public String name() {
        return name;
    }

    /** The first rank's GPU. */
    public DeviceDescription describe() {
        return DeviceDescription.of(ranks.first().device());
    }

    @Override
    public LinearWeights packLinear(ModelShape model, LinearRole role, List<LinearSource> stacked) {
        int rows = stacked.stream().mapToInt(LinearSource::rows).sum();
        int columns = stacked.getFirst().columns();
        stacked.forEach(this::tellOfRounding);
        var parts = new ArrayList<CudaMatrix.Part>();
        for (var rank : ranks.list()) {
            var shard = Shard.of(model, role, ranks.size(), rank.index(), columns);
            var tiles = rank.device().call(() -> pack(rank, role, stacked, shard));
            parts.add(new CudaMatrix.Part(tiles, shard.rows().length, shard.columns()));
        }
        return new CudaMatrix(rows, columns, List.copyOf(parts));
    }

    /** Says once that weights are not held as they are stored. */
    private void tellOfRounding(LinearSource source) {
        if (source.dtype() != DType.BF16 && !toldOfRounding) {
            toldOfRounding = true;
            LOG.log(
                    INFO,
                    "GPUs hold weights in BF16: those of this model, such as {0} in {1}, are rounded"
                            + " to it",
                    source.name(),
                    source.dtype());
        }
    }

    private static DeviceMemory pack(
            CudaRank rank, LinearRole role, List<LinearSource> stacked, Shard shard) {
        var tiles = DeviceMemory.allocate("weights of " + role, MatrixPacker.bytes(shard));
        if (MatrixFiller.canMake(stacked)) {
            var kernel = rank.kernels().get(MatrixFiller.KERNEL);
            new MatrixFiller(stacked, shard).fill(tiles, rank.device(), kernel);
        } else {
            new MatrixPacker(stacked, shard).pack(tiles);
        }
        return tiles;
    }

    @Override
    public VectorWeights packVector(float[] values) {
        var copies = ranks.list().stream().map(rank -> rank.upload("a norm", values)).toList();
        return new CudaVector(values.length, copies);
    }

    @Override
    public Optional<MemoryPlan> plan(
            ModelShape model, boolean tiedHead, int mostTokens, int mostRows, int blockSize) {
        checkShape(model);
        var memory = new RankMemory(new RankShape(model, ranks.size()), tiedHead);
        return ranks.list().stream()
                .map(
                        rank ->
                                memory.plan(
                                        rank.device().call(rank.device()::totalMemory),
                                        usable(rank),
                                        mostTokens,
                                        mostRows,
                                        blockSize))
                .min(Comparator.comparingLong(MemoryPlan::usable));
    }

    /** The kernels take whole groups of elements. */
    private static void checkShape(ModelShape model) {
        if (model.hidden() % GROUP != 0 || model.headDim() % GROUP != 0 || model.ffn() % 8 != 0) {
            throw new CudaException(
                    ("the kernels for GPUs need a hidden size and a head size that are multiples of"
                                    + " %d and a feed-forward width that is one of 8; this model has"
                                    + " %d, %d and %d. Serve it with --backend cpu.")
                            .formatted(GROUP, model.hidden(), model.headDim(), model.ffn()));
        }
    }

    /** What a rank may take of its device, which it may share with others. */
    private long usable(CudaRank rank) {
        var device = rank.device();
        long most = (long) (device.call(device::totalMemory) * options.memoryUtilization());
        return Math.min(device.call(device::freeMemory), most) / sharing(rank);
    }

    /** Ranks on the device of this one. */
    private int sharing(CudaRank rank) {
        int ordinal = rank.device().ordinal();
        return (int) ranks.list().stream().filter(r -> r.device().ordinal() == ordinal).count();
    }

    /** Blocks that run at the same time on every rank, whatever ranks share a device. */
    private int residentBlocks() {
        return ranks.list().stream()
                .mapToInt(r -> r.device().call(r.device()::multiprocessors) / sharing(r))
                .min()
                .orElseThrow();
    }

    @Override
    public void allocateWorkspace(ModelShape model, int mostTokens, int mostRows) {
        shape = model;
        maxTokens = mostTokens;
        maxRows = mostRows;
        ranks.list().forEach(rank -> rank.allocate(model, mostTokens, mostRows));
        var layout = StepLayout.of(mostTokens, mostRows, model.vocab());
        var peers = Peers.of(ranks.list().stream().map(CudaRank::workspace).toList());
        int resident = residentBlocks();
        ranks.run(rank -> rank.connect(layout, peers, resident, options));
        var first = ranks.first();
        planner =
                new AttentionPlanner(
                        first.device().call(first.device()::multiprocessors),
                        first.shape().heads(),
                        first.shape().kvHeads(),
                        model.headDim(),
                        mostTokens);
        for (int i = 0; i < TURNS; i++) {
            var uploaded = ranks.list().stream().map(r -> r.device().call(CudaEvent::new)).toList();
            steps[i] = first.device().call(() -> new StepBuffer(layout, model.vocab(), uploaded));
        }
        sampling = new CudaSampling(ranks, layout, peers, mostRows);
    }

    @Override
    public long kvCacheBytesPerToken(ModelShape model, KvDType dtype) {
        return new RankShape(model, ranks.size()).kvElementsPerToken() * KvDType.BF16.bytes();
    }

    @Override
    public KvCacheStorage allocateKvCache(
            ModelShape model, KvDType dtype, int numBlocks, int blockSize) {
        if (dtype != KvDType.BF16) {
            throw new IllegalArgumentException("the KV cache of GPUs holds bf16, not " + dtype);
        }
        var devices = ranks.list().stream().map(CudaRank::device).toList();
        return new CudaKvCache(devices, new RankShape(model, ranks.size()), numBlocks, blockSize);
    }

    @Override
    public boolean pipelined() {
        return true;
    }

    @Override
    public ForwardPass forward(ForwardBatch batch, DecoderProgram program) {
        check(batch);
        turn = (turn + 1) % TURNS;
        var step = steps[turn];
        if (!step.isTaken()) {
            ranks.run(rank -> step.uploaded(rank.index()).await());
        }
        planner.plan(batch);
        step.write(batch, planner);
        var launch = ranks.launch(rank -> launch(rank, step, batch, program));
        pass = new CudaForwardPass(batch, turn, launch);
        return pass;
    }

    private void check(ForwardBatch batch) {
        if (batch.numTokens() > maxTokens || batch.rows().length > maxRows) {
            throw new IllegalArgumentException(
                    "a batch of %d tokens and %d rows exceeds the workspace of %d and %d"
                            .formatted(batch.numTokens(), batch.rows().length, maxTokens, maxRows));
        }
    }

    private void launch(
            CudaRank rank, StepBuffer step, ForwardBatch batch, DecoderProgram program) {
        if (rank.index() > 0) {
            sampling.sampled().blockStream(rank.device());
        }
        rank.forward(step, batch, program);
    }

    @Override
    public PendingTokens sample(ForwardPass given, long[][] masks) {
        var sampled = opened(given);
        var pending = sampling.start(sampled, masks);
        return () -> {
            var tokens = pending.await();
            steps[sampled.turn()].setTaken(sampled.batch());
            return tokens;
        };
    }

    @Override
    public float[] readResidual(ForwardPass given) {
        var rank = ranks.first();
        int count = launched(given).batch().numTokens() * shape.hidden();
        return read(rank, rank.workspace().residual, 0, count);
    }

    @Override
    public float[][] readLogits(ForwardPass given) {
        var rows = new float[launched(given).batch().rows().length][];
        ranks.run(rank -> rank.device().synchronize());
        var rank = ranks.first();
        for (int i = 0; i < rows.length; i++) {
            rows[i] = read(rank, rank.workspace().logits, (long) i * shape.vocab(), shape.vocab());
        }
        return rows;
    }

    private static float[] read(CudaRank rank, DeviceMemory memory, long first, int count) {
        try (var arena = Arena.ofShared()) {
            MemorySegment host = arena.allocate(ValueLayout.JAVA_FLOAT, count);
            rank.device()
                    .run(
                            () -> {
                                rank.device().synchronize();
                                memory.read(first * Float.BYTES, host);
                            });
            return host.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private CudaForwardPass launched(ForwardPass given) {
        var launched = opened(given);
        launched.launch().await();
        return launched;
    }

    private CudaForwardPass opened(ForwardPass given) {
        if (given != pass) {
            throw new IllegalArgumentException("the pass is not the last of this backend");
        }
        return pass;
    }

    /** Frees everything but KV caches, which their owners close before. */
    @Override
    public void close() {
        ranks.list().reversed().forEach(CudaRank::close);
    }
}
