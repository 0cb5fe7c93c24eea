// Turns rows of logits into tokens: a block a row.
//
// Tokens have an order: likelier first, then lower id. Filters are cuts in that order. A token is
// drawn by inverting the cumulative distribution of what they leave, in ascending order of id.
//
// Nothing is sorted, and no sum depends on its order: a token's weight, exp((x - max) / temperature),
// is a multiple of 2^-44, so masses are integers and prefix sums exact, whatever the block's size. A
// cut is found by radix select: histograms of the highest 11 bits of the logits' ordered bits, then
// of the next 11 and 10 among those that share what was found. Tokens less likely than 2^-44 of the
// likeliest are never drawn.
//
// Cost: a row of 128,256 logits is 513 KB, which the head has just written, so that up to a hundred
// rows are still in the L2 cache; one multiprocessor reads such a row in about 5 microseconds (64
// bytes a clock). Greedy takes one pass, a plain temperature two (maximum, masses), top-p or top-k
// six: the maximum, a census, three digits, masses. Only the census computes the exponential of all;
// it also finds out whether a guess how far the cut is away suffices, so that the histograms see few
// tokens and their atomics rarely meet. Penalties, bias and bans cost a copy of the row.
// A second block a row would shorten a step of few rows, whose few tens of microseconds are one per
// cent of it, and cost a meeting of blocks in each pass.
#include <limits.h>
#include <math.h>

#include "params.cuh"
#include "philox.cuh"

constexpr int SAMPLING_THREADS = 1024; // at most; a multiple of 32
constexpr int WARP = 32;
constexpr uint32_t ALL_LANES = ~0u;

// ---------------------------------------------------------------- weights

constexpr float WEIGHT_ONE = 17592186044416.0f; // 2^44
constexpr float LEAST_WEIGHT = 1.0f / WEIGHT_ONE;

