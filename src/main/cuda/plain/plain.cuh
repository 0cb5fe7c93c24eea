// What the plain kernels share. They compute the same as the tuned ones, an element or a row a
// thread, as readably as can be.
#pragma once
#include "../params.cuh"

// Index of this thread in a grid of one dimension.
__device__ __forceinline__ int thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// Element of a packed matrix; see Matrix.
__device__ __forceinline__ float weight_at(const Matrix& w, int row, int column) {
    const int column_tiles = (w.columns + TILE - 1) / TILE;
    const long tile = static_cast<long>(row / TILE) * column_tiles + column / TILE;
    const int r = row % TILE;
    const int c = column % TILE;
    const int chunk = (c / 8) ^ (r & 7);
    return __bfloat162float(w.tiles[tile * TILE * TILE + r * TILE + chunk * 8 + c % 8]);
}

__device__ __forceinline__ float dot(const Matrix& w, int row, const bf16* x) {
    float sum = 0;
    for (int k = 0; k < w.columns; k++) {
        sum += weight_at(w, row, k) * __bfloat162float(x[k]);
    }
    return sum;
}

__device__ __forceinline__ int token_at(const StepInputs& step, int t) {
    const int token = step.tokens[t];
    return token >= 0 ? token : step.sampled[-1 - token];
}

// What RMSNorm divides a token by, inverted.
__device__ __forceinline__ float norm_scale(const Residual& residual, int t, float eps) {
    const int groups = residual.hidden / SQUARES_GROUP;
    float sum = 0;
    for (int g = 0; g < groups; g++) {
        sum += residual.squares[static_cast<long>(t) * groups + g];
    }
    return 1 / sqrtf(sum / residual.hidden + eps);
}

// Makes x and squares of a group of the residual whose values are final.
__device__ __forceinline__ void finish_group(const Residual& residual, const float* norm, int t,
                                             int group) {
    const long first = static_cast<long>(t) * residual.hidden + group * SQUARES_GROUP;
    float sum = 0;
    for (int i = 0; i < SQUARES_GROUP; i++) {
        const float value = residual.values[first + i];
        residual.x[first + i] = __float2bfloat16(value * norm[group * SQUARES_GROUP + i]);
        sum += value * value;
    }
    residual.squares[static_cast<long>(t) * (residual.hidden / SQUARES_GROUP) + group] = sum;
}
