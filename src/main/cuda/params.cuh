// What the kernels read: the parameter block of every kernel, passed by value, and the layouts of
// the memory they point to. The Java side writes the same blocks field by field (backend.cuda).
// See docs/cuda.md.
#pragma once
#include <stdint.h>

#include "device.cuh"

// ---------------------------------------------------------------- weights

// A packed matrix [rows, columns] of one rank, in 64 x 64 tiles of 8 KB, row tile by row tile, in
// each the column tiles in order. In a tile a row is 128 bytes; its 16-byte chunk c lies at
// r * 128 + ((c ^ (r & 7)) << 4), which ldmatrix reads without bank conflicts. Rows and columns are
// padded with zeros to whole tiles. Which row lies where depends on the matrix' role.
constexpr int TILE = 64;
constexpr int TILE_BYTES = TILE * TILE * 2;

struct Matrix {
    const bf16* tiles;
    int rows;
    int columns;
};

// fill: a matrix of noise made from a seed, as quant.RandomWeights makes it on the host. Element
// (r, c) is the noise of counter counters[r] + c: the counter of the stored row's first element, its
// seed included, that lies in this rank's columns. Rows and columns of padding are zeros.
struct FillParams {
    bf16* tiles;
    int rows;
    int columns;
    const uint64_t* counters; // [rows]
};

// ---------------------------------------------------------------- the step

// Per row of logits: how to sample. Lists lie in the int array `lists` of the step from the offset
// given; floats among them as their bits. An offset is -1 when the list is empty.
struct SampleRow {
    int token;         // index of the row's token in the batch
    int target;        // token to score, or -1 to sample
    int slot;          // output: where the result goes, i.e. the row's index
    float temperature; // 0: arg max
    float top_p;       // 1: all
    int top_k;         // 0: all
    float min_p;       // 0: all
    float repetition_penalty;
    float presence_penalty;
    float frequency_penalty;
    int bias;      // [count, ids..., values...]
    int banned;    // [count, ids...]
    int penalised; // [count, ids..., counts in output...]: each id of prompt and output once
    int num_logprobs; // -1: none
    uint32_t seed_low;
    uint32_t seed_high;
    int choice;
    int output_index;
};

// Per row of logits: the result.
struct SampledRow {
    int token;
    float logprob;
    int finite; // 0 when the logits hold NaN or infinity, or nothing is allowed
    int num_top;
};

constexpr int MAX_TOP = 20; // most logprobs a row reports beside the chosen token

// A piece of attention work: the query tokens [first_token, first_token + num_tokens) of one
// sequence over the key chunks [first_chunk, first_chunk + num_chunks) of ATTENTION_CHUNK keys.
// Either all chunks of these tokens, then the result is final (state = -1); or some, then the state
// (max, sum, accumulator) of each chunk goes to the states from index `state` on.
constexpr int ATTENTION_CHUNK = 256;

struct AttentionWork {
    int first_token;
    int num_tokens;
    int sequence;
    int first_chunk;
    int num_chunks;
    int state;
};

// Folds the states of query tokens whose chunks were computed by several pieces of work:
// num_chunks groups of states from index `state` on, in order of chunk.
struct CombineWork {
    int first_token;
    int num_tokens;
    int state;
    int num_chunks;
};

// Where the inputs of the step lie on the device: fixed addresses, filled by one upload per step.
struct StepCounts {
    int tokens;
    int sequences;
    int rows;
    int attention_work;
    int combine_work;
};

struct StepInputs {
    const StepCounts* counts;
    const int* tokens;     // [tokens]; -1 - i is the token that row i of the last step sampled
    const int* positions;  // [tokens]
    const int* slots;      // [tokens] block * block_size + offset; -1 for padding: nothing written
    const int* seq_lens;   // [sequences] length when this step is done
    const int* block_start; // [sequences] where the sequence's block table begins in blocks
    const int* blocks;     // block tables, one after another
    const SampleRow* rows; // [rows]
    const AttentionWork* attention_work;
    const CombineWork* combine_work;
    const int* lists;
    const int* sampled; // tokens that the last step sampled, by row
};

// ---------------------------------------------------------------- activations

// The residual stream in float and what the next projection reads of it: x = bf16(residual * norm
// weight), not yet divided by the root mean square, and per group of 16 elements the sum of their
// squares. The scale 1 / sqrt(mean + eps) is one number per token, so the projection applies it
// after the dot product. Sums are folded by the one function of norm.cuh.
constexpr int SQUARES_GROUP = 16;

