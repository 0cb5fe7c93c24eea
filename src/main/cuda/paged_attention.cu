// Grouped-query attention over the paged cache, for prefill and decode alike, and the fold of the
// states that decode over long contexts leaves behind.
//
// Order of the arithmetic, for one row (a query token and one of its heads) by itself: keys are cut
// into tiles of 64 and those into chunks of 256, both counted from position 0. Within a chunk, tile
// by tile:
//
//     s = q . K^T                          mma over the dimensions, upwards in steps of 16
//     m' = max(m, max(s) * scale * log2 e)
//     p = 2^(s * scale * log2 e - m')      rounded to bf16 for the product, not for the sum
//     l = l * 2^(m - m') + sum(p)          the sum in the order of the fragment
//     o = o * 2^(m - m') + p . V           mma over the 64 keys, upwards from zero in steps of 16
//
// Then (m, l, o) of the chunk is folded into that of the chunks before it. Whether a block keeps
// those in registers or stores each chunk's for attention_combine, both call fold() on the same
// numbers. A tile that a row doesn't see leaves its state as it is, so it doesn't matter which rows
// are worked on together. Keys past the last position of the work are not read but filled with
// zeros, and masked by a select. (What a row doesn't see of a tile it shares, the tokens after it in
// its own sequence, still is multiplied with p = 0.)
//
// A block of four warps takes one piece of work for one KV head. Its rows are (token, head of the
// group) pairs, so a group of any size fills them. Keys and values go through a ring of four stages
// of 64 rows, a tile's keys, then its values, gathered from the pages by cp.async; three stages are
// on their way while one is worked on. There is one barrier a stage. Two ways to share the work:
//
//   wide (up to 64 rows: prefill): a warp takes 16 rows over all keys. Scores stay in registers: the
//   accumulator fragment of q . K^T is the operand fragment of p . V. For head_dim 128 a tile takes
//   128 mma a warp and 72 ldmatrix: the values and keys of 64 rows are read from shared memory four
//   times, 128 KB beside 512 mma, about as long as those take. 64 flop for each byte of L2.
//
//   narrow (up to 16 rows: decode): a warp takes 16 keys of q . K^T and a quarter of the dimensions
//   of p . V, with all scores exchanged through shared memory in between; each warp then does the
//   softmax of all. 32 mma a warp and tile of 32 KB, far below what memory allows.
//
// Decode must keep memory busy: 3.4 to 4.8 TB/s times 0.7 us of latency are 18 to 25 KB on their way
// per multiprocessor of 132. Two blocks with three stages of 16 KB have 96 KB, one (where shared
// memory is small) 48. The ring and the queries take 80 KB for head_dim 128: two blocks fit in 164
// KB (8.0), one in 100 (8.6, 8.9, 12.0). Registers: 255, so that 8 warps fit.
#include "params.cuh"

