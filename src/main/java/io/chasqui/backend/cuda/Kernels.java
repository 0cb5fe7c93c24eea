package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;

/** All kernels, loaded into one device's context. */
final class Kernels implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final List<CUmodule> modules = new ArrayList<>();
    private final Map<String, Kernel> kernels = new HashMap<>();

    /** Loads the images; to be called on the device's thread. */
    Kernels(KernelModules images) {
        for (var image : images.modules()) {
            var module = new CUmodule();
            CudaError.check(cuModuleLoadData(module, image.image()), "loading " + image.name());
            modules.add(module);
            for (var name : image.kernels()) {
                kernels.put(name, load(module, name));
            }
        }
    }

    private Kernel load(CUmodule module, String name) {
        var function = new NativeFunction();
        CudaError.check(cuModuleGetFunction(function, module, name), "kernel " + name);
        return new Kernel(name, function, Driver.parameterBytes(function.handle(), name), arena);
    }

    /** A function's handle as a number, which the driver binding hides. */
    private static final class NativeFunction extends CUfunction {
        long handle() {
            return getNativePointer();
        }
    }

    /** The kernel of a name. */
    Kernel get(String name) {
        var kernel = kernels.get(name);
        if (kernel == null) {
            throw new IllegalArgumentException("there is no kernel " + name);
        }
        return kernel;
    }

    boolean has(String name) {
        return kernels.containsKey(name);
    }

    @Override
    public void close() {
        modules.forEach(module -> cuModuleUnload(module));
        arena.close();
    }
}
