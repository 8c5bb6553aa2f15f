// Rows that a block makes anew from the seed: rust/kernels/src/connect/{procedural,fixed_prob,choice,store}.rs. The CPU
// draws one number after the other; here each thread knows which number of the stream is its own.
#pragma once
#include "draw.cuh"
#include "philox.cuh"
#include "rows.cuh"

struct DrawnRows {
  uint64_t rule, num, multapses, has_own, own_first, own_step, seed, n_pre, n_post, wide;
  double prob;
  Draw weight, delay;
  uint32_t *scratch;  // (blocks, words): a number for each target, a list of targets, and one number for each delay
  uint64_t words, count_words, list_words, delay_words;

  enum : uint64_t { ONE_TO_ONE, ALL_TO_ALL, FIXED_PROB, FIXED_OUT_DEGREE };
  enum : uint32_t { OF_OUT_DEGREE = 1, OF_PROB = 3, OF_WEIGHT = 8, OF_DELAY = 9 };  // what streams are for
  static constexpr uint64_t NOBODY = ~uint64_t(0);

  // The target that source `i` is itself and that is left out.
  __device__ uint64_t own(uint64_t i) const {
    const uint64_t target = own_first + i * own_step;  // a negative number is beyond all targets
    return has_own && target < n_post ? target : NOBODY;
  }
};

// The row of one source, by all threads of a block; they have a barrier behind them when they begin.
struct RowMaker {
  const DrawnRows &c;
  uint64_t source, own, available;
  uint32_t *counts, *list, *of_delays;

  __device__ RowMaker(const DrawnRows &c, uint64_t source) : c(c), source(source), own(c.own(source)) {
    available = c.n_post - (own != DrawnRows::NOBODY);
    counts = c.scratch + (uint64_t(blockIdx.y) * gridDim.x + blockIdx.x) * c.words;
    list = counts + c.count_words;
    of_delays = list + c.list_words;
  }
  __device__ Stream stream(uint32_t purpose) const { return {c.seed, source, purpose}; }
  __device__ uint64_t past_own(uint64_t target) const { return target + (target >= own); }

  // Calls `visit(target, delay, weight)` for each synapse, each by one thread.
  template <class Visit> __device__ void each_synapse(const Visit &visit) const {
    const Stream weights = stream(DrawnRows::OF_WEIGHT), delays = stream(DrawnRows::OF_DELAY);
    const bool draws_weights = c.weight.family, draws_delays = c.delay.family;
    // Weights and delays are drawn for the synapses of a row in the order in which they are stored.
    const auto weight = [&](uint64_t place) {
      if (!draws_weights) return 1.0;
      const double x = c.weight.value(weights.unit(place));
      return c.wide ? x : double(float(x));
    };
    const auto delay = [&](uint64_t rank) { return draws_delays ? c.delay.steps(delays.unit(rank)) : 0; };
    if (c.list_words == 0) {
      each_target([&](uint64_t target, uint64_t rank) { visit(target, delay(rank), weight(rank)); });
      return;
    }
    const uint64_t length = list_targets();
    if (c.delay_words == 0) {
      for (uint64_t k = threadIdx.x; k < length; k += BLOCK) visit(list[k], delay(k), weight(k));
      __syncthreads();  // the list is used again
      return;
    }
    each_by_delay(length, delay, [&](uint64_t target, uint64_t steps, uint64_t place) {
      visit(target, steps, weight(place));
    });
  }

  // Calls `found(target, rank)` for each target; ranks count them in the order in which they are found, which ascends
  // but for a fixed number of targets.
  template <class Found> __device__ uint64_t each_target(const Found &found) const {
    if (c.rule == DrawnRows::FIXED_OUT_DEGREE) return c.multapses ? repeated(found) : distinct(found);
    if (c.rule == DrawnRows::FIXED_PROB && c.prob < 1.0) return by_chance(found);
    if (c.rule == DrawnRows::ONE_TO_ONE) {
      if (threadIdx.x == 0) found(source, 0);
      return 1;
    }
    for (uint64_t k = threadIdx.x; k < available; k += BLOCK) found(past_own(k), k);
    return available;
  }

