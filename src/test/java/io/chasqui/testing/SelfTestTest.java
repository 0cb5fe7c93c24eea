package io.chasqui.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.Backend;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.backend.cuda.CudaEmulator;
import io.chasqui.backend.cuda.CudaOptions;
import io.chasqui.backend.cuda.EmulatedBackends;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.quant.DType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The self test passes where all is well, and notices where it is not. */
class SelfTestTest {

    private static List<Check> run(SelfTest.Subject subject) {
        return new SelfTest(subject, name -> {}).run(true);
    }

    private static void assertPassed(List<Check> checks) {
        for (var check : checks) {
            assertTrue(check.passed(), check.name() + ": " + check.detail());
        }
    }

    @Test
    void vectorKernelsPass() {
        assertPassed(run(graphs -> CpuBackend.create(0, 0, false)));
    }

    @Test
    void emulatedDevicesPass() {
        CudaEmulator.load();
        assertPassed(
                run(graphs -> EmulatedBackends.create(1, new CudaOptions(0.9, graphs, false))));
    }

    @Test
    void aLogitThatIsWrongIsNoticed() {
        var checks =
                run(
                        graphs ->
                                spoiled(
                                        "readLogits",
                                        result -> {
                                            for (float[] row : (float[][]) result) {
                                                row[row.length - 1] += 100;
                                            }
                                            return result;
                                        }));
        assertFalse(checks.getFirst().passed());
    }

    @Test
    void aTokenThatIsWrongIsNoticed() {
        var checks =
                run(
                        graphs ->
                                spoiled(
                                        "sample",
                                        result -> {
                                            var pending = (io.chasqui.backend.PendingTokens) result;
                                            return (io.chasqui.backend.PendingTokens)
                                                    () -> next(pending.await());
                                        }));
        assertTrue(checks.getFirst().passed());
        assertFalse(named(checks, "sampling").passed());
    }

    private static SampledToken[] next(SampledToken[] sampled) {
        for (int i = 0; i < sampled.length; i++) {
            var token = sampled[i];
            sampled[i] =
                    new SampledToken(
                            token.token() ^ 1,
                            token.logprob(),
                            token.topTokens(),
                            token.topLogprobs(),
                            true);
        }
        return sampled;
    }

    @Test
    void bitsThatDependOnTheCompanyAreNoticed() {
        try (var checkpoint = Checkpoint.dummy(Geometry.LLAMA_TINY, 1, DType.BF16, 1)) {
            var rightly =
                    InvarianceCheck.run(
                            checkpoint, CpuBackend.create(2, 0, false), 4, 5, done -> {});
            assertEquals(0, rightly.differing());
            var wrongly =
                    InvarianceCheck.run(
                            checkpoint,
                            spoiled("readLogits", SelfTestTest::byNumberOfRows),
                            4,
                            5,
                            done -> {});
            assertTrue(wrongly.differing() > 0);
        }
    }

    private static Object byNumberOfRows(Object result) {
        var rows = (float[][]) result;
        for (float[] row : rows) {
            row[0] = row[0] * (1 + rows.length * 1e-6f) + rows.length * 1e-6f;
        }
        return rows;
    }

    private static Check named(List<Check> checks, String name) {
        return checks.stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
    }

    private interface Spoiler {
        Object spoil(Object result);
    }

    /** A CPU backend, one of whose results is spoiled. */
    private static Backend spoiled(String method, Spoiler spoiler) {
        var backend = CpuBackend.create(2, 0, false);
        return (Backend)
                Proxy.newProxyInstance(
                        Backend.class.getClassLoader(),
                        new Class<?>[] {Backend.class},
                        (proxy, called, arguments) -> {
                            try {
                                var result = called.invoke(backend, arguments);
                                return called.getName().equals(method)
                                        ? spoiler.spoil(result)
                                        : result;
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }
}