namespace {

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * 32;
constexpr int KEYS = 64; // of a tile
constexpr int TILES_PER_CHUNK = ATTENTION_CHUNK / KEYS;
constexpr int STAGES = 4;
constexpr int WIDE_ROWS = 64;
constexpr int NARROW_ROWS = 16;
constexpr int SCORE_STRIDE = KEYS + 8; // so that a quarter warp's reads lie in different banks

constexpr uint32_t NOWHERE = ~0u;
constexpr float LOG2_E = 1.4426950408889634f;

// 2^x, within 2 ulp on a device; 0 for minus infinity.
__device__ __forceinline__ float power_of_two(float x) {
#ifdef __CUDACC__
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return exp2f(x);
#endif
}

// The same number, but what follows from it is worked out here and not once and for all before the
// loop over pieces, which would take registers from the loop over tiles.
__device__ __forceinline__ int here(int x) {
#ifdef __CUDACC__
    asm volatile("" : "+r"(x));
#endif
    return x;
}

// The same for gridDim.x.
__device__ __forceinline__ int grid_here() {
#ifdef __CUDACC__
    int blocks;
    asm volatile("mov.u32 %0, %%nctaid.x;" : "=r"(blocks));
    return blocks;
#else
    return gridDim.x;
#endif
}

__device__ __forceinline__ uint32_t pack(float low, float high) {
    __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<uint32_t*>(&pair);
}

// Where a 16-byte chunk of a row of D elements lies in shared memory, in elements: swizzled so that
// the eight rows that ldmatrix reads at once lie in different banks.
template <int D>
__device__ __forceinline__ int swizzled(int row, int chunk) {
    constexpr int CHUNKS = D / 8;
    constexpr int SHIFT = CHUNKS % 8 == 0 ? 0 : CHUNKS % 4 == 0 ? 1 : 2;
    return (row * CHUNKS + (chunk ^ ((row >> SHIFT) & (7 >> SHIFT)))) * 8;
}

// What this lane names to ldmatrix so that a warp loads the 16 x 16 elements from `row` and column
// 16 * step on, in the order of registers of operand A, and of operand B when transposed: matrix 0 is
// rows 0 to 7 of columns 0 to 7, 1 rows 8 to 15, 2 and 3 the same of columns 8 to 15.
template <int D>
__device__ __forceinline__ const bf16* square(const bf16* tile, int row, int step) {
    int lane = here(lane_id());
    return tile + row * D + swizzled<D>(lane & 15, 2 * step + (lane >> 4));
}

// The same in the order of operand B when not transposed: matrices 1 and 2 are exchanged.
template <int D>
__device__ __forceinline__ const bf16* square_of_b(const bf16* tile, int row, int step) {
    int lane = here(lane_id());
    return tile + row * D +
           swizzled<D>((lane >> 4) * 8 + (lane & 7), 2 * step + ((lane >> 3) & 1));
}

// ---------------------------------------------------------------- states

// 0 for a maximum over nothing, so that no infinities are subtracted.
__device__ __forceinline__ float reference(float max) { return max == -INFINITY ? 0.0f : max; }

// How two states are folded: by these factors.
struct Fold {
    float before;
    float next;
};

__device__ __forceinline__ float fold(float before, float next, const Fold& factors) {
    return fmaf(before, factors.before, next * factors.next);
}

// Folds the maximum and sum of the next chunk into those of the chunks before.
__device__ __forceinline__ Fold fold_sums(float& max, float& sum, float next_max, float next_sum) {
    float both = fmaxf(max, next_max);
    Fold factors = {power_of_two(max - reference(both)), power_of_two(next_max - reference(both))};
    sum = fold(sum, next_sum, factors);
    max = both;
    return factors;
}

// Adding zero makes -0 of +0, so that a tile that adds nothing really leaves no trace.
__device__ __forceinline__ float finished(float accumulator, float inverse_sum) {
    return fmaf(accumulator, inverse_sum, 0.0f);
}

// Where the state of a row of some work for one chunk lies: (max, sum, D accumulators). `index` is
// that of the work's first token for this chunk, `row` counts (token, head of the group) pairs.
template <int D>
__device__ __forceinline__ float* state_of(const AttentionParams& p, int index, int num_tokens,
                                           int kv_head, int row) {
    size_t first = static_cast<size_t>(index) * p.heads;
    int group = p.heads / p.pages.kv_heads;
    return p.states + (first + kv_head * num_tokens * group + row) * (D + 2);
}

template <int D>
__device__ __forceinline__ bf16* out_of(const AttentionParams& p, int token, int head) {
    return p.out + (static_cast<size_t>(token) * p.heads + head) * D;
}

// ---------------------------------------------------------------- a piece of work

// A piece of work for one KV head.
struct Piece {
    AttentionWork work;
    int kv_head;
    int group;
    int rows;
    int limit; // keys that its last token sees
    int first_tile;
    int end_tile;

    __device__ __forceinline__ Piece(const AttentionParams& p, int item) {
        work = p.step.attention_work[item / p.pages.kv_heads];
        kv_head = item % p.pages.kv_heads;
        group = p.heads / p.pages.kv_heads;
        rows = work.num_tokens * group;
        limit = p.step.positions[work.first_token + work.num_tokens - 1] + 1;
        first_tile = work.first_chunk * TILES_PER_CHUNK;
        end_tile = min((limit + KEYS - 1) / KEYS,
                       (work.first_chunk + work.num_chunks) * TILES_PER_CHUNK);
    }

    __device__ __forceinline__ int token(int row) const { return work.first_token + row / group; }