// Orders as the floats do; both zeros are the same.
__device__ inline uint32_t order_key(float x) {
    uint32_t bits = __float_as_uint(x + 0.0f);
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

// The tokens up to one of them in their order.
struct Cut {
    uint32_t key; // logits above this are kept
    int last;     // of its equals, ids up to this

    __device__ bool keeps(uint32_t k, int id) const { return k > key || (k == key && id <= last); }
};

constexpr Cut KEEP_ALL = {0, INT_MAX};

// A row as weights of tokens.
struct Distribution {
    const float* logits;
    const uint32_t* mask; // bits of allowed ids; null: all
    int vocab;
    float max;
    float scale;     // 1 / temperature
    float least;     // less likely tokens, relative to the likeliest, don't take part
    uint32_t lowest; // tokens of lower keys need not be looked at for a cut

    __device__ float masked(int id, float x) const {
        bool allowed = mask == nullptr || (mask[id >> 5] >> (id & 31) & 1) != 0;
        return allowed ? x : -INFINITY;
    }

    // Whether a token of that logit takes part; if so, its weight.
    __device__ bool weigh(float x, uint64_t& weight) const {
        float e = expf((x - max) * scale);
        weight = static_cast<uint64_t>(__float2ll_rn(e * WEIGHT_ONE));
        return e >= least;
    }

    __device__ uint64_t kept_weight(int id, float x, const Cut& cut) const {
        uint64_t weight = 0;
        return cut.keeps(order_key(x), id) && weigh(x, weight) ? weight : 0;
    }
};

// Calls visit(id, logit) for ids from, from + step, ... below `to`, several loads at a time.
template <class Visit>
__device__ __forceinline__ void visit_logits(const float* logits, int from, int to, int step,
                                             Visit visit) {
    constexpr int BATCH = 4;
    int id = from;
    for (; id + (BATCH - 1) * step < to; id += BATCH * step) {
        float x[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; i++) x[i] = logits[id + i * step];
#pragma unroll
        for (int i = 0; i < BATCH; i++) visit(id + i * step, x[i]);
    }
    for (; id < to; id += step) visit(id, logits[id]);
}

template <class Visit>
__device__ __forceinline__ void visit_row(const Distribution& d, Visit visit) {
    visit_logits(d.logits, threadIdx.x, d.vocab, blockDim.x,
                 [&](int id, float x) { visit(id, d.masked(id, x)); });
}

// ---------------------------------------------------------------- sums and searches

constexpr int DIGIT_BITS = 11;
constexpr int BUCKETS = 1 << DIGIT_BITS;
constexpr int MAX_SEGMENTS = 512;

struct Shared {
    uint64_t warps[SAMPLING_THREADS / WARP];
    uint64_t segments[MAX_SEGMENTS];
    uint32_t counts[BUCKETS];
    uint32_t mass_low[BUCKETS];
    uint32_t mass_high[BUCKETS];
    int found;
    uint64_t before_found;
    int num_top;
    int top[MAX_TOP];

    __device__ uint64_t mass(int bucket) const {
        return static_cast<uint64_t>(mass_high[bucket]) << 32 | mass_low[bucket];
    }
};

struct Sum {
    __device__ uint64_t operator()(uint64_t a, uint64_t b) const { return a + b; }
};

struct Greatest {
    __device__ uint64_t operator()(uint64_t a, uint64_t b) const { return a > b ? a : b; }
};

template <class Fold>
__device__ inline uint64_t reduce_warp(uint64_t value, Fold fold) {
    for (int lanes = WARP / 2; lanes > 0; lanes /= 2) {
        value = fold(value, __shfl_xor_sync(ALL_LANES, value, lanes));
    }
    return value;
}

// Folds the values of all threads, for all threads; 0 is neutral.
template <class Fold>
__device__ inline uint64_t reduce_block(Shared& shared, uint64_t value, Fold fold) {
    value = reduce_warp(value, fold);
    if (lane_id() == 0) shared.warps[warp_id()] = value;
    __syncthreads();
    int warps = blockDim.x / WARP;
    value = reduce_warp(lane_id() < warps ? shared.warps[lane_id()] : 0, fold);
    __syncthreads();
    return value;
}

// The first index of [from, to) at which the running sum of size(index) exceeds `target`, or -1 if none
// does, and the sum before it. For one warp.
template <class Size>
__device__ inline int find_exceeding(int from, int to, uint64_t target, uint64_t& before, Size size) {
    before = 0;
    for (int base = from; base < to; base += WARP) {
        int i = base + lane_id();
        uint64_t own = i < to ? size(i) : 0;
        uint64_t running = own;
        for (int lanes = 1; lanes < WARP; lanes *= 2) {
            uint64_t lower = __shfl_up_sync(ALL_LANES, running, lanes);
            if (lane_id() >= lanes) running += lower;
        }
        uint32_t beyond = __ballot_sync(ALL_LANES, before + running > target);
        if (beyond != 0) {
            int lane = __ffs(static_cast<int>(beyond)) - 1;
            before += __shfl_sync(ALL_LANES, running - own, lane);
            return base + lane;
        }
        before += __shfl_sync(ALL_LANES, running, WARP - 1);
    }
    return -1;
}

// Sums size(index) over each segment of `length` indices below n, a multiple of a warp; returns the sum
// of all. A warp a segment.
template <class Size>
__device__ inline uint64_t sum_segments(Shared& shared, int n, int length, Size size) {
    const int warps = blockDim.x / WARP;
    uint64_t total = 0;
    for (int s = warp_id(); s * length < n; s += warps) {
        const int end = min(n, (s + 1) * length);
        uint64_t sum = 0;
#pragma unroll 4
        for (int i = s * length + lane_id(); i < end; i += WARP) sum += size(i);
        sum = reduce_warp(sum, Sum());
        total += sum;
        if (lane_id() == 0) shared.segments[s] = sum;
    }
    return reduce_block(shared, lane_id() == 0 ? total : 0, Sum());
}

// The first index at which the running sum of size(index) exceeds `target`, which is below the sum of
// all, and the sum before it. The segments must have been summed.
template <class Size>
__device__ inline int find_in_segments(Shared& shared, int n, int length, uint64_t target,
                                       uint64_t& before, Size size) {
    if (warp_id() == 0) {
        uint64_t above;
        const int s = find_exceeding(0, (n + length - 1) / length, target, above,
                                     [&](int i) { return shared.segments[i]; });
        uint64_t within;
        const int i = find_exceeding(s * length, min(n, (s + 1) * length), target - above, within, size);
        if (lane_id() == 0) {
            shared.found = i;
            shared.before_found = above + within;
        }
    }
    __syncthreads();
    const int found = shared.found;
    before = shared.before_found;
    __syncthreads();
    return found;
}

// Segments of a row: the same whatever the block's size.
__device__ inline int row_segment(int vocab) {
    const int length = (vocab + MAX_SEGMENTS - 1) / MAX_SEGMENTS;
    return (length + WARP - 1) / WARP * WARP;
}

// The same over the ids of a row, by size(id, logit).
template <class Size>
__device__ inline uint64_t sum_row(Shared& shared, const Distribution& d, Size size) {
    return sum_segments(shared, d.vocab, row_segment(d.vocab),
                        [&](int id) { return size(id, d.masked(id, d.logits[id])); });
}

template <class Size>
__device__ inline int find_in_row(Shared& shared, const Distribution& d, uint64_t target, Size size) {
    uint64_t before;
    return find_in_segments(shared, d.vocab, row_segment(d.vocab), target, before,
                            [&](int id) { return size(id, d.masked(id, d.logits[id])); });
}

// ---------------------------------------------------------------- cuts

enum class By { COUNT, MASS };

// Counts and weighs the tokens whose keys begin with `prefix`, by their next digit.
__device__ inline void fill_buckets(Shared& shared, const Distribution& d, uint32_t prefix, int shift,
                                    int bits) {
    for (int i = threadIdx.x; i < BUCKETS; i += blockDim.x) {
        shared.counts[i] = shared.mass_low[i] = shared.mass_high[i] = 0;
    }
    __syncthreads();
    visit_row(d, [&](int, float x) {
        uint32_t key = order_key(x);
        uint64_t weight;
        if (key < d.lowest || static_cast<uint64_t>(key) >> (shift + bits) != prefix ||
            !d.weigh(x, weight)) {
            return;
        }
        int bucket = key >> shift & ((1 << bits) - 1);
        atomicAdd(&shared.counts[bucket], 1u);
        // Shared memory has no 64-bit additions: the one that overflows the low word carries.
        uint32_t low = static_cast<uint32_t>(weight);
        uint32_t sum = atomicAdd(&shared.mass_low[bucket], low) + low;
        uint32_t high = static_cast<uint32_t>(weight >> 32) + (sum < low ? 1 : 0);
        if (high != 0) atomicAdd(&shared.mass_high[bucket], high);
    });
    __syncthreads();
}

// The highest bucket with which the sum from above reaches `quota`, or -1; takes what lies above it
// off the quota.
__device__ inline int find_bucket(Shared& shared, By by, uint64_t& quota) {
    auto size = [&](int index) {
        const int bucket = BUCKETS - 1 - index;
        return by == By::MASS ? shared.mass(bucket) : static_cast<uint64_t>(shared.counts[bucket]);
    };
    if (sum_segments(shared, BUCKETS, WARP, size) < quota) return -1;
    uint64_t before;
    const int index = find_in_segments(shared, BUCKETS, WARP, quota - 1, before, size);
    quota -= before;
    return BUCKETS - 1 - index;
}

// The cut after the first tokens whose count, or mass, reaches `quota`, which is positive; the one
// that reaches it is kept. All are kept when they don't reach it. Not inlined: its three callers would
// make more code of it than caches of instructions hold.
__device__ __noinline__ Cut find_cut(Shared& shared, const Distribution& d, By by, uint64_t quota) {
    uint32_t key = 0;
    int bucket = 0;
    for (int shift = 32; shift > 0;) {
        int bits = min(shift, DIGIT_BITS);
        shift -= bits;
        fill_buckets(shared, d, key, shift, bits);
        bucket = find_bucket(shared, by, quota);
        if (bucket < 0) return KEEP_ALL;
        key = key << bits | static_cast<uint32_t>(bucket);
    }
    uint32_t equals = shared.counts[bucket];
    uint64_t weight = by == By::MASS ? shared.mass(bucket) / equals : 1;
    uint64_t wanted = (quota + weight - 1) / weight;
    if (wanted >= equals) return {key, INT_MAX};
    auto is_equal = [&](int, float x) { return order_key(x) == key ? 1 : 0; };
    sum_row(shared, d, is_equal);
    return {key, find_in_row(shared, d, wanted - 1, is_equal)};
}

// ---------------------------------------------------------------- steps of a row

// The likeliest token: its key, then the complement of its id, so that the lowest of equals wins. 0:
// none is allowed.
constexpr uint64_t NONE_ALLOWED = 0;
constexpr uint64_t NOT_FINITE = ~0ull;

__device__ inline uint64_t candidate(int id, float x) {
    return static_cast<uint64_t>(order_key(x)) << 32 | ~static_cast<uint32_t>(id);
}

__device__ inline int id_of(uint64_t best) { return static_cast<int>(~static_cast<uint32_t>(best)); }

// Of the raw logits, of which none may be infinite; copies them where `copy` isn't null.
__device__ inline uint64_t find_raw_best(Shared& shared, const float* logits, int vocab, float* copy) {
    uint64_t best = 0;
    visit_logits(logits, threadIdx.x, vocab, blockDim.x, [&](int id, float x) {
        best = Greatest()(best, isfinite(x) ? candidate(id, x) : NOT_FINITE);
        if (copy != nullptr) copy[id] = x;
    });
    return reduce_block(shared, best, Greatest());
}

// Of what is left after bans and mask.
__device__ inline uint64_t find_allowed_best(Shared& shared, const Distribution& d) {
    uint64_t best = 0;
    visit_row(d, [&](int id, float x) {
        if (x == -INFINITY) return;
        best = Greatest()(best, isfinite(x) ? candidate(id, x) : NOT_FINITE);
    });
    return reduce_block(shared, best, Greatest());
}

// Applies the row's lists; penalties leave a ban as it is.
__device__ inline void adjust(float* x, const SampleRow& row, const int* lists) {
    if (row.bias >= 0) {
        const int* ids = lists + row.bias + 1;
        int n = ids[-1];
        for (int i = threadIdx.x; i < n; i += blockDim.x) x[ids[i]] += __int_as_float(ids[n + i]);
        __syncthreads();
    }
    if (row.banned >= 0) {
        const int* ids = lists + row.banned + 1;
        int n = ids[-1];
        for (int i = threadIdx.x; i < n; i += blockDim.x) x[ids[i]] = -INFINITY;
        __syncthreads();
    }
    if (row.penalised >= 0) {
        const int* ids = lists + row.penalised + 1;
        int n = ids[-1];
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            float value = x[ids[i]];
            value = value > 0 ? __fdiv_rn(value, row.repetition_penalty)
                              : __fmul_rn(value, row.repetition_penalty);
            int count = ids[n + i];
            if (count > 0) {
                float scaled = __fmul_rn(row.frequency_penalty, static_cast<float>(count));
                value = __fsub_rn(value, __fadd_rn(scaled, row.presence_penalty));
            }
            x[ids[i]] = value;
        }
        __syncthreads();
    }
}

