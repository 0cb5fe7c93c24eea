package io.chasqui.backend.cpu;

import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Queries, keys and values of a layer in one region: a work item is a run of tiles that holds whole
 * heads, so that the worker which computed a head also rotates it and stores it in the cache.
 */
final class QkvProjection {
    private final Kernels kernels;
    private final WorkerPool pool;
    private final Linear linear;
    private final ProjectionInput input;
    private final Map<PackedMatrix, HeadTiles> headTiles = new IdentityHashMap<>();
    private final WorkerPool.Region project = this::project;

    private CpuForwardPass pass;
    private PackedMatrix weights;
    private HeadTiles units;
    private CpuKvCache cache;
    private int layer;

    QkvProjection(Kernels kernels, WorkerPool pool, Linear linear, ProjectionInput input) {
        this.kernels = kernels;
        this.pool = pool;
        this.linear = linear;
        this.input = input;
    }

    void run(CpuForwardPass forward, CpuVector norm, PackedMatrix qkv, CpuKvCache kv, int index) {
        pass = forward;
        weights = qkv;
        cache = kv;
        layer = index;
        units =
                headTiles.computeIfAbsent(
                        qkv, matrix -> HeadTiles.of(matrix, forward.shape.headDim()));
        input.packNormed(forward, forward.residual, forward.tokens(), norm.values());
        pool.run(units.count(), 1, project);
    }

    private void project(int worker, int from, int to) {
        linear.multiply(
                worker, weights, pass.packed, units.firstTile(from), units.firstTile(to), pass.qkv);
        int headDim = pass.shape.headDim();
        int end = units.firstRow(to) / headDim;
        for (int head = units.firstRow(from) / headDim; head < end; head++) {
            finishHead(head);
        }
    }

    /** Rotates a query; rotates and stores a key; stores a value. Heads are counted over all. */
    private void finishHead(int head) {
        var shape = pass.shape;
        int dim = shape.headDim();
        int half = dim / 2;
        int width = weights.rows();
        int key = head - shape.heads();
        int value = key - shape.kvHeads();
        int[] slots = pass.batch().slotMapping();
        for (int t = 0; t < pass.tokens(); t++) {
            int at = t * width + head * dim;
            if (value >= 0) {
                cache.storeValue(layer, slots[t], value, pass.qkv, at);
                continue;
            }
            kernels.rotate(pass.qkv, at, half, pass.cos, pass.sin, t * half);
            if (key >= 0) {
                cache.storeKey(layer, slots[t], key, pass.qkv, at);
            }
        }
    }
}
