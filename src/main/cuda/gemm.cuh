// The matrix products: y [tokens, rows] = x [tokens, columns] . W^T, with one loop for every shape.
//
// Weights are operand A of mma.m16n8k16 and tokens its n dimension, at every number of tokens. An
// element of y is one chain of accumulation over k upwards in steps of 16, in every tile: tiles below
// differ in speed, never in bits.
//
// A block makes a tile of y, ROWS x TOKENS. It copies weights and x through a ring of STAGES stages of
// K_TILES tiles of 64 columns with cp.async; each multiplying warp has WARP_ROWS x WARP_TOKENS of it.
// Where a step of k is short, COPY_WARPS warps do nothing but copy, so that computing addresses isn't
// between one mma and the next; else all warps copy. In the end y goes through shared memory to threads that each take a few rows of one token, write
// neighbouring addresses and have in hand what belongs together: pairs to rotate, gate and up, groups
// of squares.
//
// Which tile suits (bytes per second from memory: 3.35 TB/s on an H100 with 132 multiprocessors, that
// is 25 KB per microsecond and multiprocessor; at a latency of 0.7 us 18 KB must be under way in each,
// on an H200 25 KB; from L2 about 5.5 TB/s in all; 600 TFLOP/s of mma.sync at most):
//
// * Up to 8 tokens only weights cost. 16 rows a block make 256 blocks of the 4096 rows of Llama 3.1
//   8B's output projection, so each multiprocessor has about two, with 3 x 8 KB of weights under way
//   in each. One multiplying warp suffices: a chain of mma costs about 33 cycles a step of 16, and
//   takes 512 bytes, 27 KB per microsecond. x comes from L2: half the weights' bytes at 8 tokens, 1/16 at one.
// * W bytes of weights with B tokens and R rows a block are W (1 + B / R) bytes from L2, and from 16
//   tokens on that is what costs: 32 rows to 32 tokens (at most 2 W), 64 rows to 64 (2 W). Less would
//   need wider tiles, and the 4096 rows then don't occupy the multiprocessors: 64 blocks of 64 rows
//   draw 86 KB per microsecond each, for which their ring of 96 KB is made.
// * Beyond that operations cost, and shared memory: a warp's 64 x 64 reads 8 ldmatrix of 512 bytes for
//   32 mma, so the four warps of a tile of 128 x 128 read 16 KB and write 8 KB a step of 16, 24 KB in
//   128 mma or 210 cycles at 600 TFLOP/s: 117 of 128 bytes a cycle. Warps of 64 x 32 would read half
//   as much again, more than there is. Two blocks share a multiprocessor, so that one multiplies while
//   the other waits; three stages of 32 KB then are 128 KB under way.
//   A step of 16 k of a narrower tile costs as much as a full one: GemmTile.java takes this tile when
//   it makes enough blocks.
//
// Blocks whose tokens are near each other in number run at the same time, so that weights pass through
// L2 once for TOKENS_TOGETHER tiles of tokens.
//
// No tile has more than 99 KB of shared memory, which all GPUs from 8.0 on have.
//
// A per-row addend of an adapter (LoRA) belongs where y is read by Product::store: there y [row] of
// one token is at hand, before scale and activation.
#pragma once
#include "norm.cuh"
#include "params.cuh"

template <int ROWS_, int TOKENS_, int WARP_ROWS_, int WARP_TOKENS_, int COPY_WARPS_, int K_TILES_,
          int STAGES_>
struct GemmTile {
    static constexpr int ROWS = ROWS_;
    static constexpr int TOKENS = TOKENS_;
    static constexpr int WARP_ROWS = WARP_ROWS_;
    static constexpr int WARP_TOKENS = WARP_TOKENS_;
    static constexpr int K_TILES = K_TILES_;
    static constexpr int STAGES = STAGES_;

