// Records of spikes: rust/kernels/src/record.
#include "lists.cuh"

struct RecordCall {
  const void *spikes;
  uint64_t rows, n, bytes;  // bytes of a spike: 1 where it is a truth value
};

// The spikes that a value stands for: a count of two or more is so many, any other value but 0 is one.
template <class T> __device__ inline uint32_t number_of(T value) {
  constexpr uint32_t MOST = 1 << 20;
  if (value >= T(2)) return value >= T(MOST) ? MOST : uint32_t(value);
  return value != T(0);
}
__device__ inline uint32_t number_at(const void *spikes, uint64_t bytes, uint64_t k) {
  if (bytes == 1) return static_cast<const uint8_t *>(spikes)[k] != 0;
  if (bytes == 4) return number_of(static_cast<const float *>(spikes)[k]);
  return number_of(static_cast<const double *>(spikes)[k]);
}

struct PackCall {
  RecordCall from;
  uint8_t *bits;
};

// A warp makes four bytes of a row.
__device__ inline void pack(const PackCall &c) {
  const uint64_t n = c.from.n, words = (n + WARP - 1) / WARP, bytes = (n + 7) / 8;
  const unsigned lane = threadIdx.x % WARP;
  for (uint64_t at = thread_in_grid() / WARP; at < c.from.rows * words; at += threads_in_grid() / WARP) {
    const uint64_t row = at / words, word = at % words, k = word * WARP + lane;
    const bool spike = k < n && number_at(c.from.spikes, c.from.bytes, row * n + k) != 0;
    const uint32_t found = __ballot_sync(ALL_LANES, spike);
    const uint64_t byte = word * 4 + lane;
    if (lane < 4 && byte < bytes) c.bits[row * bytes + byte] = uint8_t(found >> 8 * lane);
  }
}
DEFINE_KERNEL(record_pack, PackCall, pack)

constexpr int GROUPS = 64;  // of a launch
struct CountCall {
  RecordCall from;
  int32_t *counts;  // zero at first, (rows, groups)
  uint64_t groups, first, chunks;
  int32_t starts[GROUPS], stops[GROUPS];
};

// Adds to a count that stays at the largest number; the order does not matter.
__device__ inline void add_saturating(int32_t *count, uint64_t more) {
  constexpr int32_t MOST = 0x7fffffff;
  for (int32_t old = atomicCAS(count, 0, 0);;) {
    const int32_t sum = more > uint64_t(MOST - old) ? MOST : old + int32_t(more);
    const int32_t found = atomicCAS(count, old, sum);
    if (found == old) return;
    old = found;
  }
}

// The blocks of a row share the neurons of a group.
__device__ inline void count(const CountCall &c) {
  SHARED(uint64_t, sums, [WARPS]);
  const uint64_t row = blockIdx.x / c.chunks, chunk = blockIdx.x % c.chunks, group = blockIdx.y;
  const uint64_t start = uint64_t(c.starts[group]), stop = uint64_t(c.stops[group]);
  uint64_t own = 0;
  for (uint64_t k = start + chunk * BLOCK + threadIdx.x; k < stop; k += c.chunks * BLOCK)
    own += number_at(c.from.spikes, c.from.bytes, row * c.from.n + k);
  const uint64_t total = sum_block(own, sums);
  if (threadIdx.x == 0 && total) add_saturating(c.counts + row * c.groups + c.first + group, total);
}
DEFINE_KERNEL(record_count, CountCall, count)

struct AppendCall {
  RecordCall from;   // its rows are lanes
  int32_t *clock;    // (lanes, 2): events so far, and the step
  int32_t *events;   // (lanes, capacity, 2)
  uint32_t *tiles;   // scratch: (lanes, tiles), then the clock as it was
  uint64_t capacity, n_tiles;
};

__device__ inline void append_count(const AppendCall &c) {
  const uint64_t lane = blockIdx.x / c.n_tiles, tile = blockIdx.x % c.n_tiles, k = tile * BLOCK + threadIdx.x;
  const uint32_t times = k < c.from.n ? number_at(c.from.spikes, c.from.bytes, lane * c.from.n + k) : 0;
  note_items(times, c.tiles + blockIdx.x);
  if (tile == 0 && threadIdx.x < 2)
    c.tiles[c.from.rows * c.n_tiles + 2 * lane + threadIdx.x] = uint32_t(c.clock[2 * lane + threadIdx.x]);
}
DEFINE_KERNEL(record_append_count, AppendCall, append_count)

__device__ inline void append_write(const AppendCall &c) {
  constexpr uint64_t MOST = 0x7fffffff;
  const uint64_t lane = blockIdx.x / c.n_tiles, tile = blockIdx.x % c.n_tiles, k = tile * BLOCK + threadIdx.x;
  const uint32_t times = k < c.from.n ? number_at(c.from.spikes, c.from.bytes, lane * c.from.n + k) : 0;
  const Place place = place_in_list(times, c.tiles + lane * c.n_tiles, tile);
  const uint32_t *was = c.tiles + c.from.rows * c.n_tiles + 2 * lane;
  const uint64_t count = was[0], step = was[1];
  for (uint64_t at = count + place.before; at < smaller(count + place.before + times, c.capacity); ++at) {
    int32_t *event = c.events + 2 * (lane * c.capacity + at);
    event[0] = int32_t(step);
    event[1] = int32_t(k);
  }
  if (tile + 1 == c.n_tiles && threadIdx.x == 0) {
    c.clock[2 * lane] = int32_t(smaller(count + place.total, MOST));
    c.clock[2 * lane + 1] = int32_t(smaller(step + 1, MOST));
  }
}
DEFINE_KERNEL(record_append_write, AppendCall, append_write)
