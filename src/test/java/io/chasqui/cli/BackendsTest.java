package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.Backend;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.backend.cuda.CudaOptions;
import io.chasqui.config.ChasquiConfig;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackendsTest {
    private static final String NO_DRIVER = "there is no NVIDIA driver: install one.";

    /** CUDA as tests want it; remembers what was asked of it. */
    private static final class FakeCuda implements Backends.Cuda {
        final Backends.Probe probe;
        List<Integer> devices;
        double utilization;

        FakeCuda(String reason, int devices) {
            probe = new Backends.Probe(reason, devices);
        }

        @Override
        public Backends.Probe probe() {
            return probe;
        }

        @Override
        public Backend create(List<Integer> ordinals, CudaOptions options) {
            devices = ordinals;
            utilization = options.memoryUtilization();
            return null;
        }
    }

    private static ChasquiConfig config(String settings) {
        return KvCacheSizeTest.config(settings.isEmpty() ? new String[0] : settings.split(" "));
    }

    private static void refused(FakeCuda cuda, String settings, String... reasons) {
        var e =
                assertThrows(
                        UserException.class, () -> new Backends(cuda).create(config(settings)));
        for (var reason : reasons) {
            assertTrue(e.getMessage().contains(reason), e.getMessage());
        }
    }

    @Test
    void withoutAGpuTheCpuComputes() {
        var cuda = new FakeCuda(NO_DRIVER, 0);
        var choice = new Backends(cuda).create(config("threads=1"));
        try (var backend = choice.backend()) {
            assertTrue(backend instanceof CpuBackend);
        }
        assertEquals("CUDA is not used: " + NO_DRIVER, choice.why());
    }

    @Test
    void withAGpuCudaComputesUnlessTheCpuIsAskedFor() {
        var cuda = new FakeCuda(null, 1);
        new Backends(cuda).create(config(""));
        assertEquals(List.of(0), cuda.devices);
        assertEquals(0.9, cuda.utilization);
        try (var backend = new Backends(cuda).create(config("backend=cpu threads=1")).backend()) {
            assertTrue(backend instanceof CpuBackend);
        }
    }

    @Test
    void cudaThatCannotBeHadIsRefusedWithTheReason() {
        refused(new FakeCuda(NO_DRIVER, 0), "backend=cuda", "--backend cuda", NO_DRIVER);
    }

    @Test
    void anF32CacheIsForTheCpu() {
        refused(new FakeCuda(null, 1), "backend=cuda kv-cache-dtype=f32", "--kv-cache-dtype");
    }

    @ParameterizedTest
    @CsvSource({
        "tensor-parallel-size=2, '0,1'",
        "tensor-parallel-size=4, '0,1,2,3'",
        "tensor-parallel-size=2 devices=3;1, '3,1'",
        "tensor-parallel-size=2 devices=0;0, '0,0'",
        "devices=2, '2'",
    })
    void ranksGetTheirDevices(String settings, String devices) {
        var cuda = new FakeCuda(null, 4);
        new Backends(cuda).create(config(settings.replace(';', ',')));
        assertEquals(List.of(devices.split(",")), cuda.devices.stream().map(d -> "" + d).toList());
    }

    @Test
    void impossibleDevicesAreToldWithTheOption() {
        var cuda = new FakeCuda(null, 2);
        refused(cuda, "tensor-parallel-size=3", "--tensor-parallel-size 3", "power of two");
        refused(cuda, "tensor-parallel-size=0", "--tensor-parallel-size 0");
        refused(cuda, "tensor-parallel-size=16", "--tensor-parallel-size 16", "up to 8");
        refused(cuda, "tensor-parallel-size=4", "--tensor-parallel-size 4", "has 2");
        refused(cuda, "devices=0,1", "--devices", "2 GPUs");
        refused(cuda, "devices=7", "--devices", "GPU 7");
        refused(cuda, "gpu-memory-utilization=1.2", "--gpu-memory-utilization 1.2");
        refused(cuda, "gpu-memory-utilization=0", "--gpu-memory-utilization 0");
    }

    @Test
    void severalRanksNeedGpus() {
        refused(
                new FakeCuda(NO_DRIVER, 0),
                "tensor-parallel-size=2",
                "--tensor-parallel-size 2",
                NO_DRIVER);
    }
}