    static constexpr int ROW_WARPS = ROWS / WARP_ROWS;
    static constexpr int MULTIPLYING_WARPS = ROW_WARPS * (TOKENS / WARP_TOKENS);
    static constexpr int COPY_WARPS = COPY_WARPS_ > 0 ? COPY_WARPS_ : MULTIPLYING_WARPS;
    static constexpr int FIRST_COPY_WARP = COPY_WARPS_ > 0 ? MULTIPLYING_WARPS : 0;
    static constexpr int COPY_THREADS = 32 * COPY_WARPS;
    static constexpr int WARPS = FIRST_COPY_WARP + COPY_WARPS;
    static constexpr int THREADS = 32 * WARPS;
    static constexpr int BLOCKS = 2; // on a multiprocessor: registers need not suffice for more

    // A row of 64 elements in the ring, of weights as of x: 8 chunks of 16 bytes, swizzled.
    static constexpr int LINE_BYTES = TILE * 2;
    static constexpr int CHUNKS = LINE_BYTES / 16;
    static constexpr int WEIGHT_BYTES = ROWS * LINE_BYTES;
    static constexpr int X_BYTES = TOKENS * LINE_BYTES;
    static constexpr int STAGE_BYTES = K_TILES * (WEIGHT_BYTES + X_BYTES);
    static constexpr int RING_BYTES = STAGES * STAGE_BYTES;
    static constexpr int SHARED_BYTES = RING_BYTES + TOKENS * 4; // ring, then scales

    // Chunks that a thread copies of each tile of 64 columns.
    static constexpr int WEIGHT_COPIES = ROWS * CHUNKS / COPY_THREADS;
    static constexpr int X_COPIES = TOKENS * CHUNKS / COPY_THREADS;

    // y in shared memory, [TOKENS][Y_PITCH]: writes of fragments meet 32 different banks.
    static constexpr int Y_PITCH = ROWS + 4;

    static_assert(FIRST_COPY_WARP % COPY_WARPS == 0, "threads that copy are numbered from 0");
    static_assert(WEIGHT_COPIES * COPY_THREADS == ROWS * CHUNKS &&
                      X_COPIES * COPY_THREADS == TOKENS * CHUNKS,
                  "every thread copies as much");
    static_assert(TOKENS * Y_PITCH * 4 <= RING_BYTES, "y takes the ring's place");
    static_assert(SHARED_BYTES <= 99 * 1024, "for every GPU");
};

// Names, threads and bytes are known to GemmTile.java.
using Tile16x8 = GemmTile<16, 8, 16, 8, 1, 4, 4>;
using Tile32x32 = GemmTile<32, 32, 16, 16, 4, 2, 6>;
using Tile64x64 = GemmTile<64, 64, 32, 32, 4, 1, 6>;
using Tile128x128 = GemmTile<128, 128, 64, 64, 0, 1, 3>;

// Tiles of tokens that share the weights in L2: their x is 2048 tokens at 128 a tile.
constexpr int TOKENS_TOGETHER = 16;

// Where a block's tile lies. Any grid of row tiles x token tiles is gone through in bands of
// TOKENS_TOGETHER token tiles, in each row tile by row tile.
struct TilePosition {
    int row;
    int token;

    __device__ __forceinline__ TilePosition() {
        const int index = blockIdx.y * gridDim.x + blockIdx.x;
        const int band = index / (TOKENS_TOGETHER * gridDim.x);
        const int first = band * TOKENS_TOGETHER;
        const int width = min(TOKENS_TOGETHER, static_cast<int>(gridDim.y) - first);
        const int inside = index - first * gridDim.x;
        row = inside / width;
        token = first + inside % width;
    }
};

// Copies of one thread into the ring.
template <class Tile>
class RingWriter {
public:
    // `row_of(n)` is the row of x of the block's n-th token, `count` the number of its tokens.
    template <class RowOf>
    __device__ __forceinline__ RingWriter(const Matrix& w, int first_row, const bf16* x, int count,
                                          RowOf row_of)
        : thread(threadIdx.x % Tile::COPY_THREADS),
          tiles((w.columns + TILE - 1) / TILE),
          x_chunks(w.columns * 2 / 16),
          x(reinterpret_cast<const uint4*>(x)) {
        const int row_tile = first_row / TILE;
        weights = reinterpret_cast<const unsigned char*>(w.tiles) +
                  static_cast<size_t>(row_tile) * tiles * TILE_BYTES +
                  first_row % TILE * Tile::LINE_BYTES + thread * 16;
        has_second_row_tile = (row_tile + 1) * TILE < w.rows;
#pragma unroll
        for (int i = 0; i < Tile::X_COPIES; i++) {
            rows[i] = token(i) < count ? row_of(token(i)) * x_chunks + chunk() : NO_ROW;
        }
    }

