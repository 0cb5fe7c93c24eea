// The counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", 2011): a pure function of key and counter, so a random number never depends on who drew
// before.
#pragma once
#include <stdint.h>

#include "device.cuh"

struct PhiloxBlock {
    uint32_t words[4];
};

// The four output words for a counter of four words and a key of two.
__device__ inline PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
    constexpr int ROUNDS = 10;
    uint32_t* c = counter.words;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = 0xD2511F53ull * c[0];
        uint64_t p1 = 0xCD9E8D57ull * c[2];
        uint32_t c0 = static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key0;
        uint32_t c2 = static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key1;
        c[0] = c0;
        c[1] = static_cast<uint32_t>(p1);
        c[2] = c2;
        c[3] = static_cast<uint32_t>(p0);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

// A uniform number in [0, 1), as a multiple of 2^-64 of which the 53 highest bits are random: that
// of one token of one choice of one request.
__device__ inline uint64_t philox_uniform(uint32_t seed_low, uint32_t seed_high, int choice,
                                          int output_index) {
    PhiloxBlock counter = {{static_cast<uint32_t>(output_index), static_cast<uint32_t>(choice), 0, 0}};
    PhiloxBlock random = philox(counter, seed_low, seed_high);
    uint64_t bits = static_cast<uint64_t>(random.words[0]) << 21 | random.words[1] >> 11;
    return bits << 11;
}
