package io.chasqui.backend.cuda;

import java.util.List;
import java.util.function.Function;

/**
 * Addresses of the buffers that ranks read and write of each other, by rank.
 *
 * @param logits of rank 0
 */
record Peers(List<long[]> partials, long[] reduced, long[] flags, long[] sampled, long logits) {
    /** Room in the parameter blocks. */
    static final int MAX_RANKS = 8;

    static Peers of(List<Workspace> workspaces) {
        return new Peers(
                List.of(
                        addresses(workspaces, w -> w.partial.getFirst()),
                        addresses(workspaces, w -> w.partial.getLast())),
                addresses(workspaces, w -> w.reduced),
                addresses(workspaces, w -> w.flags),
                addresses(workspaces, w -> w.sampled),
                workspaces.getFirst().logits.address());
    }

    private static long[] addresses(
            List<Workspace> workspaces, Function<Workspace, DeviceMemory> buffer) {
        return workspaces.stream().mapToLong(w -> buffer.apply(w).address()).toArray();
    }

    int ranks() {
        return flags.length;
    }
}
