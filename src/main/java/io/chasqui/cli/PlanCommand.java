package io.chasqui.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.chasqui.config.ByteSize;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code chasqui plan}: what a model takes of GPU memory, and what then fits. */
@Command(
        name = "plan",
        description = {
            "Plan GPU memory: weights, KV cache, workspace, and how many contexts fit.",
            "Reads at most the headers of a model's files. Ends with 1 when it does not fit."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class PlanCommand implements Callable<Integer> {
    private static final String KV_TYPES = "bf16 or fp8";

    @Spec private CommandSpec spec;

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description =
                    "A geometry, e.g. llama-3.1-70b; or a model that is here: a name, a .gguf file, a"
                            + " folder.")
    private String model;

    @Option(
            names = "--gpu",
            paramLabel = "NAME",
            description =
                    "A GPU: RTX4090, L40S, A100-80, H100, H200 or B200; by default all are compared.")
    private String gpu;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description = "Memory of each GPU instead, e.g. 80GiB.")
    private String memory;

    @Option(
            names = {"--tp", "--tensor-parallel-size"},
            paramLabel = "N",
            description = "GPUs that the model is divided over (default: ${DEFAULT-VALUE}).")
    private int tensorParallelSize;

    @Option(
            names = {"--context", "--max-model-len"},
            paramLabel = "TOKENS",
            description = "Tokens of one request; by default what the model was made for.")
    private Integer context;

    @Option(
            names = "--max-num-seqs",
            paramLabel = "N",
            description = "Most sequences generated at once (default: ${DEFAULT-VALUE}).")
    private int maxNumSeqs;

    @Option(
            names = "--max-num-batched-tokens",
            paramLabel = "TOKENS",
            description = "Most tokens computed in one step (default: ${DEFAULT-VALUE}).")
    private int maxNumBatchedTokens;

    @Option(
            names = "--block-size",
            paramLabel = "TOKENS",
            description = "Tokens in a block of the KV cache (default: ${DEFAULT-VALUE}).")
    private int blockSize;

    @Option(
            names = "--gpu-memory-utilization",
            paramLabel = "SHARE",
            description =
                    "Share of each GPU's memory that may be taken (default: ${DEFAULT-VALUE}).")
    private double gpuMemoryUtilization;

    @Option(
            names = "--dtype",
            paramLabel = "FORMAT",
            defaultValue = "bf16",
            description =
                    "Format of the weights: bf16, fp8, fp8_ffn, int4, w4a16, nf4, q8_0, … (default:"
                            + " ${DEFAULT-VALUE}).")
    private String dtype;

    @Option(
            names = "--kv-dtype",
            paramLabel = "TYPE",
            defaultValue = "bf16",
            description = "Type of the KV cache: " + KV_TYPES + " (default: ${DEFAULT-VALUE}).")
    private String kvDtype;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Option(
            names = "--published-table",
            description =
                    "Print the memory table published with Llama 3.1 beside our figures, and what is"
                            + " wrong with it.")
    private boolean publishedTable;

    @Override
    public Integer call() throws IOException {
        var out = spec.commandLine().getOut();
        if (publishedTable) {
            PublishedTable.print(out);
            return 0;
        }
        if (model == null) {
            throw new UserException("plan needs a model, for example llama-3.1-8b.");
        }
        var planned = PlannedModel.named(model);
        return gpu == null && memory == null ? compare(planned, out) : plan(planned, out);
    }

    private int plan(PlannedModel planned, PrintWriter out) throws IOException {
        var label = memory != null ? memory : Gpu.named(gpu).label();
        long bytes = memory != null ? size(memory) : Gpu.named(gpu).memory();
        var plan = CapacityPlan.of(request(planned), label, bytes, tensorParallelSize);
        if (json) {
            print(PlanJson.of(plan), out);
        } else {
            PlanText.print(plan, out);
        }
        return plan.fits() ? 0 : 1;
    }

    private int compare(PlannedModel planned, PrintWriter out) throws IOException {
        if (json) {
            throw new UserException("--json needs --gpu or --memory.");
        }
        PlanText.compare(request(planned), out);
        return 0;
    }

    private PlanRequest request(PlannedModel planned) {
        int length = context == null ? planned.config().contextLength() : context;
        check(length > 0, "--context %d is not positive", length);
        check(blockSize > 0, "--block-size %d is not positive", blockSize);
        check(maxNumSeqs > 0, "--max-num-seqs %d is not positive", maxNumSeqs);
        check(
                maxNumBatchedTokens > 0,
                "--max-num-batched-tokens %d is not positive",
                maxNumBatchedTokens);
        check(
                gpuMemoryUtilization > 0 && gpuMemoryUtilization <= 1,
                "--gpu-memory-utilization %s is not between 0 and 1",
                gpuMemoryUtilization);
        return new PlanRequest(
                planned,
                WeightFormat.named(dtype),
                kvBytes(),
                length,
                maxNumSeqs,
                maxNumBatchedTokens,
                blockSize,
                gpuMemoryUtilization);
    }

    private static void check(boolean holds, String otherwise, Object value) {
        if (!holds) {
            throw new UserException(otherwise.formatted(value) + ".");
        }
    }

    private int kvBytes() {
        return switch (kvDtype.toLowerCase(Locale.ROOT)) {
            case "bf16" -> 2;
            case "fp8" -> 1;
            default ->
                    throw new UserException(
                            "--kv-dtype is %s, not '%s'.".formatted(KV_TYPES, kvDtype));
        };
    }

    private static long size(String text) {
        try {
            return ByteSize.of(text).bytes();
        } catch (IllegalArgumentException e) {
            throw new UserException("--memory: " + e.getMessage() + ".");
        }
    }

    private static void print(Object tree, PrintWriter out) throws IOException {
        out.println(
                new ObjectMapper()
                        .enable(SerializationFeature.INDENT_OUTPUT)
                        .writeValueAsString(tree));
        out.flush();
    }
}
