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

// Neurons that draw from one distribution: where they end, where their bounds end, the number below all bounds.
struct Part {
  int32_t end, bounds, least;
};

struct AddCall {
  uint64_t rows, n, blocks, neurons, weights;  // weights: 1, or one for each element of some samples
  const uint32_t *keys, *bounds;
  const Part *parts;
  const void *weight;
  void *target;
  uint32_t purpose, n_bounds, n_parts;
};

// What a word stands for in the part of a neuron; parts that do not follow each other never lead out of the bounds.
__device__ inline int32_t drawn(const AddCall &c, uint32_t neuron, uint32_t word) {
  uint32_t p = 0, first = 0;
  while (p + 1 < c.n_parts && uint32_t(c.parts[p].end) <= neuron) first = uint32_t(c.parts[p++].bounds);
  const Part part = c.parts[p];
  int32_t count = part.least;
  for (uint32_t k = first; k < smaller(uint32_t(part.bounds), c.n_bounds) && word >= c.bounds[k]; ++k) ++count;
  return count;
}

template <class T> __device__ void random_add(const AddCall &c) {
  for (uint64_t at = thread_in_grid(); at < c.rows * c.blocks; at += threads_in_grid()) {
    const uint64_t row = at / c.blocks, i = at % c.blocks;
    const Words words = philox({{uint32_t(i), c.purpose, 0, 0}}, c.keys[2 * row], c.keys[2 * row + 1]);
    const auto *weight = static_cast<const T *>(c.weight);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const uint64_t place = k * c.blocks + i, element = row * c.n + place;
      if (place >= c.n) continue;
      const int32_t number = drawn(c, uint32_t(place % c.neurons), words.w[k]);
      static_cast<T *>(c.target)[element] += weight[element % c.weights] * T(number);
    }
  }
}

DEFINE_KERNEL(random_add_f32, AddCall, random_add<float>)
DEFINE_KERNEL(random_add_f64, AddCall, random_add<double>)
DEFINE_KERNEL(random_words, RandomCall, random<Itself>)
DEFINE_KERNEL(random_counts, RandomCall, random<Counted>)