    __device__ __forceinline__ int head(int row) const { return kv_head * group + row % group; }
};

// A block's shared memory, in elements of 2 bytes: the ring; the queries of a wide piece, or those
// of a narrow one and its scores; and where the rows of a tile lie.
template <int D>
struct Layout {
    static constexpr int QUERIES = STAGES * KEYS * D;
    static constexpr int SCORES = QUERIES + NARROW_ROWS * D;
    static constexpr int WIDE_END = QUERIES + WIDE_ROWS * D;
    static constexpr int NARROW_END = SCORES + NARROW_ROWS * SCORE_STRIDE * 2;
    static constexpr int LOCATIONS = WIDE_END > NARROW_END ? WIDE_END : NARROW_END;
    static constexpr int END = LOCATIONS + KEYS * 2;
};

// Gathers keys and values from the pages. A warp copies 16 rows of a tile.
template <int D>
struct Gather {
    const KvPages& pages;
    const int* table;
    int kv_head;
    int limit;
    uint32_t* locations; // of this warp's rows

    __device__ __forceinline__ Gather(const AttentionParams& p, const Piece& piece, bf16* shared)
        : pages(p.pages),
          table(p.step.blocks + p.step.block_start[piece.work.sequence]),
          kv_head(piece.kv_head),
          limit(piece.limit),
          locations(reinterpret_cast<uint32_t*>(shared + Layout<D>::LOCATIONS) + warp_id() * 16) {}

    // The row of the pages with this lane's key of a tile; each row is two lanes'.
    __device__ __forceinline__ uint32_t locate(int tile) const {
        uint32_t key = tile * KEYS + warp_id() * 16 + (lane_id() & 15);
        if (key >= static_cast<uint32_t>(limit)) {
            return NOWHERE;
        }
        uint32_t size = pages.block_size;
        uint32_t block = table[key / size];
        return (block * pages.kv_heads + kv_head) * size + key % size;
    }

    // Says where the rows of the tile to be copied lie; after a barrier since the last copy.
    __device__ __forceinline__ void set(uint32_t location) const {
        locations[lane_id() & 15] = location;
        __syncwarp();
    }

    // Starts copying a tile of `from`, keys or values, to a stage.
    __device__ __forceinline__ void copy(bf16* stage, const bf16* from) const {
        constexpr uint32_t CHUNKS = D / 8;
        bf16* to = stage + warp_id() * 16 * D;
        uint32_t lane = here(lane_id());
#pragma unroll
        for (uint32_t i = 0; i < CHUNKS * 16 / 32; i++) {
            uint32_t index = i * 32 + lane;
            uint32_t row = index / CHUNKS;
            uint32_t chunk = index % CHUNKS;
            uint32_t eight = 0; // first of the eight rows that swizzling goes round in
            if (32 % CHUNKS == 0) {
                constexpr uint32_t ROWS = 32 / CHUNKS;
                eight = i * ROWS / 8 * 8;
                row = i * ROWS % 8 + lane / CHUNKS;
                chunk = lane % CHUNKS;
            }
            uint32_t location = locations[eight + row];
            const char* source = reinterpret_cast<const char*>(from) + chunk * 16 +
                                 static_cast<uint64_t>(location) * (D * 2);
            cp_async_16_zfill(to + eight * D + swizzled<D>(row, chunk), source,
                              location != NOWHERE);
        }
    }
};

// Starts copying the queries of a piece; rows beyond it become zero.
template <int D, int ROWS>
__device__ __forceinline__ void copy_queries(bf16* to, const AttentionParams& p,
                                             const Piece& piece) {
    constexpr int CHUNKS = D / 8;
#pragma unroll 1
    for (int index = here(threadIdx.x); index < ROWS * CHUNKS; index += THREADS) {
        int row = index / CHUNKS;
        int chunk = index % CHUNKS;
        bool there = row < piece.rows;
        size_t source =
            there ? static_cast<size_t>(piece.token(row)) * p.heads + piece.head(row) : 0;
        cp_async_16_zfill(to + swizzled<D>(row, chunk), p.queries + source * D + chunk * 8, there);
    }
}

// ---------------------------------------------------------------- products

// s[2i], s[2i + 1] += 16 rows of queries . keys 16 * (first + i) to 16 * (first + i) + 15 of a tile.
template <int D, int N>
__device__ __forceinline__ void multiply_keys(float (&s)[2 * N][4], const bf16* queries,
                                              const bf16* keys, int first) {
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
        uint32_t a[4];
        ldmatrix_x4(a, square<D>(queries, 0, k));
#pragma unroll
        for (int i = 0; i < N; i++) {
            uint32_t b[4];
            ldmatrix_x4(b, square_of_b<D>(keys, (first + i) * 16, k));
            const uint32_t low[2] = {b[0], b[1]};
            const uint32_t high[2] = {b[2], b[3]};
            mma_bf16(s[2 * i], a, low);
            mma_bf16(s[2 * i + 1], a, high);
        }
    }
}