    __device__ __forceinline__ int k_tiles() const { return tiles; }

    // Starts the copies of a stage, those of the tiles that there are.
    __device__ __forceinline__ void copy(unsigned char* stage, int first_k_tile) const {
#pragma unroll
        for (int k = 0; k < Tile::K_TILES; k++) {
            if (first_k_tile + k < tiles) {
                copy_weights(stage + k * Tile::WEIGHT_BYTES, first_k_tile + k);
                copy_x(stage + Tile::K_TILES * Tile::WEIGHT_BYTES + k * Tile::X_BYTES,
                       first_k_tile + k);
            }
        }
    }

private:
    static constexpr uint32_t NO_ROW = ~0u;

    __device__ __forceinline__ int chunk() const { return thread % Tile::CHUNKS; }

    __device__ __forceinline__ int token(int i) const {
        return thread / Tile::CHUNKS + i * (Tile::COPY_THREADS / Tile::CHUNKS);
    }

    // Lines of weights are swizzled in memory already.
    __device__ __forceinline__ void copy_weights(unsigned char* stage, int k_tile) const {
        const unsigned char* first = weights + static_cast<size_t>(k_tile) * TILE_BYTES;
        const unsigned char* second = first + static_cast<size_t>(tiles) * TILE_BYTES;
        unsigned char* to = stage + thread * 16;
#pragma unroll
        for (int i = 0; i < Tile::WEIGHT_COPIES; i++) {
            const int offset = i * Tile::COPY_THREADS * 16;
            if (offset < TILE_BYTES) {
                cp_async_16(to + offset, first + offset);
            } else {
                cp_async_16_zfill(to + offset, second + (offset - TILE_BYTES), has_second_row_tile);
            }
        }
    }

    // Zeros beyond the last token and the last column, where `from` isn't read.
    __device__ __forceinline__ void copy_x(unsigned char* stage, int k_tile) const {
        const uint4* from = x + k_tile * Tile::CHUNKS;
        const bool inside = k_tile * Tile::CHUNKS + chunk() < x_chunks;
#pragma unroll
        for (int i = 0; i < Tile::X_COPIES; i++) {
            const int n = token(i);
            cp_async_16_zfill(stage + n * Tile::LINE_BYTES + ((chunk() ^ (n & 7)) << 4),
                              from + rows[i], inside && rows[i] != NO_ROW);
        }
    }

    int thread; // among those that copy
    int tiles;
    int x_chunks; // of a row
    bool has_second_row_tile;
    const unsigned char* weights;
    const uint4* x;
    uint32_t rows[Tile::X_COPIES]; // where the thread's chunks of the rows begin in x
};

// A warp's operands of one step of 16 columns.
template <class Tile>
struct Operands {
    static constexpr int A = Tile::WARP_ROWS / 16;
    static constexpr int B = Tile::WARP_TOKENS / 8;
    uint32_t a[A][4];
    uint32_t b[B][2];
};

// A warp's part of the tile: where its operands lie in a stage, and its sums.
template <class Tile>
class WarpProduct {
public:
    __device__ __forceinline__ WarpProduct() {
        const int lane = lane_id();
        first_row = warp_id() % Tile::ROW_WARPS * Tile::WARP_ROWS;
        first_token = warp_id() / Tile::ROW_WARPS * Tile::WARP_TOKENS;
        // Matrices 0 and 1 of A are rows 0-7 and 8-15 of the first 8 columns, 2 and 3 of the next;
        // 0 and 1 of B the first and next 8 columns of tokens 0-7, 2 and 3 of tokens 8-15. A line's
        // chunk is swizzled by its number modulo 8, that is lane % 8 in both.
        a_line = (first_row + lane % 16) * Tile::LINE_BYTES;
        a_chunk = (lane / 16 ^ lane % 8) << 4;
        b_line = (first_token + lane % 8 + (Tile::WARP_TOKENS > 8 ? lane / 16 * 8 : 0)) *
                 Tile::LINE_BYTES;
        b_chunk = (lane / 8 % 2 ^ lane % 8) << 4;
#pragma unroll
        for (int i = 0; i < Operands<Tile>::A; i++) {
#pragma unroll
            for (int j = 0; j < Operands<Tile>::B; j++) {
#pragma unroll
                for (int k = 0; k < 4; k++) sums[i][j][k] = 0;
            }
        }
    }

