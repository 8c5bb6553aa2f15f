// Rules whose synapses are built on the GPU, and the targets that a warp draws: rust/kernels/src/connect, to the bit.
//
// The synapses of a source in a block of targets are a cell. The cells of a source stand behind each other in the order
// of the targets, and those of the sources in their order.
#pragma once
#include "drawn_rows.cuh"

constexpr uint64_t CELL = 256;  // synapses: more than are ever drawn where 64 are expected at most

// A rule for some sources and targets of a connection.
struct BuiltRule {
  DrawnRows rows;
  uint64_t first_target;       // that the rule's first one is in the connection
  uint64_t first_number;       // of those of its sources, among the numbers of all rules
  uint64_t first_cell, cells;  // of its first source, and how many a source has in all rules
  uint64_t unused;             // makes the size a power of two

  __device__ uint64_t cell(uint64_t source, uint64_t part) const { return first_cell + source * cells + part; }

  // How many synapses a source has of a fixed total number.
  __device__ uint64_t number_of_source(uint64_t source) const {
    return of_part(rows.seed, DrawnRows::OF_SOURCES, 0, rows.num, rows.multapses, rows.n_pre, source,
                   [&](uint64_t i) { return i * rows.n_post - left_out(i); });
  }
  // How many synapses of the sources before `end` to themselves are left out.
  __device__ uint64_t left_out(uint64_t end) const {
    if (!rows.has_own) return 0;
    const int64_t first = int64_t(rows.own_first), step = int64_t(rows.own_step), n = int64_t(rows.n_post);
    const int64_t from = step > 0 ? up(-first, step) : up(first - n + 1, -step);
    const int64_t to = step > 0 ? up(n - first, step) : up(first + 1, -step);
    const int64_t low = from < 0 ? 0 : from, high = to < int64_t(end) ? to : int64_t(end);
    return low < high ? uint64_t(high - low) : 0;
  }
  // The quotient, rounded up.
  static __device__ int64_t up(int64_t x, int64_t by) { return x > 0 ? (x + by - 1) / by : -(-x / by); }
};

// The targets of a source in a block, drawn by the threads of a warp.
struct WarpDraw {
  const DrawnRows &c;
  uint64_t source, part;
  uint32_t number;
  uint32_t *drawn, *chosen;  // room for CELL, in memory of the block

  // Calls `found(place, target)` for each, where `place` counts them in ascending order.
  template <class Found> __device__ void each(const Found &found) const {
    const Range within = c.targets(part);
    const uint64_t own = c.own(source);
    const bool leaves_out = own >= within.start && own < within.end;
    const uint32_t size = uint32_t(within.end - within.start) - leaves_out;
    const uint64_t gap = leaves_out ? own - within.start : DrawnRows::NOBODY;
    draw(size);
    choose(size - number);
    for (uint32_t k = threadIdx.x % WARP; k < number; k += WARP) {
      const uint32_t value = chosen[k];
      uint32_t place = 0;
      for (uint32_t other = 0; other < number; ++other)
        place += chosen[other] < value || (chosen[other] == value && other < k);
      found(place, within.start + value + (value >= gap));
    }
  }

  // The numbers that words give: each lane takes a word, and all words from a rejected one on are taken again.
  __device__ void draw(uint32_t size) const {
    const unsigned lane = threadIdx.x % WARP;
    const bool repeats = c.has_repeats();
    const Stream stream = c.stream_of_targets(source, part);
    uint32_t word = 0;
    for (uint32_t done = 0; done < number;) {
      const uint32_t k = done + lane;
      const Below found = below(stream.word(word + lane), repeats ? size : size - number + k + 1);
      const unsigned rejected = __ballot_sync(ALL_LANES, k < number && found.rejected);
      const unsigned taken = unsigned(__popc((rejected & (0u - rejected)) - 1));  // lanes before a rejected one
      if (lane < taken && k < number) drawn[k] = found.value;
      done += taken;
      word += taken + (rejected != 0);
    }
    __syncwarp();
  }

  // Floyd's choice of a subset: a number that was drawn before is replaced by that of its own draw, `first` + k.
  __device__ void choose(uint32_t first) const {
    for (uint32_t k = threadIdx.x % WARP; k < number; k += WARP)
      chosen[k] = !c.has_repeats() && is_chosen_before(k, first) ? first + k : drawn[k];
    __syncwarp();
  }
  __device__ bool is_chosen_before(uint32_t k, uint32_t first) const {
    for (;;) {
      const uint32_t value = drawn[k];
      for (uint32_t other = 0; other < k; ++other)
        if (drawn[other] == value) return true;
      // Else it is chosen only if the draw whose own number it is was replaced.
      if (value < first || value - first >= k) return false;
      k = value - first;
    }
  }
};