// o = o * factor + weights . values of a tile, for the dimensions 16 * slice to 16 * slice + 15.
template <int D>
__device__ __forceinline__ void multiply_values(float (&o)[2][4], const float (&factor)[2],
                                                const uint32_t (&weights)[KEYS / 16][4],
                                                const bf16* values, int slice) {
    float sums[2][4] = {};
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) {
        uint32_t b[4];
        ldmatrix_x4_trans(b, square<D>(values, k * 16, slice));
        const uint32_t low[2] = {b[0], b[1]};
        const uint32_t high[2] = {b[2], b[3]};
        mma_bf16(sums[0], weights[k], low);
        mma_bf16(sums[1], weights[k], high);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            o[half][i] = fmaf(o[half][i], factor[i / 2], sums[half][i]);
        }
    }
}

// ---------------------------------------------------------------- softmax

// This thread's two rows, g and g + 8 of its warp's.
struct Rows {
    float max[2];
    float sum[2];
};

__device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

// Hides keys from `seen` on (by row) of the tile that begins at key `start`.
__device__ __forceinline__ void mask(float (&s)[KEYS / 8][4], const int (&seen)[2], int start) {
    int own = start + lane_id() % 4 * 2;
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (own + j * 8 + i % 2 >= seen[i / 2]) {
                s[j][i] = -INFINITY;
            }
        }
    }
}

// Takes a tile's scores into maximum and sum, and turns them into weights: the fragments of operand
// A for the product with the values. `factor` is what the accumulators so far must be scaled by.
__device__ __forceinline__ void softmax(float (&s)[KEYS / 8][4], float scale, Rows& rows,
                                        float (&factor)[2], uint32_t (&weights)[KEYS / 16][4]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float most = s[0][2 * r];
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) {
            most = fmaxf(most, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
        }
        float max = fmaxf(rows.max[r], quad_max(most) * scale);
        float zero = reference(max);
        float sum = 0;
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) {
            float p0 = power_of_two(fmaf(s[j][2 * r], scale, -zero));
            float p1 = power_of_two(fmaf(s[j][2 * r + 1], scale, -zero));
            sum += p0;
            sum += p1;
            weights[j / 2][j % 2 * 2 + r] = pack(p0, p1);
        }
        factor[r] = power_of_two(rows.max[r] - zero);
        rows.sum[r] = fmaf(rows.sum[r], factor[r], quad_sum(sum));
        rows.max[r] = max;
    }
}

// ---------------------------------------------------------------- accumulators

// The states of this thread's two rows, over the slices of 16 dimensions that are its warp's.
template <int SLICES>
struct State {
    Rows rows;
    float o[SLICES][2][4];

    __device__ __forceinline__ void clear() {
        rows = {{-INFINITY, -INFINITY}, {0, 0}};
#pragma unroll
        for (int n = 0; n < SLICES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                o[n][i / 4][i % 4] = 0;
            }
        }
    }

    // Folds the state of the next chunk in.
    __device__ __forceinline__ void add(const State& chunk) {
        Fold factors[2];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            factors[r] =
                fold_sums(rows.max[r], rows.sum[r], chunk.rows.max[r], chunk.rows.sum[r]);
        }
#pragma unroll
        for (int n = 0; n < SLICES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                float& own = o[n][i / 4][i % 4];
                own = fold(own, chunk.o[n][i / 4][i % 4], factors[i % 4 / 2]);
            }
        }
    }
};

// How the warps of a block share a piece.
template <int D, bool NARROW>
struct Sharing {
    static constexpr int ROWS = NARROW ? NARROW_ROWS : WIDE_ROWS;
    static constexpr int ALL_SLICES = D / 16;
    static constexpr int SLICES = NARROW ? (ALL_SLICES + WARPS - 1) / WARPS : ALL_SLICES;

    static __device__ __forceinline__ int first_row() { return NARROW ? 0 : warp_id() * 16; }

    static __device__ __forceinline__ int slice(int n) { return NARROW ? n * WARPS + warp_id() : n; }

