package io.chasqui.backend.cuda;

import java.util.ArrayList;
import java.util.List;

/** The buffers of a step on a rank's device, see {@link WorkspaceSizes}; allocated once. */
final class Workspace implements AutoCloseable {
    private final List<DeviceMemory> all = new ArrayList<>();

    final DeviceMemory step;
    final DeviceMemory residual;
    final DeviceMemory x;
    final DeviceMemory squares;
    final DeviceMemory queries;
    final DeviceMemory attention;
    final DeviceMemory states;
    final DeviceMemory inner;
    final List<DeviceMemory> partial;
    final DeviceMemory reduced;
    final DeviceMemory flags;
    final DeviceMemory sampled;
    final DeviceMemory logits;
    final DeviceMemory masks;
    final DeviceMemory scratch;
    final DeviceMemory results;

    /** To be called on the device's thread. */
    Workspace(WorkspaceSizes sizes) {
        step = allocate("step inputs", sizes.step());
        residual = allocate("the residual stream", sizes.residual());
        x = allocate("inputs of projections", sizes.x());
        squares = allocate("sums of squares", sizes.squares());
        queries = allocate("queries", sizes.queries());
        attention = allocate("attention", sizes.attention());
        states = allocate("states of attention", sizes.states());
        inner = allocate("inner activations", sizes.inner());
        partial =
                List.of(
                        allocate("partial sums", sizes.partial()),
                        allocate("partial sums", sizes.partial()));
        reduced = allocate("sums over ranks", sizes.reduced());
        flags = allocate("counters of ranks", sizes.flags());
        flags.fill((byte) 0);
        sampled = allocate("sampled tokens", sizes.sampled());
        sampled.fill((byte) 0);
        logits = allocate("logits", sizes.logits());
        masks = allocate("masks", sizes.masks());
        scratch = allocate("sampling", sizes.scratch());
        results = allocate("results of sampling", sizes.results());
    }

    private DeviceMemory allocate(String what, long bytes) {
        var memory = DeviceMemory.allocate(what, bytes);
        all.add(memory);
        return memory;
    }

    /** To be called on the device's thread. */
    @Override
    public void close() {
        all.forEach(DeviceMemory::close);
    }
}
