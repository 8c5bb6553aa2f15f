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

// A thread makes the words of a counter: word k of counter i is word w = 128 ⌊i/32⌋ + 32 k + i mod 32. With `PARTS` 1 it
// is element w; with 2 its lower half is element 2 w, and its upper half element 2 w + 1. `use(run, place, number)` takes
// those of the `runs`, which begin at elements `first(run)` and have keys `key(run)`.
template <int PARTS, class First, class Key, class Use>
__device__ void words_of(const Runs &runs, const uint32_t *keys, uint32_t purpose, const First &first, const Key &key,
                         const Use &use) {
  for (uint64_t at = thread_in_grid(); at < runs.number * runs.blocks; at += threads_in_grid()) {
    const uint64_t run = at / runs.blocks, start = first(run), row = key(run);
    const uint64_t i = start / (PARTS * TILE) * WARP + at % runs.blocks;
    const Words words = philox({{uint32_t(i), purpose, 0, 0}}, keys[2 * row], keys[2 * row + 1]);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
#pragma unroll
      for (int part = 0; part < PARTS; ++part) {
        const uint64_t element = PARTS * (i / WARP * TILE + WARP * k + i % WARP) + part;
        const uint32_t number = PARTS == 1 ? words.w[k] : words.w[k] >> 16 * part & 0xFFFFu;
        if (element >= start && element < start + runs.n) use(run, element - start, number);
      }
    }
  }
}

template <class Use> __device__ void random(const RandomCall &c) {
  const auto first = [&](uint64_t run) { return c.first[c.n_first == 1 ? 0 : run]; };
  const auto key = [](uint64_t run) { return run; };
  words_of<1>(c.runs, c.keys, c.purpose, first, key, [&](uint64_t run, uint64_t place, uint32_t word) {
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

// The half of draw 1 that is an element's.
__device__ inline uint32_t lower_half(uint64_t element, uint32_t purpose, const uint32_t *key) {
  const uint64_t word = element / 2;
  const uint32_t block = uint32_t(word / TILE * WARP + word % WARP);
  const Words words = philox({{block, purpose, 1, 0}}, key[0], key[1]);
  const uint64_t k = word % TILE / WARP;
  const uint32_t low = k & 1 ? words.w[1] : words.w[0], high = k & 1 ? words.w[3] : words.w[2];
  return (k & 2 ? high : low) >> 16 * (element % 2) & 0xFFFFu;
}

// What 32 bits stand for in the part of a neuron, of which `lower()` gives the lower half where the upper one is that of
// a bound. Parts that do not follow each other never lead out of the bounds.
template <class Lower>
__device__ int32_t drawn(const AddCall &c, uint32_t neuron, uint32_t upper, const Lower &lower) {
  uint32_t p = 0, first = 0;
  while (p + 1 < c.n_parts && uint32_t(c.parts[p].end) <= neuron) first = uint32_t(c.parts[p++].bounds);
  const Part part = c.parts[p];
  int32_t count = part.least;
  uint32_t number = upper << 16;
  bool whole = false;
  for (uint32_t k = first; k < smaller(uint32_t(part.bounds), c.n_bounds); ++k) {
    if (!whole && c.bounds[k] >> 16 == upper) {
      number |= lower();
      whole = true;
    }
    if (number < c.bounds[k]) break;
    ++count;
  }
  return count;
}

template <class T> __device__ void random_add(const AddCall &c) {
  const auto first = [&](uint64_t run) { return run % c.runs_of_key * c.neurons + *c.first; };
  const auto key = [&](uint64_t run) { return run / c.runs_of_key; };
  const auto *weight = static_cast<const T *>(c.weight);
  words_of<2>(c.runs, c.keys, c.purpose, first, key, [&](uint64_t run, uint64_t place, uint32_t upper) {
    const uint64_t at = run * c.runs.n + place;
    const auto lower = [&] { return lower_half(first(run) + place, c.purpose, c.keys + 2 * key(run)); };
    const int32_t number = drawn(c, uint32_t(smaller(*c.first + place % c.own, c.neurons - 1)), upper, lower);
    static_cast<T *>(c.target)[at] += weight[at % c.weights] * T(number);
  });
}

DEFINE_KERNEL(random_add_f32, AddCall, random_add<float>)
DEFINE_KERNEL(random_add_f64, AddCall, random_add<double>)
DEFINE_KERNEL(random_words, RandomCall, random<Itself>)
DEFINE_KERNEL(random_counts, RandomCall, random<Counted>)
