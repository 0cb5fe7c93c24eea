package io.chasqui.backend.cuda;

import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.RankShape;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of all layers in bf16, each rank's KV heads on its device: {@code [layer][block]
 * [kvHead][token][headDim]}, keys and values apart.
 */
final class CudaKvCache implements KvCacheStorage {
    private static final byte NAN = (byte) 0xff;

    private final List<CudaDevice> devices;
    private final RankShape shape;
    private final int numBlocks;
    private final int blockSize;
    private final List<Pages> ranks = new ArrayList<>();

    private record Pages(DeviceMemory keys, DeviceMemory values) {}

    CudaKvCache(List<CudaDevice> devices, RankShape shape, int numBlocks, int blockSize) {
        this.devices = devices;
        this.shape = shape;
        this.numBlocks = numBlocks;
        this.blockSize = blockSize;
        for (var device : devices) {
            ranks.add(device.call(() -> new Pages(allocate("keys"), allocate("values"))));
        }
    }

    private DeviceMemory allocate(String what) {
        var memory = DeviceMemory.allocate("the KV cache's " + what, layerBytes() * layers());
        memory.fill((byte) 0);
        return memory;
    }

    private int layers() {
        return shape.model().layers();
    }

    private long layerBytes() {
        return blockBytes() * numBlocks;
    }

    private long blockBytes() {
        return (long) blockSize * shape.kvHeads() * shape.model().headDim() * Short.BYTES;
    }

    /** Writes the struct {@code KvPages}. */
    void write(int rank, int layer, ParameterBlock parameters) {
        var pages = ranks.get(rank);
        parameters
                .put(pages.keys().address() + layer * layerBytes())
                .put(pages.values().address() + layer * layerBytes())
                .put(shape.kvHeads())
                .put(blockSize)
                .put(shape.model().headDim())
                .endStruct();
    }

    @Override
    public int numBlocks() {
        return numBlocks;
    }

    @Override
    public int blockSize() {
        return blockSize;
    }

    @Override
    public long bytes() {
        return ranks.stream().mapToLong(r -> r.keys().bytes() + r.values().bytes()).sum();
    }

    @Override
    public void poison(int block) {
        for (int rank = 0; rank < devices.size(); rank++) {
            var pages = ranks.get(rank);
            var device = devices.get(rank);
            device.run(
                    () -> {
                        device.synchronize();
                        for (int layer = 0; layer < layers(); layer++) {
                            long at = layer * layerBytes() + block * blockBytes();
                            pages.keys().fill(at, blockBytes(), NAN);
                            pages.values().fill(at, blockBytes(), NAN);
                        }
                    });
        }
    }

    @Override
    public void close() {
        for (int rank = 0; rank < devices.size(); rank++) {
            var pages = ranks.get(rank);
            devices.get(rank)
                    .free(
                            () -> {
                                pages.keys().close();
                                pages.values().close();
                            });
        }
    }
}
