package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernels that multiply, in each of their tiles and in the plain form, against double precision
 * and, bit by bit, against each other.
 */
class MatrixProductsTest {
    private static final List<String> STAGES =
            List.of("qkv_projection", "residual_projection", "gate_up", "lm_head");

    private CudaEmulator emulator;
    private CudaDevice device;
    private Kernels kernels;

    /** What all products make of one token. */
    private record Token(
            short[] queries,
            short[] keys,
            short[] values,
            short[] inner,
            float[] residual,
            short[] x,
            float[] squares,
            float[] logits) {

        void assertSame(Token other, String what) {
            assertArrayEquals(queries, other.queries, what + ", queries");
            if (keys != null && other.keys != null) {
                assertArrayEquals(keys, other.keys, what + ", keys");
                assertArrayEquals(values, other.values, what + ", values");
            }
            assertArrayEquals(inner, other.inner, what + ", inner");
            assertArrayEquals(residual, other.residual, 0, what + ", residual");
            assertArrayEquals(x, other.x, what + ", x");
            assertArrayEquals(squares, other.squares, 0, what + ", squares");
            assertArrayEquals(logits, other.logits, 0, what + ", logits");
        }
    }

    @BeforeEach
    void open() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 256 << 20);
        device = new CudaDevice(0, 0);
        kernels = device.call(() -> EmulatedKernels.load(names()));
    }

    private static String[] names() {
        return STAGES.stream()
                .flatMap(
                        stage ->
                                Stream.concat(
                                        Arrays.stream(GemmTile.values())
                                                .map(tile -> tile.kernel(stage)),
                                        Stream.of(stage + "_plain")))
                .toArray(String[]::new);
    }

    @AfterEach
    void close() {
        if (device != null) {
            device.run(kernels::close);
            device.close();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "FEW_TOKENS, 1, 1",
        "FEW_TOKENS, 2, 7",
        "FEW_TOKENS, 3, 21",
        "SOME_TOKENS, 4, 13",
        "SOME_TOKENS, 5, 33",
        "SOME_TOKENS, 6, 1",
        "MANY_TOKENS, 7, 50",
        "MANY_TOKENS, 8, 66",
        "LARGE, 9, 5",
        "LARGE, 10, 130",
    })
    void everyTileAgreesWithDoublePrecision(GemmTile tile, int seed, int tokens) {
        var problem = new ProductProblem(new Random(seed), tokens);
        emulator.setSeed(seed);
        run(
                problem,
                checks -> {
                    checks.qkv(way(tile, "qkv_projection", problem.qkv.rows(), tokens));
                    checks.gateUp(way(tile, "gate_up", problem.gateUp.rows(), tokens));
                    var down = way(tile, "residual_projection", problem.hidden, tokens);
                    checks.residual(down);
                    checks.partial(down);
                    var head = way(tile, "lm_head", problem.vocab, tokens);
                    checks.logits(head, seed, 3);
                    checks.logits(head, 8, 3 - (problem.vocab + 3) % 4);
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void plainKernelsAgreeWithDoublePrecision(int seed) {
        var problem = new ProductProblem(new Random(seed), 1 + 6 * seed);
        int tokens = problem.tokens;
        run(
                problem,
                checks -> {
                    checks.qkv(
                            ProductRig.Way.plain("qkv_projection", problem.qkv.rows() / 2, tokens));
                    checks.gateUp(ProductRig.Way.plain("gate_up", problem.ffn, tokens));
                    var down =
                            ProductRig.Way.plain(
                                    "residual_projection", problem.hidden / 16, tokens);
                    checks.residual(down);
                    checks.partial(down);
                    checks.logits(ProductRig.Way.plain("lm_head", problem.vocab, tokens), 2, 1);
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {11, 12, 13})
    void aTokensBitsDependOnItAlone(int seed) {
        var random = new Random(seed);
        var problem = new ProductProblem(random, 20 + random.nextInt(20));
        emulator.setSeed(seed);
        int[] all = new int[problem.tokens];
        Arrays.setAll(all, t -> t);
        var expected = tokens(problem.choose(all), GemmTile.FEW_TOKENS);
        for (var tile : GemmTile.values()) {
            int[] chosen = random.ints(1 + random.nextInt(70), 0, problem.tokens).toArray();
            var actual = tokens(problem.choose(chosen), tile);
            for (int t = 0; t < chosen.length; t++) {
                var what = tile + ", seed " + seed + ", token " + t + " of " + chosen.length;
                actual[t].assertSame(expected[chosen[t]], what);
            }
        }
    }

    private Token[] tokens(ProductProblem problem, GemmTile tile) {
        var p = problem;
        int n = p.tokens;
        var tokens = new Token[n];
        run(
                p,
                checks -> {
                    var qkv = checks.qkv(way(tile, "qkv_projection", p.qkv.rows(), n));
                    var inner = checks.gateUp(way(tile, "gate_up", p.gateUp.rows(), n));
                    var down = checks.residual(way(tile, "residual_projection", p.hidden, n));
                    var logits = checks.logits(way(tile, "lm_head", p.vocab, n), 0, 0);
                    int width = p.heads * p.headDim;
                    for (int t = 0; t < n; t++) {
                        boolean cached = p.slots[t] >= 0;
                        int page = cached ? checks.page(t, p.kvHeads - 1) : 0;
                        tokens[t] =
                                new Token(
                                        part(qkv.queries(), t, width),
                                        cached ? head(qkv.cache().keys(), page, p) : null,
                                        cached ? head(qkv.cache().values(), page, p) : null,
                                        part(inner, t, p.ffn),
                                        part(down.values(), t, p.hidden),
                                        part(down.x(), t, p.hidden),
                                        part(down.squares(), t, p.hidden / 16),
                                        part(logits, t, p.vocab));
                    }
                });
        return tokens;
    }

    private static short[] head(short[] pages, int at, ProductProblem problem) {
        return Arrays.copyOfRange(pages, at, at + problem.headDim);
    }

    private static short[] part(short[] all, int index, int width) {
        return Arrays.copyOfRange(all, index * width, (index + 1) * width);
    }

    private static float[] part(float[] all, int index, int width) {
        return Arrays.copyOfRange(all, index * width, (index + 1) * width);
    }

    private static ProductRig.Way way(GemmTile tile, String stage, int rows, int tokens) {
        return ProductRig.Way.of(tile, stage, "", rows, tokens);
    }

    private void run(ProductProblem problem, Consumer<ProductChecks> checks) {
        device.run(
                () -> {
                    try (var rig = new ProductRig(device, kernels, problem)) {
                        checks.accept(new ProductChecks(problem, rig));
                    }
                });
    }
}
