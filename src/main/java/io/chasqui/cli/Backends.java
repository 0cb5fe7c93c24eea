package io.chasqui.cli;

import io.chasqui.backend.Backend;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ChasquiConfig.KvCacheType;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/** Chooses what computes: GPUs where CUDA can be used, else the cores of this machine. */
final class Backends {
    private static final System.Logger LOG = System.getLogger(Backends.class.getName());

    private final Cuda cuda;

    /** CUDA on this machine. */
    interface Cuda {
        /** Looks for a driver and GPUs, without loading anything when there are none. */
        Probe probe();

        /**
         * @param devices ordinals, one a rank
         * @param utilization share of a device's memory that may be taken
         */
        Backend create(List<Integer> devices, double utilization);
    }

    /**
     * What there is of CUDA.
     *
     * @param reason why CUDA cannot be used and what mends it; null when it can
     * @param devices number of GPUs
     */
    record Probe(String reason, int devices) {}

    private static final Cuda NO_CUDA =
            new Cuda() {
                @Override
                public Probe probe() {
                    return new Probe("this build has no CUDA backend.", 0);
                }

                @Override
                public Backend create(List<Integer> devices, double utilization) {
                    throw new UnsupportedOperationException();
                }
            };

    Backends(Cuda cuda) {
        this.cuda = cuda;
    }

    /** Those that this machine can have. */
    static Backends ofMachine() {
        return new Backends(NO_CUDA);
    }

    /**
     * The backend that the settings ask for.
     *
     * @throws UserException if it cannot be had
     */
    Backend create(ChasquiConfig config) {
        return switch (config.backend()) {
            case CPU -> cpu(config);
            case CUDA ->
                    cuda(
                            config,
                            reason -> {
                                throw new UserException("--backend cuda: " + reason);
                            });
            case AUTO ->
                    cuda(
                            config,
                            reason -> {
                                LOG.log(System.Logger.Level.INFO, "CUDA is not used: {0}", reason);
                                return cpu(config);
                            });
        };
    }

    private Backend cpu(ChasquiConfig config) {
        if (config.tensorParallelSize() > 1) {
            throw new UserException(
                    "--tensor-parallel-size %d divides a model over GPUs; without them it must be 1."
                            .formatted(config.tensorParallelSize()));
        }
        return CpuBackend.create(config.threads().orElse(0), config.vectorBits().orElse(0), false);
    }

    private Backend cuda(ChasquiConfig config, Function<String, Backend> otherwise) {
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
        return cuda.create(devices(config, probe.devices()), config.gpuMemoryUtilization());
    }

    private static List<Integer> devices(ChasquiConfig config, int present) {
        int ranks = config.tensorParallelSize();
        if (Integer.bitCount(ranks) != 1 || ranks < 1) {
            throw new UserException(
                    "--tensor-parallel-size %d is not a power of two.".formatted(ranks));
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