    // Multiplies `k_tiles` tiles of columns of a stage; the operands of a step are loaded while the
    // last step's are multiplied.
    __device__ __forceinline__ void multiply(const unsigned char* stage, int k_tiles) {
        constexpr int STEPS = Tile::K_TILES * (TILE / 16);
        Operands<Tile> operands[2];
        load(operands[0], stage, 0);
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            if (Tile::K_TILES > 1 && step % 4 == 0 && step / 4 >= k_tiles) break;
            if (step + 1 < STEPS) load(operands[(step + 1) % 2], stage, step + 1);
            multiply(operands[step % 2]);
        }
    }

    // Writes the sums to y.
    __device__ __forceinline__ void store(float* y) const {
        const int row = first_row + lane_id() / 4;
        const int token = first_token + lane_id() % 4 * 2;
#pragma unroll
        for (int i = 0; i < Operands<Tile>::A; i++) {
#pragma unroll
            for (int j = 0; j < Operands<Tile>::B; j++) {
                float* to = y + (token + 8 * j) * Tile::Y_PITCH + row + 16 * i;
                to[0] = sums[i][j][0];
                to[Tile::Y_PITCH] = sums[i][j][1];
                to[8] = sums[i][j][2];
                to[Tile::Y_PITCH + 8] = sums[i][j][3];
            }
        }
    }

private:
    __device__ __forceinline__ void load(Operands<Tile>& o, const unsigned char* stage,
                                         int step) const {
        const int k_tile = step / 4;
        const int first_chunk = step % 4 * 2 << 4;
        const unsigned char* a = stage + k_tile * Tile::WEIGHT_BYTES + a_line + (a_chunk ^ first_chunk);
        const unsigned char* b = stage + Tile::K_TILES * Tile::WEIGHT_BYTES + k_tile * Tile::X_BYTES +
                                 b_line + (b_chunk ^ first_chunk);
#pragma unroll
        for (int i = 0; i < Operands<Tile>::A; i++) {
            ldmatrix_x4(o.a[i], a + i * 16 * Tile::LINE_BYTES);
        }
        if constexpr (Operands<Tile>::B == 1) {
            ldmatrix_x2(o.b[0], b);
        } else {
#pragma unroll
            for (int j = 0; j < Operands<Tile>::B; j += 2) {
                uint32_t r[4];
                ldmatrix_x4(r, b + j * 8 * Tile::LINE_BYTES);
                o.b[j][0] = r[0];
                o.b[j][1] = r[1];
                o.b[j + 1][0] = r[2];
                o.b[j + 1][1] = r[3];
            }
        }
    }

    __device__ __forceinline__ void multiply(const Operands<Tile>& o) {
#pragma unroll
        for (int i = 0; i < Operands<Tile>::A; i++) {
#pragma unroll
            for (int j = 0; j < Operands<Tile>::B; j++) mma_bf16(sums[i][j], o.a[i], o.b[j]);
        }
    }

    int first_row;
    int first_token;
    int a_line;
    int a_chunk;
    int b_line;
    int b_chunk;
    float sums[Operands<Tile>::A][Operands<Tile>::B][4];
};