// Sets the lowest key that cuts need to look at: the highest of some guesses above which there is
// enough. Returns the mass of all.
__device__ inline uint64_t take_census(Shared& shared, Distribution& d, float temperature,
                                       uint32_t top_k, float top_p) {
    constexpr int GUESSES = 2;
    const uint32_t lowest[GUESSES] = {order_key(d.max - 8 * temperature),
                                      order_key(d.max - 16 * temperature)};
    uint64_t total = 0;
    uint64_t masses[GUESSES] = {};
    uint32_t counts[GUESSES] = {};
    visit_row(d, [&](int, float x) {
        uint64_t weight;
        if (!d.weigh(x, weight)) return;
        uint32_t key = order_key(x);
        total += weight;
#pragma unroll
        for (int i = 0; i < GUESSES; i++) {
            if (key >= lowest[i]) {
                masses[i] += weight;
                counts[i]++;
            }
        }
    });
    total = reduce_block(shared, total, Sum());
    for (int i = 0; i < GUESSES; i++) {
        uint64_t mass = reduce_block(shared, masses[i], Sum());
        uint64_t count = reduce_block(shared, counts[i], Sum());
        bool enough = top_k > 0 ? count >= top_k
                                : static_cast<double>(mass) >= top_p * static_cast<double>(total);
        if (enough) {
            d.lowest = lowest[i];
            break;
        }
    }
    return total;
}

