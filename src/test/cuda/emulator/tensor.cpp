// Operations that a warp does as a whole: matrix products and loads of matrices.
#include <string.h>

#include "threads.h"

namespace emulator {

namespace {

inline float low_half(uint32_t pair) {
    uint32_t bits = pair << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline float high_half(uint32_t pair) {
    uint32_t bits = pair & 0xFFFF0000u;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// sums += a . b. Sums are kept by row, so that the compiler makes vectors of the 8 columns.
__attribute__((target_clones("arch=x86-64-v3", "default"))) void multiply(const float (&a)[16][16],
                                                                          const float (&b)[16][8],
                                                                          float (&sums)[16][8]) {
    for (int row = 0; row < 16; row++) {
        float sum[8] = {};
        for (int k = 0; k < 16; k++) {
            for (int column = 0; column < 8; column++) sum[column] += a[row][k] * b[k][column];
        }
        for (int column = 0; column < 8; column++) sums[row][column] += sum[column];
    }
}

} // namespace

// The fragments of mma.m16n8k16, see device.cuh.
void combine_mma(const Lanes& lanes) {
    float a[16][16], b[16][8], sums[16][8];
    for (int lane = 0; lane < WARP; lane++) {
        auto* operands = static_cast<MmaOperands*>(lanes.operands[lane]);
        if (operands == nullptr) fail(719, "mma_bf16 in a warp without lane %d", lane);
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) {
            int row = g + i % 2 * 8, k = 2 * t + i / 2 * 8;
            a[row][k] = low_half(operands->a[i]);
            a[row][k + 1] = high_half(operands->a[i]);
            sums[g + i / 2 * 8][2 * t + i % 2] = operands->d[i];
        }
        for (int i = 0; i < 2; i++) {
            int k = 2 * t + 8 * i;
            b[k][g] = low_half(operands->b[i]);
            b[k + 1][g] = high_half(operands->b[i]);
        }
    }
    multiply(a, b, sums);
    for (int lane = 0; lane < WARP; lane++) {
        auto* operands = static_cast<MmaOperands*>(lanes.operands[lane]);
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) operands->d[i] = sums[g + i / 2 * 8][2 * t + i % 2];
    }
}

void combine_ldmatrix(const Lanes& lanes) {
    uint16_t matrices[4][8][8];
    auto* first = static_cast<MatrixOperands*>(lanes.operands[0]);
    if (first == nullptr) fail(719, "ldmatrix in a warp without lane 0");
    int count = first->count;
    bool transposed = first->transposed;
    for (int lane = 0; lane < WARP; lane++) {
        auto* operands = static_cast<MatrixOperands*>(lanes.operands[lane]);
        if (operands == nullptr) fail(719, "ldmatrix in a warp without lane %d", lane);
        if (operands->count != count || operands->transposed != transposed) {
            fail(719, "lanes of a warp diverge: they load matrices of different kinds");
        }
        if (lane >= 8 * count) continue;
        if (reinterpret_cast<uintptr_t>(operands->row) % 16 != 0) {
            fail(716, "ldmatrix: lane %d names row %p, which is not a multiple of 16", lane,
                 operands->row);
        }
        if (!is_shared(operands->row, 16)) {
            fail(700, "ldmatrix: lane %d names row %p, which is not in the block's shared memory", lane,
                 operands->row);
        }
        memcpy(matrices[lane / 8][lane % 8], operands->row, 16);
    }
    for (int lane = 0; lane < WARP; lane++) {
        auto* operands = static_cast<MatrixOperands*>(lanes.operands[lane]);
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < count; i++) {
            uint32_t low = transposed ? matrices[i][2 * t][g] : matrices[i][g][2 * t];
            uint32_t high = transposed ? matrices[i][2 * t + 1][g] : matrices[i][g][2 * t + 1];
            operands->result[i] = high << 16 | low;
        }
    }
}

} // namespace emulator