    static __device__ __forceinline__ bool has_slice(int n) {
        return !NARROW || ALL_SLICES % WARPS == 0 || slice(n) < ALL_SLICES;
    }
};

// ---------------------------------------------------------------- paged_attention

template <int D, bool NARROW, bool STORED>
struct Attention {
    using Share = Sharing<D, NARROW>;
    using Chunk = State<Share::SLICES>;

    const AttentionParams& p;
    int item; // a Piece is made of it again where it is needed: registers are scarce in the loop
    bf16* ring;
    bf16* queries;
    float* scores;     // [NARROW_ROWS][SCORE_STRIDE], behind the queries of a narrow piece
    float scale;
    int unmasked;      // keys that all rows of the warp see

    __device__ __forceinline__ Attention(const AttentionParams& p, int item, bf16* shared)
        : p(p),
          item(item),
          ring(shared),
          queries(shared + Layout<D>::QUERIES),
          scores(reinterpret_cast<float*>(shared + Layout<D>::SCORES)),
          scale(LOG2_E * rsqrtf(static_cast<float>(D))) {}

    __device__ __forceinline__ void run() {
        Piece piece(p, item);
        Gather<D> gather(p, piece, ring);
        uint32_t location = gather.locate(piece.first_tile);
        uint32_t next = gather.locate(piece.first_tile + 1);
        copy_queries<D, Share::ROWS>(queries, p, piece);
        gather.set(location);
        gather.copy(keys(piece.first_tile), p.pages.keys);
        cp_async_commit();
        gather.copy(values(piece.first_tile), p.pages.values);
        cp_async_commit();
        __syncwarp();
        gather.set(next);
        if (piece.first_tile + 1 < piece.end_tile) {
            gather.copy(keys(piece.first_tile + 1), p.pages.keys);
        }
        cp_async_commit();
        unmasked = seen_by_all(piece);

        Chunk chunk;
        Chunk total;
        chunk.clear();
        total.clear();
        for (int tile = piece.first_tile; tile < piece.end_tile; tile++) {
            fold_tile(chunk, tile, piece.end_tile, gather, location);
            if (tile % TILES_PER_CHUNK == TILES_PER_CHUNK - 1 || tile + 1 == piece.end_tile) {
                if (STORED) {
                    store(chunk, tile / TILES_PER_CHUNK);
                } else {
                    total.add(chunk);
                }
                chunk.clear();
            }
        }
        if (!STORED) {
            finish(total);
        }
    }

    // Takes the next tile into the state of its chunk, and starts copying of the tiles after it what
    // there is room for. `location` is that of the keys of the tile after the next.
    __device__ __forceinline__ void fold_tile(Chunk& chunk, int tile, int end, const Gather<D>& gather,
                                              uint32_t& location) const {
        float factor[2];
        uint32_t weights[KEYS / 16][4];
        await_stage();
        if (tile + 1 < end) {
            gather.copy(values(tile + 1), p.pages.values);
            location = gather.locate(tile + 2);
        }
        cp_async_commit();
        if (NARROW) {
            share_scores(keys(tile));
        } else {
            float s[KEYS / 8][4] = {};
            multiply_keys<D, KEYS / 16>(s, queries + Share::first_row() * D, keys(tile), 0);
            weigh(s, tile, chunk.rows, factor, weights);
        }

        await_stage();
        if (tile + 2 < end) {
            gather.set(location);
            gather.copy(keys(tile + 2), p.pages.keys);
        }
        cp_async_commit();
        if (NARROW) {
            float s[KEYS / 8][4];
            read_scores(s);
            weigh(s, tile, chunk.rows, factor, weights);
        }
#pragma unroll
        for (int n = 0; n < Share::SLICES; n++) {
            if (n > 0 && n % 2 == 0) {
                __syncwarp();
            }
            if (Share::has_slice(n)) {
                multiply_values<D>(chunk.o[n], factor, weights, values(tile), Share::slice(n));
            }
        }
    }

    // The stages of a tile, which is counted from the sequence's first: a piece begins with an even
    // one.
    __device__ __forceinline__ bf16* keys(int tile) const {
        return ring + (tile & 1) * (2 * KEYS * D);
    }

    __device__ __forceinline__ bf16* values(int tile) const { return keys(tile) + KEYS * D; }