__device__ inline Cut apply_filters(Shared& shared, Distribution& d, const SampleRow& row) {
    uint32_t top_k = row.top_k > 0 && row.top_k < d.vocab ? row.top_k : 0;
    bool top_p = row.top_p < 1;
    if (top_k == 0 && !top_p) return KEEP_ALL;
    uint64_t mass = take_census(shared, d, row.temperature, top_k, row.top_p);
    Cut cut = KEEP_ALL;
    if (top_k > 0) {
        cut = find_cut(shared, d, By::COUNT, top_k);
        if (!top_p) return cut;
        mass = sum_row(shared, d, [&](int id, float x) { return d.kept_weight(id, x, cut); });
    }
    // What reaches the quota lies within the cut that was made, as its mass does.
    double quota = ceil(static_cast<double>(row.top_p) * static_cast<double>(mass));
    uint64_t whole = static_cast<uint64_t>(quota);
    return find_cut(shared, d, By::MASS, min(max(whole, static_cast<uint64_t>(1)), mass));
}

__device__ inline int draw(Shared& shared, Distribution& d, const SampleRow& row) {
    Cut cut = apply_filters(shared, d, row);
    auto weight = [&](int id, float x) { return d.kept_weight(id, x, cut); };
    uint64_t total = sum_row(shared, d, weight);
    uint64_t uniform =
        philox_uniform(row.seed_low, row.seed_high, row.choice, row.output_index);
    return find_in_row(shared, d, __umul64hi(uniform, total), weight);
}

