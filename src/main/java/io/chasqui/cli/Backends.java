package io.chasqui.cli;

import io.chasqui.backend.Backend;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.backend.cuda.CudaBackend;
import io.chasqui.backend.cuda.CudaException;
import io.chasqui.backend.cuda.CudaOptions;
import io.chasqui.backend.cuda.CudaProbe;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ChasquiConfig.KvCacheType;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/** Chooses what computes: GPUs where CUDA can be used, else the cores of this machine. */
final class Backends {
    private final Cuda cuda;

    /** CUDA on this machine. */
    interface Cuda {
        /** Looks for a driver and GPUs, without loading anything when there are none. */
        Probe probe();

        /**
         * @param devices ordinals, one a rank
         */
        Backend create(List<Integer> devices, CudaOptions options);
    }

    /**
     * What there is of CUDA.
     *
     * @param reason why CUDA cannot be used and what mends it; null when it can
     * @param devices number of GPUs
     */
    record Probe(String reason, int devices) {}

    /** A backend, and why it is that one, for the log. */
    record Choice(Backend backend, String why) {}

    private static final Cuda MACHINE =
            new Cuda() {
                @Override
                public Probe probe() {
                    var probe = CudaProbe.run();
                    return new Probe(probe.reason(), probe.devices());
                }

                @Override
                public Backend create(List<Integer> devices, CudaOptions options) {
                    return CudaBackend.create(devices, options);
                }
            };

    Backends(Cuda cuda) {
        this.cuda = cuda;
    }

    /** Those that this machine can have. */
    static Backends ofMachine() {
        return new Backends(MACHINE);
    }

    /**
     * The backend that the settings ask for.
     *
     * @throws UserException if it cannot be had
     */
    Choice create(ChasquiConfig config) {
        return create(config, !config.enforceEager());
    }

    /**
     * The same, whatever the settings say of CUDA graphs.
     *
     * @param graphs whether GPUs record steps and replay them
     */
    Choice create(ChasquiConfig config, boolean graphs) {
        return switch (config.backend()) {
            case CPU -> cpu(config, "--backend cpu");
            case CUDA ->
                    cuda(
                            config,
                            graphs,
                            reason -> {
                                throw new UserException("--backend cuda: " + reason);
                            });
            case AUTO -> cuda(config, graphs, reason -> cpu(config, "CUDA is not used: " + reason));
        };
    }

    /** Whether these settings lead to GPUs, as far as can be told without opening them. */
    boolean choosesCuda(ChasquiConfig config) {
        return config.backend() != ChasquiConfig.BackendType.CPU && cuda.probe().reason() == null;
    }

    private static Choice cpu(ChasquiConfig config, String why) {
        if (config.tensorParallelSize() > 1) {
            throw new UserException(
                    "--tensor-parallel-size %d divides a model over GPUs, but: %s"
                            .formatted(config.tensorParallelSize(), why));
        }
        int threads = config.threads().orElse(0);
        return new Choice(CpuBackend.create(threads, config.vectorBits().orElse(0), false), why);
    }

    private Choice cuda(ChasquiConfig config, boolean graphs, Function<String, Choice> otherwise) {
        var probe = cuda.probe();
        if (probe.reason() != null) {
            return otherwise.apply(probe.reason());
        }
        if (config.kvCacheDtype() == KvCacheType.F32) {
            return otherwise.apply("--kv-cache-dtype f32 is for the CPU; leave it or take bf16.");
        }
        if (!(config.gpuMemoryUtilization() > 0 && config.gpuMemoryUtilization() <= 1)) {
            throw new UserException(
                    "--gpu-memory-utilization %s is not a share: more than 0, at most 1."
                            .formatted(config.gpuMemoryUtilization()));
        }
        var devices = devices(config, probe.devices());
        var options = new CudaOptions(config.gpuMemoryUtilization(), graphs, false);
        try {
            return new Choice(cuda.create(devices, options), "GPUs " + devices);
        } catch (CudaException e) {
            throw new UserException("CUDA: " + e.getMessage() + ".");
        }
    }

    private static List<Integer> devices(ChasquiConfig config, int present) {
        int ranks = config.tensorParallelSize();
        if (ranks < 1 || ranks > CapacityPlan.MOST_RANKS || Integer.bitCount(ranks) != 1) {
            throw new UserException(
                    "--tensor-parallel-size %d is not a power of two up to %d."
                            .formatted(ranks, CapacityPlan.MOST_RANKS));
        }
        var devices = config.devices().orElseGet(() -> IntStream.range(0, ranks).boxed().toList());
        if (devices.size() != ranks) {
            throw new UserException(
                    "--devices names %d GPUs, --tensor-parallel-size %d needs as many."
                            .formatted(devices.size(), ranks));
        }
        for (int device : devices) {
            if (device < 0 || device >= present) {
                throw new UserException(
                        "%s asks for GPU %d; this machine has %d, counted from 0."
                                .formatted(
                                        config.devices().isPresent()
                                                ? "--devices"
                                                : "--tensor-parallel-size " + ranks,
                                        device,
                                        present));
            }
        }
        return devices;
    }
}