    // How many keys this thread's rows see. Rows beyond the piece see all; nobody reads their results.
    __device__ __forceinline__ void see(int (&seen)[2]) const {
        Piece piece(p, item);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            int row = this_row(r);
            seen[r] = row < piece.rows ? p.step.positions[piece.token(row)] + 1 : INT32_MAX;
        }
    }

    // How many keys all rows of this warp see.
    __device__ __forceinline__ int seen_by_all(const Piece& piece) const {
        int first = Share::first_row();
        return first < piece.rows ? p.step.positions[piece.token(first)] + 1 : INT32_MAX;
    }

    static __device__ __forceinline__ int this_row(int r) {
        return here(Share::first_row() + lane_id() / 4) + 8 * r;
    }

    // Waits for the stage that is due; the one worked on before may be filled again after it.
    __device__ __forceinline__ void await_stage() const {
        cp_async_wait<STAGES - 2>();
        __syncthreads();
    }

    __device__ __forceinline__ void weigh(float (&s)[KEYS / 8][4], int tile, Rows& rows,
                                          float (&factor)[2],
                                          uint32_t (&weights)[KEYS / 16][4]) const {
        if ((tile + 1) * KEYS > unmasked) {
            int seen[2];
            see(seen);
            mask(s, seen, tile * KEYS);
        }
        softmax(s, scale, rows, factor, weights);
    }

    // Writes the scores of this warp's 16 keys where all warps read them.
    __device__ __forceinline__ void share_scores(const bf16* keys) const {
        float s[2][4] = {};
        multiply_keys<D, 1>(s, queries, keys, warp_id());
#pragma unroll
        for (int i = 0; i < 2; i++) {
            float* to = score(warp_id() * 2 + i);
            *reinterpret_cast<float2*>(to) = make_float2(s[i][0], s[i][1]);
            *reinterpret_cast<float2*>(to + 8 * SCORE_STRIDE) = make_float2(s[i][2], s[i][3]);
        }
    }

    __device__ __forceinline__ void read_scores(float (&s)[KEYS / 8][4]) const {
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) {
            float2 upper = *reinterpret_cast<const float2*>(score(j));
            float2 lower = *reinterpret_cast<const float2*>(score(j) + 8 * SCORE_STRIDE);
            s[j][0] = upper.x;
            s[j][1] = upper.y;
            s[j][2] = lower.x;
            s[j][3] = lower.y;
        }
    }

    __device__ __forceinline__ float* score(int eight_keys) const {
        return scores + lane_id() / 4 * SCORE_STRIDE + eight_keys * 8 + lane_id() % 4 * 2;
    }

    // Stores the state of a chunk, which is counted from the sequence's first.
    __device__ __forceinline__ void store(const Chunk& chunk, int number) const {
        Piece piece(p, item);
        int index = piece.work.state + (number - piece.work.first_chunk) * piece.work.num_tokens;
#pragma unroll
        for (int r = 0; r < 2; r++) {
            int row = this_row(r);
            if (row >= piece.rows) {
                continue;
            }
            float* to = state_of<D>(p, index, piece.work.num_tokens, piece.kv_head, row);
            if (lane_id() % 4 == 0 && (!NARROW || warp_id() == 0)) {
                *reinterpret_cast<float2*>(to) = make_float2(chunk.rows.max[r], chunk.rows.sum[r]);
            }
#pragma unroll
            for (int n = 0; n < Share::SLICES; n++) {
                if (Share::has_slice(n)) {
#pragma unroll
                    for (int half = 0; half < 2; half++) {
                        *reinterpret_cast<float2*>(to + 2 + dimension(n, half)) = make_float2(
                            chunk.o[n][half][2 * r], chunk.o[n][half][2 * r + 1]);
                    }
                }
            }
        }
    }

    __device__ __forceinline__ void finish(const Chunk& total) const {
        Piece piece(p, item);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            int row = this_row(r);
            if (row >= piece.rows) {
                continue;
            }
            bf16* to = out_of<D>(p, piece.token(row), piece.head(row));
            float inverse = 1.0f / total.rows.sum[r];
#pragma unroll
            for (int n = 0; n < Share::SLICES; n++) {
                if (Share::has_slice(n)) {
#pragma unroll
                    for (int half = 0; half < 2; half++) {
                        *reinterpret_cast<uint32_t*>(to + dimension(n, half)) =
                            pack(finished(total.o[n][half][2 * r], inverse),
                                 finished(total.o[n][half][2 * r + 1], inverse));
                    }
                }
            }
        }
    }

    // The first of this thread's two dimensions in half a slice.
    static __device__ __forceinline__ int dimension(int n, int half) {
        return Share::slice(n) * 16 + half * 8 + lane_id() % 4 * 2;
    }
};

