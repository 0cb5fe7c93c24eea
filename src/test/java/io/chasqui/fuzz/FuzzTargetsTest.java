package io.chasqui.fuzz;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The fuzz targets, on their seeds and some damaged ones: the same ones each time, so that what
 * fails here failed because of the change at hand. Jazzer looks for new ones: docs/testing.md.
 */
class FuzzTargetsTest {
    private static final int MUTANTS = 400;

    static List<FuzzTarget> targets() {
        return FuzzTarget.all();
    }

    @ParameterizedTest
    @MethodSource("targets")
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD, unit = TimeUnit.SECONDS)
    void holds(FuzzTarget target) {
        assertFalse(target.seeds().isEmpty(), "no seeds");
        target.seeds().forEach(seed -> run(target, seed));
        var mutations = new Mutations(target.seeds(), target.name().hashCode());
        for (int i = 0; i < MUTANTS; i++) {
            run(target, mutations.next());
        }
    }

    private static void run(FuzzTarget target, byte[] input) {
        try {
            target.run(input);
        } catch (Throwable finding) {
            var base64 = Base64.getEncoder().encodeToString(input);
            throw new AssertionError(target + " on the input (base64) " + base64, finding);
        }
    }
}
