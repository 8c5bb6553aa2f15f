// Keys from keys, as JAX makes them: rust/kernels/src/random/threefry.rs, Threefry 2×32 in 20 rounds.
#include "rows.cuh"

struct SplitCall {
  uint64_t n;
  const uint32_t *keys;
  uint32_t *first, *second;  // two words each
};

// Two random words of the counter (0, `number`) under the key (k, l).
__device__ inline void threefry(uint32_t number, uint32_t k, uint32_t l, uint32_t *out) {
  const uint32_t keys[3] = {k, l, k ^ l ^ 0x1BD11BDAu}, turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  uint32_t a = k, b = number + l;
#pragma unroll
  for (uint32_t group = 0; group < 5; ++group) {
#pragma unroll
    for (int round = 0; round < 4; ++round) {
      const uint32_t turn = turns[group % 2][round];
      a += b;
      b = (b << turn | b >> (32 - turn)) ^ a;
    }
    a += keys[(group + 1) % 3];
    b += keys[(group + 2) % 3] + group + 1;
  }
  out[0] = a;
  out[1] = b;
}

// A thread makes one of the two keys of a key.
__device__ inline void split(const SplitCall &c, const Grid &grid) {
  for (uint64_t at = grid.thread(); at < 2 * c.n; at += grid.threads()) {
    const uint64_t k = at / 2;
    threefry(at % 2, c.keys[2 * k], c.keys[2 * k + 1], (at % 2 ? c.second : c.first) + 2 * k);
  }
}
DEFINE_PART(random_split, SplitCall, split)