  // Between two targets lie geometrically many others. A thread draws two of these gaps.
  template <class Found> __device__ uint64_t by_chance(const Found &found) const {
    SHARED(uint64_t, sums, [2][WARPS]);
    constexpr double FAR = 0x1p33;
    const double ln_none = ln_of_complement(c.prob);
    const Stream gaps = stream(DrawnRows::OF_PROB);
    const auto gap = [=](uint32_t high, uint32_t low) {
      const double far = ln(open_unit(high, low)) / ln_none;
      return uint64_t(far < FAR ? far : FAR);
    };
    uint64_t next = c.prob > 0.0 ? 0 : available, rank = 2 * threadIdx.x, length = 0;
    while (next < available) {
      const Words w = gaps.words(rank / 2);
      const uint64_t near = gap(w.w[0], w.w[1]), far = gap(w.w[2], w.w[3]);
      const Place place = place_in_block(near + far + 2, sums[0]);
      const uint64_t first = next + place.before + near, second = first + 1 + far;
      if (first < available) found(past_own(first), rank);
      if (second < available) found(past_own(second), rank + 1);
      length += place_in_block((first < available) + (second < available), sums[1]).total;
      next += place.total;
      rank += 2 * BLOCK;
      __syncthreads();  // the sums are used again
    }
    return length;
  }

  // A draw of each thread: draw `k` is one below `bound(k)`, from the first word that is not rejected after that of the
  // draw before. Returns how many threads, the first ones, have theirs; `word` counts the words that are used up.
  struct Drawn {
    uint64_t accepted;
    uint32_t value;
  };
  template <class Bound> __device__ Drawn draw(const Stream &stream, uint64_t k, uint64_t &word, Bound bound) const {
    SHARED(uint64_t, sums, [2][WARPS]);
    const Below mine = k < c.num ? below(stream.word(word + threadIdx.x), bound(k)) : Below{0, false};
    const Place rejected = place_in_block(mine.rejected, sums[0]);
    const bool accepted = k < c.num && !mine.rejected && rejected.before == 0;
    const uint64_t total = place_in_block(accepted, sums[1]).total;
    word += total + (rejected.total != 0);
    __syncthreads();  // the sums are used again
    return {total, mine.value};
  }

  // A fixed number of targets, of which some may be the same.
  template <class Found> __device__ uint64_t repeated(const Found &found) const {
    const Stream draws = stream(DrawnRows::OF_OUT_DEGREE);
    for (uint64_t first = 0, word = 0; first < c.num;) {
      const uint64_t k = first + threadIdx.x;
      const Drawn mine = draw(draws, k, word, [&](uint64_t) { return uint32_t(available); });
      if (threadIdx.x < mine.accepted) found(past_own(mine.value), k);
      first += mine.accepted;
    }
    return c.num;
  }

  // A fixed number of different targets, by Floyd's choice of a subset: each draw among one more, a repeat gives that
  // one. `counts` knows the targets of earlier draws.
  template <class Found> __device__ uint64_t distinct(const Found &found) const {
    SHARED(uint32_t, drawn, [BLOCK]);
    SHARED(uint32_t, took, [BLOCK]);
    const Stream draws = stream(DrawnRows::OF_OUT_DEGREE);
    clear(counts, c.n_post);
    const uint64_t least = available - c.num;  // the one more of the first draw
    for (uint64_t first = 0, word = 0; first < c.num;) {
      const uint64_t k = first + threadIdx.x;
      const Drawn mine = draw(draws, k, word, [=](uint64_t k) { return uint32_t(least + k + 1); });
      const bool draws_now = threadIdx.x < mine.accepted;
      drawn[threadIdx.x] = mine.value;
      __syncthreads();
      bool takes = false;  // whether it takes the one more
      if (draws_now) {
        takes = mine.value == least + k || counts[mine.value] != 0;
        for (unsigned other = 0; other < threadIdx.x; ++other) takes |= drawn[other] == mine.value;
      }
      takes = settle(takes, draws_now && mine.value >= least + first, mine.value - (least + first), took);
      const uint64_t target = takes ? least + k : mine.value;
      if (draws_now) counts[target] = 1;
      if (draws_now) found(past_own(target), k);
      first += mine.accepted;
      __syncthreads();  // the draws of all are known, and the shared memory is used again
    }
    return c.num;
  }