// A block's tile of a product. `Product` is a stage:
//
//     int tokens()                              how many there are
//     const Matrix& weights()
//     const bf16* x(), int row(int n)           the n-th token's row in x
//     void fold<WARPS>(float* scales, int count, RowOf row_of)
//                                               what its result is to be multiplied with
//     static constexpr int ELEMENTS             rows that a thread stores at once
//     void store(int n, int first_row, int unit, const float* y, float scale)
//                                               the tile's unit-th ELEMENTS rows of token n, whose y
//                                               is that of the tile's first row and on
template <class Tile, class Product>
__device__ __forceinline__ void multiply(const Product& product) {
    const TilePosition position;
    const int first_token = position.token * Tile::TOKENS;
    const int count = min(Tile::TOKENS, product.tokens() - first_token);
    if (count <= 0) return; // the grid is made for more tokens than the step has
    const Matrix& w = product.weights();
    const int first_row = position.row * Tile::ROWS;

    DYNAMIC_SHARED(unsigned char, ring);
    float* scales = reinterpret_cast<float*>(ring + Tile::RING_BYTES);
    const auto row_of = [&](int n) { return product.row(first_token + n); };
    const RingWriter<Tile> writer(w, first_row, product.x(), count, row_of);
    const int k_tiles = writer.k_tiles();

    const bool copies = warp_id() >= Tile::FIRST_COPY_WARP;
    const bool multiplies = warp_id() < Tile::MULTIPLYING_WARPS;
    if (copies) {
#pragma unroll
        for (int s = 0; s < Tile::STAGES - 1; s++) {
            writer.copy(ring + s * Tile::STAGE_BYTES, s * Tile::K_TILES);
            cp_async_commit();
        }
    }
    product.template fold<Tile::WARPS>(scales, count, row_of);

    WarpProduct<Tile> warp;
    int read = 0;
    int write = Tile::STAGES - 1;
#pragma unroll 1
    for (int k = 0; k < k_tiles; k += Tile::K_TILES) {
        cp_async_wait<Tile::STAGES - 2>();
        __syncthreads(); // the stage to read is there, and all have read the one to write
        if (copies) {
            writer.copy(ring + write * Tile::STAGE_BYTES, k + (Tile::STAGES - 1) * Tile::K_TILES);
            cp_async_commit();
        }
        if (multiplies) warp.multiply(ring + read * Tile::STAGE_BYTES, k_tiles - k);
        write = read;
        read = read + 1 == Tile::STAGES ? 0 : read + 1;
    }
    __syncthreads();

    float* y = reinterpret_cast<float*>(ring);
    if (multiplies) warp.store(y);
    __syncthreads();
    constexpr int UNITS = Tile::ROWS / Product::ELEMENTS;
    for (int i = threadIdx.x; i < count * UNITS; i += Tile::THREADS) {
        const int n = i / UNITS;
        const int unit = i % UNITS;
        product.store(first_token + n, first_row, unit, y + n * Tile::Y_PITCH, scales[n]);
    }
}

__device__ __forceinline__ float4 scaled(const float* y, float scale) {
    const float4 v = *reinterpret_cast<const float4*>(y);
    return {__fmul_rn(v.x, scale), __fmul_rn(v.y, scale), __fmul_rn(v.z, scale),
            __fmul_rn(v.w, scale)};
}

// Four numbers in bf16, at an address that is a multiple of 8.
__device__ __forceinline__ void store_bf16(bf16* to, float4 v) {
    const __nv_bfloat162 pairs[2] = {__floats2bfloat162_rn(v.x, v.y), __floats2bfloat162_rn(v.z, v.w)};
    uint2 bits;
    memcpy(&bits, pairs, sizeof bits);
    *reinterpret_cast<uint2*>(to) = bits;
}

// What stages have in common that read the residual through RMSNorm, of every token of the step.
template <class Parameters>
struct NormedProduct {
    const Parameters& p;

    __device__ __forceinline__ int tokens() const { return p.step.counts->tokens; }
    __device__ __forceinline__ const Matrix& weights() const { return p.weights; }
    __device__ __forceinline__ const bf16* x() const { return p.in.x; }
    __device__ __forceinline__ int row(int n) const { return n; }

    template <int WARPS, class RowOf>
    __device__ __forceinline__ void fold(float* scales, int count, RowOf row_of) const {
        fold_squares<WARPS>(scales, p.in, p.norm_eps, count, row_of);
    }
};

#define PRODUCT_KERNEL(name, Parameters, Product, Tile)                       \
    extern "C" __global__ void __launch_bounds__(Tile::THREADS, Tile::BLOCKS) \
        name(const __grid_constant__ Parameters p) {                          \
        multiply<Tile>(Product{p});                                           \
    }
