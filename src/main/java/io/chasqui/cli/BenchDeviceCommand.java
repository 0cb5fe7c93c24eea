package io.chasqui.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.chasqui.backend.cuda.CopyRate;
import io.chasqui.backend.cuda.CudaProbe;
import io.chasqui.backend.cuda.DeviceDescription;
import io.chasqui.backend.cuda.ProductRate;
import io.chasqui.config.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chasqui bench device}: what a GPU reaches, to compare a model's rates with. */
@Command(
        name = "device",
        description = "Measure how fast a GPU copies within its own memory, and multiplies.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class BenchDeviceCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(
            names = "--device",
            paramLabel = "N",
            defaultValue = "0",
            description = "The GPU, counted from 0 (default: ${DEFAULT-VALUE}).")
    private int device;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            defaultValue = "1G",
            description = "Bytes of one copy (default: ${DEFAULT-VALUE}).")
    private String size;

    @Option(
            names = "--matmul",
            paramLabel = "N",
            defaultValue = "8192",
            description =
                    "Rows, columns and tokens of one matrix product, a multiple of 32"
                            + " (default: ${DEFAULT-VALUE}).")
    private int matmul;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the result as JSON, too.")
    private Path json;

    /** As {@code --json} writes it; bytes read and written are both counted. */
    private record Report(DeviceDescription device, double copyBytesPerSecond, Matmul matmul) {}

    private record Matmul(int m, int n, int k, double flopsPerSecond) {}

    @Override
    public Integer call() throws IOException {
        var probe = CudaProbe.run();
        if (probe.reason() != null) {
            throw new UserException("CUDA cannot be used: " + probe.reason());
        }
        if (device < 0 || device >= probe.devices()) {
            throw new UserException(
                    "--device %d: this machine has %d GPUs, counted from 0."
                            .formatted(device, probe.devices()));
        }
        if (matmul <= 0 || matmul % 32 != 0) {
            throw new UserException("--matmul %d: not a multiple of 32.".formatted(matmul));
        }
        var rate = CopyRate.measure(device, bytes());
        var product = ProductRate.measure(device, matmul);
        var out = spec.commandLine().getOut();
        out.println(rate.device());
        out.printf("copies %.1f GB/s, read and written%n", rate.bytesPerSecond() / 1e9);
        out.printf(
                "multiplies %.1f TFLOP/s, %d cubed, this program's kernels%n",
                product.flopsPerSecond() / 1e12, matmul);
        out.flush();
        if (json != null) {
            var mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
            var report =
                    new Report(
                            rate.device(),
                            rate.bytesPerSecond(),
                            new Matmul(matmul, matmul, matmul, product.flopsPerSecond()));
            Files.write(json, mapper.writeValueAsBytes(report));
        }
        return 0;
    }

    private long bytes() {
        try {
            return ByteSize.of(size).bytes();
        } catch (IllegalArgumentException e) {
            throw new UserException("--size: " + e.getMessage());
        }
    }
}
