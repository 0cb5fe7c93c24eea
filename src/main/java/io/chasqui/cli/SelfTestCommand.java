package io.chasqui.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.chasqui.backend.Backend;
import io.chasqui.backend.cuda.CudaBackend;
import io.chasqui.backend.cuda.DeviceDescription;
import io.chasqui.backend.cuda.KernelModules;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.quant.DType;
import io.chasqui.testing.Check;
import io.chasqui.testing.InvarianceCheck;
import io.chasqui.testing.ParityCheck;
import io.chasqui.testing.SelfTest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chasqui selftest}: whether what computes here computes right. */
@Command(
        name = "selftest",
        description = {
            "Check that this machine computes right: random models against the CPU's plain kernels,"
                    + " sampling, equal bits alone and in any batch.",
            "Prints a verdict that can go into a bug report, and ends with 1 when a check fails."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class SelfTestCommand implements Callable<Integer> {
    private static final long DUMMY_SEED = 1;

    @Spec private CommandSpec spec;

    @Option(names = "--reduced", description = "Only the fewest shapes that reach every kernel.")
    private boolean reduced;

    @Option(
            names = "--parity",
            paramLabel = "FOLDER",
            description =
                    "Compare a checkpoint with the logits and greedy tokens in its"
                            + " golden.safetensors instead.")
    private Path parity;

    @Option(
            names = "--invariance",
            paramLabel = "TRIALS",
            description =
                    "Compare random sequences alone and in random batches, bit by bit, so many times"
                            + " instead; with --load-format dummy and --geometry.")
    private Integer invariance;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Seed of these trials (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the result as JSON, too.")
    private Path json;

    @Mixin private Settings settings;

    private final BenchProgress progress = new BenchProgress();
    private String backendName;
    private DeviceDescription device;

    /**
     * The result, as {@code --json} writes it.
     *
     * @param device the GPU; null on a CPU
     * @param kernels digest of the sources of its kernels
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Report(
            String version,
            String machine,
            String backend,
            DeviceDescription device,
            String kernels,
            boolean passed,
            List<Check> checks,
            ParityCheck.Result parity,
            InvarianceCheck.Result invariance) {}

    @Override
    public Integer call() throws IOException {
        var config = settings.apply();
        ParityCheck.Result parityResult = null;
        InvarianceCheck.Result invarianceResult = null;
        List<Check> checks = List.of();
        boolean passed;
        if (parity != null) {
            parityResult = ParityCheck.run(parity, open(config, !config.enforceEager()));
            passed = parityResult.passed();
        } else if (invariance != null) {
            invarianceResult = invariance(config);
            passed = invarianceResult.differing() == 0;
        } else {
            var test =
                    new SelfTest(
                            graphs -> open(config, graphs), name -> progress.update("%s", name));
            checks = test.run(reduced);
            passed = checks.stream().allMatch(Check::passed);
        }
        progress.clear();
        var report =
                new Report(
                        new Main.Version().getVersion()[0],
                        BenchMachine.here().cpu(),
                        backendName,
                        device,
                        device == null ? null : KernelModules.ofJar().orElseThrow().sources(),
                        passed,
                        checks,
                        parityResult,
                        invarianceResult);
        print(report);
        return passed ? 0 : 1;
    }

    private Backend open(ChasquiConfig config, boolean graphs) {
        var backend = Backends.ofMachine().create(config, graphs).backend();
        backendName = backend.name();
        if (device == null && backend instanceof CudaBackend cuda) {
            device = cuda.describe();
        }
        return backend;
    }

    private InvarianceCheck.Result invariance(ChasquiConfig config) {
        var name = config.geometry().orElse(Geometry.LLAMA_TINY.label());
        var geometry = Geometry.named(name);
        int layers = config.layers().orElse(geometry.config().layers());
        try (var checkpoint = Checkpoint.dummy(geometry, layers, DType.BF16, DUMMY_SEED)) {
            return InvarianceCheck.run(
                    checkpoint,
                    open(config, !config.enforceEager()),
                    invariance,
                    seed,
                    done -> progress.update("trial %d of %d", done, invariance));
        }
    }

    private void print(Report report) throws IOException {
        var out = spec.commandLine().getOut();
        out.printf("%s, %s, %s%n", report.version(), report.backend(), report.machine());
        if (report.device() != null) {
            out.println(report.device());
        }
        for (var check : report.checks()) {
            out.printf(
                    "%s  %-60s %6.1f s  %s%n",
                    check.passed() ? "ok    " : "FAILED",
                    check.name(),
                    check.seconds(),
                    check.detail());
        }
        printParity(report.parity(), out);
        if (report.invariance() != null) {
            out.printf(
                    "%d of %d trials differ (seed %d)%n",
                    report.invariance().differing(),
                    report.invariance().trials(),
                    report.invariance().seed());
        }
        out.println(report.passed() ? "PASSED" : "FAILED");
        out.flush();
        if (json != null) {
            var mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
            Files.write(json, mapper.writeValueAsBytes(report));
        }
    }

    private static void printParity(ParityCheck.Result parity, PrintWriter out) {
        if (parity != null) {
            out.printf(
                    "%d prompts, %d rows of logits, worst relative error %.3g of %.3g;"
                            + " %d of %d greedy tokens equal%n",
                    parity.prompts(),
                    parity.rows(),
                    parity.worstRelativeError(),
                    parity.tolerance(),
                    parity.greedyEqual(),
                    parity.greedyCompared());
        }
    }
}