// The token to sample, or -1 when none is allowed.
__device__ inline int choose(Shared& shared, const SamplingParams& p, const SampleRow& row,
                             uint64_t best, float* adjusted) {
    Distribution d;
    d.logits = p.logits + static_cast<size_t>(blockIdx.x) * p.vocab;
    d.mask = p.masks == nullptr ? nullptr : p.masks + static_cast<size_t>(blockIdx.x) * p.mask_words;
    d.vocab = p.vocab;
    if (adjusted != nullptr) {
        adjust(adjusted, row, p.step.lists);
        d.logits = adjusted;
    }
    if (adjusted != nullptr || d.mask != nullptr) best = find_allowed_best(shared, d);
    if (best == NONE_ALLOWED || best == NOT_FINITE) return -1;
    int likeliest = id_of(best);
    if (row.temperature == 0) return likeliest;
    d.max = d.logits[likeliest];
    d.scale = fminf(1.0f / row.temperature, 3.402823466e38f);
    d.least = fmaxf(row.min_p, LEAST_WEIGHT);
    d.lowest = 0;
    return draw(shared, d, row);
}

// Writes the row's likeliest tokens under the raw logits; returns the logarithm of the sum of
// exp(logit - max).
__device__ inline double report_top(Shared& shared, const SamplingParams& p, const SampleRow& row,
                                    int best) {
    Distribution d;
    d.logits = p.logits + static_cast<size_t>(blockIdx.x) * p.vocab;
    d.mask = nullptr;
    d.vocab = p.vocab;
    d.max = d.logits[best];
    d.scale = 1;
    d.least = 0;
    d.lowest = 0;
    uint64_t total = 0;
    visit_row(d, [&](int, float x) {
        uint64_t weight;
        d.weigh(x, weight);
        total += weight;
    });
    total = reduce_block(shared, total, Sum());
    double log_total = log(static_cast<double>(total) / WEIGHT_ONE);
    int n = min(min(row.num_logprobs, MAX_TOP), p.vocab);
    if (n == 0) return log_total;
    Cut cut = find_cut(shared, d, By::COUNT, n);
    if (threadIdx.x == 0) shared.num_top = 0;
    __syncthreads();
    visit_row(d, [&](int id, float x) {
        if (!cut.keeps(order_key(x), id)) return;
        int at = atomicAdd(&shared.num_top, 1);
        if (at < MAX_TOP) shared.top[at] = id;
    });
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < n) {
        int id = shared.top[threadIdx.x];
        uint64_t own = candidate(id, d.logits[id]);
        int rank = 0;
        for (int i = 0; i < n; i++) {
            rank += candidate(shared.top[i], d.logits[shared.top[i]]) > own ? 1 : 0;
        }
        int at = row.slot * MAX_TOP + rank;
        p.top_tokens[at] = id;
        double from_max = static_cast<double>(d.logits[id]) - d.max;
        p.top_logprobs[at] = static_cast<float>(from_max - log_total);
    }
    return log_total;
}

