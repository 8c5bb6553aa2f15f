// Partners that the threads of a warp draw together: rust/kernels/src/connect, to the bit.
#pragma once
#include "connect.cuh"

// Some of `size` partners, each with the same probability.
struct WarpChoice {
  Stream stream;
  uint32_t number, size;
  bool repeats;
  uint32_t *drawn;  // room for `number`

  // The numbers that words give: each lane takes a word, and all words from a rejected one on are taken again.
  __device__ void draw() const {
    const unsigned lane = threadIdx.x % WARP;
    uint32_t word = 0;
    for (uint32_t done = 0; done < number;) {
      const uint32_t k = done + lane;
      const Below found = below(stream.word(word + lane), repeats ? size : first() + k + 1);
      const unsigned rejected = __ballot_sync(ALL_LANES, k < number && found.rejected);
      const unsigned taken = unsigned(__popc((rejected & (0u - rejected)) - 1));  // lanes before a rejected one
      if (lane < taken && k < number) drawn[k] = found.value;
      done += taken;
      word += taken + (rejected != 0);
    }
    __syncwarp();
  }

  // Floyd's choice of a subset: a number that was drawn before is replaced by that of its own draw, `first()` + k.
  __device__ uint32_t partner(uint32_t k) const { return !repeats && is_chosen_before(k) ? first() + k : drawn[k]; }
  __device__ uint32_t first() const { return size - number; }
  __device__ bool is_chosen_before(uint32_t k) const {
    for (;;) {
      const uint32_t value = drawn[k];
      for (uint32_t other = 0; other < k; ++other)
        if (drawn[other] == value) return true;
      // Else it is chosen only if the draw whose own number it is was replaced.
      if (value < first() || value - first() >= k) return false;
      k = value - first();
    }
  }
};

// Words that are taken one after the other; the lanes of a warp compute as many at once.
struct WarpWords {
  Stream stream;
  uint32_t used = 0, ahead = 0;

  __device__ uint32_t take() {
    if (used % WARP == 0) ahead = stream.word(used + threadIdx.x % WARP);
    return __shfl_sync(ALL_LANES, ahead, int(used++ % WARP));
  }
  __device__ double unit() {
    const uint32_t high = take();
    return open_unit(high, take());
  }
  __device__ uint32_t number_below(uint32_t bound) {
    for (;;) {
      const Below found = below(take(), bound);
      if (!found.rejected) return found.value;
    }
  }
};

// Calls `found(place, target)` for those of a list that are wanted, where `place` counts them in ascending order; returns
// how many they are.
template <class Found>
__device__ uint64_t each_in_order(const uint32_t *list, uint32_t number, Range wanted, const Found &found) {
  uint64_t count = 0;
  for (uint32_t k = threadIdx.x % WARP; k < number; k += WARP) {
    const uint32_t target = list[k];
    if (!wanted.has(target)) continue;
    uint32_t place = 0;
    for (uint32_t other = 0; other < number; ++other)
      place += list[other] >= wanted.start && (list[other] < target || (list[other] == target && other < k));
    found(place, target);
    ++count;
  }
  return sum_warp(count);
}

// The synapses of a source in a block of targets, of the rules that draw by source.
struct CellDraw {
  const BuiltRule &r;
  const double *positions;
  uint64_t source, part;
  uint32_t *drawn, *chosen;  // room for CELL, in memory of the block
  uint32_t *neighbours;      // room for those of a small world

  // Calls `found(place, target)` for each, where `place` counts them in ascending order; returns how many there are.
  // `number` is that of the whole block, where blocks are drawn.
  template <class Found> __device__ uint64_t each(uint64_t number, const Found &found) const {
    const unsigned lane = threadIdx.x % WARP;
    const Range wanted = r.targets(part);
    if (r.rows.rule == DrawnRows::DISTANCE_DEPENDENT) return each_near(wanted, found);
    if (r.rows.rule == DrawnRows::SMALL_WORLD) {
      rewire();
      return each_in_order(neighbours, uint32_t(r.rows.num), wanted, found);
    }
    if (r.rows.rule == DrawnRows::ONE_TO_ONE) {
      if (lane == 0 && wanted.has(source)) found(0, source);
      return wanted.has(source);
    }
    if (r.rows.rule == DrawnRows::ALL_TO_ALL) {
      const uint64_t own = r.own(positions, source), gap = wanted.has(own) ? own - wanted.start : DrawnRows::NOBODY;
      const uint64_t n = wanted.end - wanted.start - wanted.has(own);
      for (uint64_t k = lane; k < n; k += WARP) found(k, wanted.start + k + (k >= gap));
      return n;
    }
    if (r.rows.width == 1) {
      for (uint64_t k = lane; k < number; k += WARP) found(k, wanted.start);
      return number;
    }
    choose(uint32_t(number));
    return each_in_order(chosen, uint32_t(number), wanted, found);
  }