template <int D>
__device__ __forceinline__ void attend(const AttentionParams& p) {
    DYNAMIC_SHARED(bf16, shared);
    for (int item = blockIdx.x; item < p.step.counts->attention_work * p.pages.kv_heads;
         item += grid_here()) {
        Piece piece(p, item);
        bool stored = piece.work.state >= 0;
        if (piece.rows <= NARROW_ROWS) {
            if (stored) {
                Attention<D, true, true>(p, item, shared).run();
            } else {
                Attention<D, true, false>(p, item, shared).run();
            }
        } else if (stored) {
            Attention<D, false, true>(p, item, shared).run();
        } else {
            Attention<D, false, false>(p, item, shared).run();
        }
        __syncthreads();
    }
}

// ---------------------------------------------------------------- attention_combine

constexpr int COMBINE_THREADS = 64;
constexpr int BATCH = 16; // states on their way at once

// Folds the chunks of two dimensions of a row.
template <int D>
__device__ __forceinline__ void combine_pair(const AttentionParams& p, const CombineWork& work,
                                             int kv_head, int row, int pair) {
    const float2* state = reinterpret_cast<const float2*>(
        state_of<D>(p, work.state, work.num_tokens, kv_head, row));
    const int stride = work.num_tokens * p.heads * (D / 2 + 1); // from a chunk to the next
    float max = -INFINITY;
    float sum = 0;
    float2 o = make_float2(0, 0);
    for (int first = 0; first < work.num_chunks; first += BATCH) {
        float2 sums[BATCH];
        float2 values[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            if (first + i < work.num_chunks) {
                sums[i] = state[0];
                values[i] = state[1 + pair];
                state += stride;
            }
        }
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            if (first + i < work.num_chunks) {
                Fold factors = fold_sums(max, sum, sums[i].x, sums[i].y);
                o.x = fold(o.x, values[i].x, factors);
                o.y = fold(o.y, values[i].y, factors);
            }
        }
    }
    int group = p.heads / p.pages.kv_heads;
    float inverse = 1.0f / sum;
    bf16* to = out_of<D>(p, work.first_token + row / group, kv_head * group + row % group) + 2 * pair;
    *reinterpret_cast<uint32_t*>(to) = pack(finished(o.x, inverse), finished(o.y, inverse));
}

// A block takes a head of a piece of work at a time; a thread two dimensions of a token.
template <int D>
__device__ __forceinline__ void combine(const AttentionParams& p) {
    int group = p.heads / p.pages.kv_heads;
    int items = p.step.counts->combine_work * p.heads;
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        CombineWork work = p.step.combine_work[item / p.heads];
        int head = item % p.heads;
        for (int index = threadIdx.x; index < work.num_tokens * (D / 2); index += COMBINE_THREADS) {
            int row = index / (D / 2) * group + head % group;
            combine_pair<D>(p, work, head / group, row, index % (D / 2));
        }
    }
}

} // namespace

// The shared memory is Layout<D>::END elements (AttentionPlanner.sharedBytes).
#define ATTENTION(D)                                                               \
    static_assert(Layout<D>::END * 2 <= 99 * 1024, "more than a block may have");  \
    extern "C" __global__ void __launch_bounds__(THREADS, 2)                       \
        paged_attention_##D(const __grid_constant__ AttentionParams p) {           \
        attend<D>(p);                                                              \
    }                                                                              \
    extern "C" __global__ void __launch_bounds__(COMBINE_THREADS)                  \
        attention_combine_##D(const __grid_constant__ AttentionParams p) {         \
        combine<D>(p);                                                             \
    }

ATTENTION(16)
KERNEL(paged_attention_16)
KERNEL(attention_combine_16)

ATTENTION(32)
KERNEL(paged_attention_32)
KERNEL(attention_combine_32)

ATTENTION(64)
KERNEL(paged_attention_64)
KERNEL(attention_combine_64)

ATTENTION(96)
KERNEL(paged_attention_96)
KERNEL(attention_combine_96)

ATTENTION(128)
KERNEL(paged_attention_128)
KERNEL(attention_combine_128)