  // A draw of the number that thread `other` of this round may have taken is a repeat if it did. Returns whether this
  // thread takes its own.
  __device__ static bool settle(bool takes, bool depends, uint64_t other, uint32_t (&took)[BLOCK]) {
    SHARED(uint64_t, sums, [WARPS]);
    for (bool changes = true; changes;) {
      took[threadIdx.x] = takes;
      __syncthreads();
      const bool now = takes || (depends && other < threadIdx.x && took[other] != 0);
      changes = place_in_block(now != takes, sums).total != 0;
      takes = now;
      __syncthreads();  // the shared memory is used again
    }
    return takes;
  }

  __device__ static void clear(uint32_t *numbers, uint64_t n) {
    for (uint64_t k = threadIdx.x; k < n; k += BLOCK) numbers[k] = 0;
    __syncthreads();
  }

  // Lists all targets in ascending order; returns how many they are.
  __device__ uint64_t list_targets() const {
    if (c.rule != DrawnRows::FIXED_OUT_DEGREE) {
      const uint64_t length = each_target([&](uint64_t target, uint64_t rank) { list[rank] = uint32_t(target); });
      __syncthreads();
      return length;
    }
    if (c.multapses) {
      clear(counts, c.n_post);
      repeated([&](uint64_t target, uint64_t) { atomicAdd(counts + target, 1u); });
      __syncthreads();
      list_counted(0);
    } else {
      distinct([](uint64_t, uint64_t) {});
      list_counted(1);
    }
    return c.num;
  }

  // Lists each target as often as it was counted; of `distinct` the numbers are those before the own one is left out.
  __device__ void list_counted(uint64_t leaves_out) const {
    SHARED(uint64_t, sums, [WARPS]);
    for (uint64_t start = 0, before = 0; start < c.n_post; start += BLOCK) {
      const uint64_t k = start + threadIdx.x, count = k < c.n_post ? counts[k] : 0;
      const Place place = place_in_block(count, sums);
      for (uint64_t copy = 0; copy < count; ++copy)
        list[before + place.before + copy] = uint32_t(leaves_out ? past_own(k) : k);
      before += place.total;
      __syncthreads();  // the sums are used again, and at the end the list is complete
    }
  }

  // Calls `visit(target, steps, place)` for the synapses that are listed by target; places count them by delay, then by
  // target.
  template <class Delay, class Visit>
  __device__ void each_by_delay(uint64_t length, const Delay &delay, const Visit &visit) const {
    SHARED(uint32_t, steps, [BLOCK]);
    clear(of_delays, c.delay_words);
    for (uint64_t k = threadIdx.x; k < length; k += BLOCK) {
      const uint64_t mine = delay(k);
      if (mine < c.delay_words) atomicAdd(of_delays + mine, 1u);
    }
    __syncthreads();
    add_up(of_delays, c.delay_words);
    for (uint64_t start = 0; start < length; start += BLOCK) {
      const uint64_t k = start + threadIdx.x, mine = k < length ? delay(k) : c.delay_words;
      steps[threadIdx.x] = uint32_t(mine);
      __syncthreads();
      uint32_t before = 0, after = 0;
      for (unsigned other = 0; other < BLOCK; ++other) {
        before += other < threadIdx.x && steps[other] == mine;
        after += other > threadIdx.x && steps[other] == mine;
      }
      const uint64_t place = mine < c.delay_words ? of_delays[mine] + before : 0;
      __syncthreads();  // all places are known
      if (mine < c.delay_words) {
        if (after == 0) of_delays[mine] += before + 1;
        visit(list[k], mine, place);
      }
      __syncthreads();
    }
  }

  // Replaces each number by the sum of those before it.
  __device__ static void add_up(uint32_t *numbers, uint64_t n) {
    SHARED(uint64_t, sums, [WARPS]);
    for (uint64_t start = 0, sum = 0; start < n; start += BLOCK) {
      const uint64_t k = start + threadIdx.x;
      const Place place = place_in_block(k < n ? numbers[k] : 0, sums);
      if (k < n) numbers[k] = uint32_t(sum + place.before);
      sum += place.total;
      __syncthreads();  // the sums are used again
    }
  }
};
