package io.chasqui.backend.cuda;

import java.util.List;

/** Kernels as the emulator has them: by name, from whatever image. */
final class EmulatedKernels {
    private static final byte[] ANY_IMAGE = {0};

    private EmulatedKernels() {}

    /** To be called on the device's thread. */
    static Kernels load(String... names) {
        var module = new KernelModules.Module("emulated", List.of(names), ANY_IMAGE);
        return new Kernels(new KernelModules("emulated", List.of(module)));
    }
}
