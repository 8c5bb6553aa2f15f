// Random words by counter: rust/kernels/src/random.rs, Philox 4×32-10.
#pragma once
#include "device.cuh"

struct Words {
  uint32_t w[4];
};

__device__ inline Words philox(Words counter, uint32_t k, uint32_t l) {
  uint32_t a = counter.w[0], b = counter.w[1], c = counter.w[2], d = counter.w[3];
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint32_t x = 0xD2511F53u * a, x_high = __umulhi(0xD2511F53u, a);
    const uint32_t y = 0xCD9E8D57u * c, y_high = __umulhi(0xCD9E8D57u, c);
    a = y_high ^ b ^ k;
    b = y;
    c = x_high ^ d ^ l;
    d = x;
    k += 0x9E3779B9u;
    l += 0xBB67AE85u;
  }
  return {{a, b, c, d}};
}

// A number strictly between 0 and 1.
__device__ inline double open_unit(uint32_t high, uint32_t low) {
  const uint64_t bits = (uint64_t(high) << 32 | low) >> 12;
  return (double(bits) + 0.5) * 0x1p-52;
}

// The random words of one stream of a seed.
struct Stream {
  uint64_t seed, stream;
  uint32_t purpose;

  __device__ Words words(uint64_t block) const {
    return philox({{uint32_t(block), purpose, uint32_t(stream), uint32_t(stream >> 32)}}, uint32_t(seed),
                  uint32_t(seed >> 32));
  }
  // Word `k`.
  __device__ uint32_t word(uint64_t k) const {
    const Words found = words(k / 4);
    const uint32_t low = k & 1 ? found.w[1] : found.w[0], high = k & 1 ? found.w[3] : found.w[2];
    return k & 2 ? high : low;
  }
  // The number that words 2k and 2k + 1 stand for.
  __device__ double unit(uint64_t k) const {
    const Words found = words(k / 2);
    return k & 1 ? open_unit(found.w[2], found.w[3]) : open_unit(found.w[0], found.w[1]);
  }
};

// A number below `bound` from a word, each with the same probability; some words are rejected, and the next is taken.
struct Below {
  uint32_t value;
  bool rejected;
};
__device__ inline Below below(uint32_t word, uint32_t bound) {
  const uint64_t wide = uint64_t(word) * bound;
  const uint32_t low = uint32_t(wide);
  return {uint32_t(wide >> 32), low < bound && low < (0u - bound) % bound};
}
