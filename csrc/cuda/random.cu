// Random words by counter: rust/kernels/src/random, Philox 4×32-10.
#include "philox.cuh"
#include "rows.cuh"

struct RandomCall {
  uint64_t rows, n, blocks;  // of a row: words, and the counters that they come from
  const uint32_t *keys, *bounds;
  void *out;
  uint32_t purpose, n_bounds;
};

struct Itself {
  using Out = uint32_t;
  __device__ static Out of(const RandomCall &, uint32_t word) { return word; }
};

struct Counted {
  using Out = int32_t;
  __device__ static Out of(const RandomCall &c, uint32_t word) {
    Out count = 0;
    for (uint32_t k = 0; k < c.n_bounds; ++k) count += word >= c.bounds[k];
    return count;
  }
};

// A thread makes the words of a counter: word k of counter i stands at k · blocks + i of its row.
template <class Use> __device__ void random(const RandomCall &c) {
  for (uint64_t at = thread_in_grid(); at < c.rows * c.blocks; at += threads_in_grid()) {
    const uint64_t row = at / c.blocks, i = at % c.blocks;
    const Words words = philox({{uint32_t(i), c.purpose, 0, 0}}, c.keys[2 * row], c.keys[2 * row + 1]);
    auto *out = static_cast<typename Use::Out *>(c.out) + row * c.n;
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (k * c.blocks + i < c.n) out[k * c.blocks + i] = Use::of(c, words.w[k]);
  }
}

DEFINE_KERNEL(random_words, RandomCall, random<Itself>)
DEFINE_KERNEL(random_counts, RandomCall, random<Counted>)
