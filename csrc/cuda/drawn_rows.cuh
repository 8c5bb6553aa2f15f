// Rows that are drawn from the seed: rust/kernels/src/connect/{block_rows,choice,row}.rs, to the bit. A thread draws the
// targets of one source in one block of targets.
#pragma once
#include "counts.cuh"
#include "rows.cuh"

struct DrawnRows {
  uint64_t rule, num, multapses, has_own, own_first, own_step, seed, n_pre, n_post, wide;
  double prob;
  Draw weight, delay;
  uint64_t width, parts;  // targets of a block, and how many blocks there are

  enum : uint64_t {
    ONE_TO_ONE, ALL_TO_ALL, FIXED_PROB, FIXED_OUT_DEGREE, FIXED_TOTAL_NUMBER, FIXED_IN_DEGREE, DISTANCE_DEPENDENT,
    SMALL_WORLD
  };
  enum : uint32_t {
    OF_OUT_DEGREE = 1, OF_IN_DEGREE, OF_PROB, OF_TOTAL, OF_SOURCES, OF_DISTANCE, OF_SMALL_WORLD, OF_SPLIT, OF_SYNAPSE
  };
  static constexpr uint64_t NOBODY = ~uint64_t(0);

  // The target that source `i` is itself and that is left out.
  __device__ uint64_t own(uint64_t i) const { return own_among(n_post, i); }
  // As above, of `size` partners of neuron `i`.
  __device__ uint64_t own_among(uint64_t size, uint64_t i) const {
    const uint64_t partner = own_first + i * own_step;  // a negative number is beyond all partners
    return has_own && partner < size ? partner : NOBODY;
  }
  __device__ Range targets(uint64_t part) const { return {part * width, smaller((part + 1) * width, n_post)}; }

  // How many synapses source `i` has in a block of targets, of `all` where this is known.
  __device__ uint64_t number(uint64_t i, uint64_t own, uint64_t part, uint64_t all) const {
    if (rule == FIXED_PROB) {
      const Range within = targets(part);
      const uint64_t size = within.end - within.start - (own >= within.start && own < within.end);
      return binomial(size, prob, 1.0 - prob, {seed, part << 32 | i, OF_SPLIT});
    }
    return of_part(seed, OF_SPLIT, i, all, multapses, parts, part, [=](uint64_t part) {
      const uint64_t start = smaller(part * width, n_post);
      return start - (own < start);
    });
  }

  // Whether a source may reach a target several times.
  __device__ bool has_repeats() const { return rule != FIXED_PROB && multapses; }
  // The words that say which targets of a block source `i` reaches.
  __device__ Stream stream_of_targets(uint64_t i, uint64_t part) const {
    const uint32_t purpose = rule == FIXED_PROB ? OF_PROB : rule == FIXED_OUT_DEGREE ? OF_OUT_DEGREE : OF_TOTAL;
    return {seed, part << 32 | i, purpose};
  }

  // Writes the `k` targets of source `i` in a block to `list`, in the order in which they are drawn.
  __device__ void draw(uint64_t i, uint64_t own, uint64_t part, uint64_t k, uint32_t *list) const {
    const Range within = targets(part);
    const bool leaves_out = own >= within.start && own < within.end;
    const uint64_t size = within.end - within.start - leaves_out, gap = leaves_out ? own - within.start : NOBODY;
    const bool repeats = has_repeats();
    const Stream stream = stream_of_targets(i, part);
    uint64_t word = 0;
    for (uint64_t drawn = 0; drawn < k; ++drawn) {
      const uint64_t last = size - k + drawn;  // Floyd: each draw among one more, a repeat gives that one
      Below found{0, true};
      while (found.rejected) found = below(stream.word(word++), uint32_t(repeats ? size : last + 1));
      uint32_t value = found.value;
      for (uint64_t other = 0; !repeats && other < drawn; ++other)
        if (list[other] == found.value) value = uint32_t(last);
      list[drawn] = value;
    }
    for (uint64_t drawn = 0; drawn < k; ++drawn)
      list[drawn] += uint32_t(within.start) + (list[drawn] >= gap);
  }

  // The delay and weight of a synapse; `occurrence` tells apart those of one source to one target.
  struct Drawn {
    uint64_t delay;
    double weight;
  };
  __device__ Drawn synapse(uint64_t i, uint64_t target, uint64_t occurrence) const {
    if (!weight.family && !delay.family) return {0, 1.0};
    const Words w = words_of_synapse(i, target, occurrence);
    const double x = weight.family ? weight_of(w) : 1.0;
    return {delay.family ? delay_of(w) : 0, wide ? x : double(float(x))};
  }
  __device__ Words words_of_synapse(uint64_t i, uint64_t target, uint64_t occurrence) const {
    return philox({{uint32_t(target), OF_SYNAPSE, uint32_t(i), uint32_t(occurrence)}}, uint32_t(seed),
                  uint32_t(seed >> 32));
  }
  __device__ double weight_of(const Words &w) const { return weight.value(open_unit(w.w[0], w.w[1])); }
  __device__ uint64_t delay_of(const Words &w) const { return delay.steps(open_unit(w.w[2], w.w[3])); }
};

// The row of one source, by all threads of a block; they have a barrier behind them when they begin.
struct RowMaker {
  const DrawnRows &c;
  uint64_t source, own;
  uint32_t *list;  // of targets: room for those of as many blocks as there are threads
  uint64_t room;

  __device__ RowMaker(const DrawnRows &c, uint64_t source, uint32_t *scratch, uint64_t words)
      : c(c), source(source), own(c.own(source)),
        list(scratch + (uint64_t(blockIdx.y) * gridDim.x + blockIdx.x) * words), room(words) {}

  // Calls `visit(target, delay, weight)` for each synapse, each by one thread.
  template <class Visit> __device__ void each_synapse(const Visit &visit) const {
    const auto found = [&](uint64_t target, uint64_t occurrence) {
      const DrawnRows::Drawn drawn = c.synapse(source, target, occurrence);
      visit(target, drawn.delay, drawn.weight);
    };
    if (c.rule == DrawnRows::ONE_TO_ONE) {
      if (threadIdx.x == 0) found(source, 0);
    } else if (c.rule == DrawnRows::ALL_TO_ALL) {
      for (uint64_t k = threadIdx.x; k < c.n_post - (own != DrawnRows::NOBODY); k += BLOCK) found(k + (k >= own), 0);
    } else {
      for (uint64_t first = 0; first < c.parts; first += BLOCK) each_of_part(first + threadIdx.x, found);
    }
  }

  // Calls `found(target, occurrence)` for each synapse in this thread's block of targets, if there is such a block.
  template <class Found> __device__ void each_of_part(uint64_t part, const Found &found) const {
    SHARED(uint64_t, sums, [WARPS]);
    const uint64_t number = part < c.parts ? c.number(source, own, part, c.num) : 0;
    const Place place = place_in_block(number, sums);
    // The host has made room for more than are ever drawn; should they be more, the rest is left out.
    const uint64_t start = smaller(place.before, room), k = smaller(number, room - start);
    uint32_t *mine = list + start;
    if (k == number) c.draw(source, own, part, k, mine);
    for (uint64_t drawn = 0; k == number && drawn < k; ++drawn) {
      uint64_t occurrence = 0;
      if (c.multapses)
        for (uint64_t other = 0; other < drawn; ++other) occurrence += mine[other] == mine[drawn];
      found(mine[drawn], occurrence);
    }
    __syncthreads();  // the list and the sums are used again
  }
};