  // The targets of the whole block.
  __device__ void choose(uint32_t number) const {
    const Range all = r.rows.targets(r.first_part + part);
    const uint64_t own = r.own(positions, source), gap = all.has(own) ? own - all.start : DrawnRows::NOBODY;
    const WarpChoice choice{r.rows.stream_of_targets(source, r.first_part + part), number,
                            uint32_t(all.end - all.start - all.has(own)), r.rows.has_repeats(), drawn};
    choice.draw();
    for (uint32_t k = threadIdx.x % WARP; k < number; k += WARP) {
      const uint32_t partner = choice.partner(k);
      chosen[k] = uint32_t(all.start) + partner + (partner >= gap);
    }
    __syncwarp();
  }

  // The targets within the cutoff that the pair's own number lets in.
  template <class Found> __device__ uint64_t each_near(Range wanted, const Found &found) const {
    const unsigned lane = threadIdx.x % WARP;
    const uint64_t own = r.own(positions, source);
    uint64_t count = 0;
    for (uint64_t tile = wanted.start; tile < wanted.end; tile += WARP) {
      const uint64_t j = tile + lane;
      const bool is_there = j < wanted.end && j != own && reaches(j);
      const unsigned those = __ballot_sync(ALL_LANES, is_there);
      if (is_there) found(count + unsigned(__popc(those & ((1u << lane) - 1))), j);
      count += unsigned(__popc(those));
    }
    return count;
  }
  __device__ bool reaches(uint64_t j) const {
    const double square = r.space.square_of_distance(positions, source, j);
    if (square > r.space.cutoff * r.space.cutoff) return false;
    const Stream stream{r.rows.seed, source, DrawnRows::OF_DISTANCE};
    return stream.unit(2 * j) < r.rows.prob * r.space.part_of_probability(square);
  }

  // The neighbours of a small world, in the order in which they are rewired.
  __device__ void rewire() const {
    const uint32_t n = uint32_t(r.rows.n_post), num = uint32_t(r.rows.num), own = uint32_t(source);
    const unsigned lane = threadIdx.x % WARP;
    for (uint32_t k = lane; k < num; k += WARP) neighbours[k] = (own + (k % 2 ? n - (k / 2 + 1) : k / 2 + 1)) % n;
    __syncwarp();
    if (num + 1 >= n) return;  // nowhere to rewire to
    WarpWords words{{r.rows.seed, source, DrawnRows::OF_SMALL_WORLD}};
    for (uint32_t k = 0; k < num; ++k) {
      if (words.unit() >= r.rows.prob) continue;
      uint32_t target = words.number_below(n);
      while (target == own || is_neighbour(target)) target = words.number_below(n);
      if (lane == 0) neighbours[k] = target;
      __syncwarp();
    }
  }
  __device__ bool is_neighbour(uint32_t target) const {
    bool found = false;
    for (uint32_t k = threadIdx.x % WARP; k < r.rows.num; k += WARP) found |= neighbours[k] == target;
    return __any_sync(ALL_LANES, found);
  }
};

// Calls `found(source, part)` for each synapse of a target whose sources are drawn, by the threads of a warp; `drawn` has
// room for as many.
template <class Found>
__device__ void each_source(const BuiltRule &r, const double *positions, uint64_t target, uint32_t *drawn,
                            const Found &found) {
  const uint64_t own = r.own_among(positions, r.rows.n_pre, target), n = r.rows.n_pre - (own != DrawnRows::NOBODY);
  const WarpChoice choice{{r.rows.seed, target, DrawnRows::OF_IN_DEGREE}, uint32_t(r.rows.num), uint32_t(n),
                          r.rows.multapses != 0, drawn};
  choice.draw();
  for (uint32_t k = threadIdx.x % WARP; k < choice.number; k += WARP) {
    const uint32_t partner = choice.partner(k);
    found(partner + (partner >= own), target / r.rows.width - r.first_part);
  }
  __syncwarp();  // the list is used again
}