struct Residual {
    float* values;  // [tokens, hidden]
    bf16* x;        // [tokens, hidden]
    float* squares; // [tokens, hidden / SQUARES_GROUP]
    int hidden;     // a multiple of SQUARES_GROUP
};

// Keys or values of one layer: [block, kv_head, token in block, head_dim].
struct KvPages {
    bf16* keys;
    bf16* values;
    int kv_heads;   // of this rank
    int block_size; // tokens
    int head_dim;
};

// ---------------------------------------------------------------- stages

// embedding: residual[t] = row tokens[t] of the table, whose shards (vocabulary rows in order, the
// same number each) lie on one rank each, all readable from here.
constexpr int MAX_RANKS = 8;

struct EmbeddingParams {
    StepInputs step;
    const bf16* shards[MAX_RANKS];
    int rows_per_shard;
    const float* norm;
    Residual out;
};

// qkv_projection: q, k, v = scale * (x . W^T); q and k rotated; q to `queries` [tokens, heads,
// head_dim] in bf16, k and v to the pages. Row order of W: heads of q, then k, then v; within a head
// of q or k, groups of 16 rows: dims j..j+7, then j + head_dim/2 .. j+7 + head_dim/2 (the pairs that
// RoPE rotates); heads of v in order.
struct QkvParams {
    StepInputs step;
    Residual in;
    float norm_eps;
    Matrix weights;
    int heads; // of this rank
    const float* inverse_frequencies; // [head_dim / 2]
    bf16* queries;
    KvPages pages;
};

// paged_attention and attention_combine: out[t] = softmax(q . K^T / sqrt(head_dim)) . V, causal, in
// bf16 [tokens, heads, head_dim]. States are [state, kv_head, token of the work, head of the group]
// of (max, sum, head_dim accumulators) in float; a work's states for one chunk take one state index
// per query token.
struct AttentionParams {
    StepInputs step;
    const bf16* queries;
    KvPages pages;
    int heads;
    float* states;
    bf16* out;
};

// output_projection and down: y = in . W^T with in [tokens, columns] in bf16. On one rank: residual
// += y, then x and squares with the next norm. On several: y in float to `partial` [tokens, hidden],
// which the all-reduce sums.
struct ResidualProjectionParams {
    StepInputs step;
    const bf16* in;
    Matrix weights;
    const float* norm;
    Residual out;
    float* partial; // null on one rank
};

// gate_up: inner = silu(scale * gate) * (scale * up) in bf16 [tokens, ffn]. Row order of W: groups
// of 16 rows: gate rows i..i+7, then up rows i..i+7.
struct GateUpParams {
    StepInputs step;
    Residual in;
    float norm_eps;
    Matrix weights;
    bf16* inner;
};

// lm_head: logits [rows, vocab] in float, for the tokens of the step's rows; this rank's columns
// begin at `first`.
struct LmHeadParams {
    StepInputs step;
    Residual in;
    float norm_eps;
    Matrix weights;
    float* logits; // on rank 0
    int vocab;
    int first;
};

// Blocks of a kernel that meet those of other ranks, at most. `flags` of such a kernel are counters
// [MAX_BLOCKS][MAX_RANKS] on each rank, zeroed once and never again; see rank_barrier.cuh.
constexpr int MAX_BLOCKS = 128;

// all_reduce: residual += sum over ranks, in rank order, of their partials; then x and squares with
// the next norm. The partials of two all-reduces that follow each other lie in different buffers.
struct AllReduceParams {
    StepInputs step;
    const float* partials[MAX_RANKS]; // each rank's, read by all
    // Each rank's slice sums, for the two-shot form: ceil(groups / ranks) groups, of all the tokens'
    // groups of SQUARES_GROUP.
    float* reduced[MAX_RANKS];
    uint32_t* flags[MAX_RANKS];
    int rank;
    int ranks;
    const float* norm;
    Residual out;
};

// sampling: see SampleRow. `mask` is [rows][mask_words] or null; a set bit allows the id. A row's
// own mask word offset is its index; rows without a mask have all bits set.
struct SamplingParams {
    StepInputs step;
    const float* logits; // [rows, vocab]
    int vocab;
    const uint32_t* masks;
    int mask_words;
    uint8_t* scratch; // scratch_bytes per row
    int scratch_bytes;
    SampledRow* results;
    int* top_tokens;     // [rows, MAX_TOP]
    float* top_logprobs; // [rows, MAX_TOP]
    int* sampled[MAX_RANKS]; // each rank's copy of the sampled ids, by row; unused ones null
};