__device__ inline void write_result(const SamplingParams& p, int slot, SampledRow result) {
    p.results[slot] = result;
    for (int rank = 0; rank < MAX_RANKS; rank++) {
        if (p.sampled[rank] != nullptr) p.sampled[rank][slot] = result.token;
    }
}

extern "C" __global__ void __launch_bounds__(SAMPLING_THREADS)
    sampling(const __grid_constant__ SamplingParams p) {
    __shared__ Shared shared;
    if (static_cast<int>(blockIdx.x) >= p.step.counts->rows) return;
    const SampleRow row = p.step.rows[blockIdx.x];
    const float* logits = p.logits + static_cast<size_t>(blockIdx.x) * p.vocab;
    bool samples = row.target < 0;
    bool adjusts = samples && (row.bias >= 0 || row.banned >= 0 || row.penalised >= 0);
    auto* scratch =
        reinterpret_cast<float*>(p.scratch + static_cast<size_t>(blockIdx.x) * p.scratch_bytes);
    float* adjusted = adjusts ? scratch : nullptr;

    SampledRow result = {0, 0.0f, 0, 0};
    uint64_t best = find_raw_best(shared, logits, p.vocab, adjusted);
    if (best != NOT_FINITE) {
        double log_total = 0;
        if (row.num_logprobs >= 0) log_total = report_top(shared, p, row, id_of(best));
        int token = samples ? choose(shared, p, row, best, adjusted) : row.target;
        if (token >= 0) {
            result.token = token;
            result.finite = 1;
            if (row.num_logprobs >= 0) {
                result.num_top = min(min(row.num_logprobs, MAX_TOP), p.vocab);
                double from_max = static_cast<double>(logits[token]) - logits[id_of(best)];
                result.logprob = static_cast<float>(from_max - log_total);
            }
        }
    }
    if (threadIdx.x == 0) write_result(p, row.slot, result);
}
KERNEL(sampling)
