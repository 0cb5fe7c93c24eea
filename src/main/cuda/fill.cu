// Fills a packed matrix with noise, so that a model of any size can be run without its weights: no
// memory of the host, no upload. See FillParams.
#include "params.cuh"

constexpr int FILL_THREADS = 256;
constexpr int CHUNK = 8; // elements in 16 bytes

// SplitMix64's output for state `counter`.
static __device__ __forceinline__ uint64_t mix(uint64_t counter) {
    uint64_t z = counter * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

// The bits in bf16, cut off and not rounded, of the sum of four uniform numbers: mean 0, deviation
// 0.02. Both the sum and one product of floats are exact the same way everywhere.
static __device__ __forceinline__ uint32_t noise(uint64_t counter) {
    uint64_t bits = mix(counter);
    int sum = static_cast<int>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) +
                               (bits >> 48));
    return __float_as_uint((sum - 131070) * static_cast<float>(0.02 / 37837)) >> 16;
}

// Two elements of a row; those from `columns` on are zeros.
static __device__ __forceinline__ uint32_t pair(uint64_t counter, int column, int columns) {
    uint32_t low = column < columns ? noise(counter + column) : 0;
    uint32_t high = column + 1 < columns ? noise(counter + column + 1) : 0;
    return low | high << 16;
}

// A block fills one tile.
extern "C" __global__ void __launch_bounds__(FILL_THREADS) fill(const __grid_constant__ FillParams p) {
    int column_tiles = (p.columns + TILE - 1) / TILE;
    int first_row = blockIdx.x / column_tiles * TILE;
    int first_column = blockIdx.x % column_tiles * TILE;
    unsigned char* tile =
        reinterpret_cast<unsigned char*>(p.tiles) + static_cast<size_t>(blockIdx.x) * TILE_BYTES;
    for (int i = threadIdx.x; i < TILE_BYTES / 16; i += FILL_THREADS) {
        int r = i / (TILE / CHUNK);
        int c = i % (TILE / CHUNK);
        int row = first_row + r;
        int column = first_column + c * CHUNK;
        uint4 chunk = {0, 0, 0, 0};
        if (row < p.rows) {
            uint64_t counter = p.counters[row];
            chunk = {pair(counter, column, p.columns), pair(counter, column + 2, p.columns),
                     pair(counter, column + 4, p.columns), pair(counter, column + 6, p.columns)};
        }
        *reinterpret_cast<uint4*>(tile + r * 128 + ((c ^ (r & 7)) << 4)) = chunk;
    }
}
KERNEL(fill)
