// Random words by counter: rust/kernels/src/random, Philox 4×32-10.
#include "philox.cuh"
#include "rows.cuh"

// The words of an array in runs of `n` that follow each other: blocks enough for a run that begins anywhere.
struct Runs {
  uint64_t number, n, blocks;
};

constexpr uint64_t TILE = 4 * WARP;  // elements: the words of a warp of blocks

struct RandomCall {
  Runs runs;  // one for each key
  const uint32_t *keys, *first, *bounds;
  void *out;
  uint32_t purpose, n_bounds, n_first;
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

// A thread makes the words of a counter: word k of counter i is element 128 ⌊i/32⌋ + 32 k + i mod 32. `use(run, place,
// word)` takes those of the `runs`, which begin at elements `first(run)` and have keys `key(run)`.
template <class First, class Key, class Use>
__device__ void words_of(const Runs &runs, const uint32_t *keys, uint32_t purpose, const First &first, const Key &key,
                         const Use &use) {
  for (uint64_t at = thread_in_grid(); at < runs.number * runs.blocks; at += threads_in_grid()) {
    const uint64_t run = at / runs.blocks, start = first(run), row = key(run);
    const uint64_t i = start / TILE * WARP + at % runs.blocks;
    const Words words = philox({{uint32_t(i), purpose, 0, 0}}, keys[2 * row], keys[2 * row + 1]);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const uint64_t element = i / WARP * TILE + WARP * k + i % WARP;
      if (element >= start && element < start + runs.n) use(run, element - start, words.w[k]);
    }
  }
}

template <class Use> __device__ void random(const RandomCall &c) {
  const auto first = [&](uint64_t run) { return c.first[c.n_first == 1 ? 0 : run]; };
  const auto key = [](uint64_t run) { return run; };
  words_of(c.runs, c.keys, c.purpose, first, key, [&](uint64_t run, uint64_t place, uint32_t word) {
    static_cast<typename Use::Out *>(c.out)[run * c.runs.n + place] = Use::of(c, word);
  });
}

// Neurons that draw from one distribution: where they end, where their bounds end, the number below all bounds.
struct Part {
  int32_t end, bounds, least;
};

struct AddCall {
  Runs runs;              // some for each key
  uint64_t runs_of_key;   // one for each sample, or one for all samples of all neurons
  uint64_t own, neurons;  // in the target, and of all that there are
  uint64_t weights;       // 1, or one for each element of some samples
  const uint32_t *keys, *first, *bounds;
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
  const auto first = [&](uint64_t run) { return run % c.runs_of_key * c.neurons + *c.first; };
  const auto key = [&](uint64_t run) { return run / c.runs_of_key; };
  const auto *weight = static_cast<const T *>(c.weight);
  words_of(c.runs, c.keys, c.purpose, first, key, [&](uint64_t run, uint64_t place, uint32_t word) {
    const uint64_t element = run * c.runs.n + place;
    const int32_t number = drawn(c, uint32_t(smaller(*c.first + place % c.own, c.neurons - 1)), word);
    static_cast<T *>(c.target)[element] += weight[element % c.weights] * T(number);
  });
}

DEFINE_KERNEL(random_add_f32, AddCall, random_add<float>)
DEFINE_KERNEL(random_add_f64, AddCall, random_add<double>)
DEFINE_KERNEL(random_words, RandomCall, random<Itself>)
DEFINE_KERNEL(random_counts, RandomCall, random<Counted>)
