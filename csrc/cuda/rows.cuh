// Operands of event kernels: rust/ffi/src/cuda/operands.rs has the same structs. All fields have 64 bits, so that there
// is no padding.
#pragma once
#include "device.cuh"

constexpr int BLOCK = 256, WARPS = BLOCK / int(WARP);

struct Range {
  uint64_t start, end;

  __device__ bool has(uint64_t x) const { return start <= x && x < end; }
};

// Compressed rows of connectivity; without `indptr` all are equally long.
struct Rows {
  const void *indices, *indptr;
  uint64_t n_pre, nnz, indptr_bytes, length;  // of each row, where there is no `indptr`

  __device__ uint64_t offset(uint64_t row) const {
    const int64_t at =
        indptr_bytes == 4 ? static_cast<const int32_t *>(indptr)[row] : static_cast<const int64_t *>(indptr)[row];
    return at < 0 ? 0 : smaller(uint64_t(at), nnz);
  }
  __device__ Range row(uint64_t row) const {
    if (indptr_bytes == 0) return {row * length, (row + 1) * length};
    const uint64_t start = offset(row), end = offset(row + 1);
    return {start, end < start ? start : end};
  }
};

// Where in time synapses deliver: at once if there are no delays. Rings are (lanes, slots, rows of a lane, targets).
struct Ring {
  const void *delays;
  const int32_t *cursor;  // one for all lanes or one for each
  uint64_t slots, lanes, delay_bytes, cursors;

  __device__ uint64_t first(uint64_t lane) const { return uint32_t(cursor[cursors == 1 ? 0 : lane]) % uint32_t(slots); }
  __device__ uint64_t delay(uint64_t j) const {
    return delay_bytes == 1 ? static_cast<const uint8_t *>(delays)[j] : static_cast<const uint16_t *>(delays)[j];
  }
};

// The targets of a batch row; with delays, those of the slot at the cursor begin at `(base + first · rows) · n_post`.
struct TargetRow {
  uint64_t base, first, rows;
};

// The targets of all batch rows.
struct Targets {
  Ring ring;
  uint64_t batch, rows, n_post;  // batch rows of all lanes and of one

  static constexpr uint64_t NONE = ~uint64_t(0);

  __device__ TargetRow row(uint64_t b) const {
    if (ring.delay_bytes == 0) return {b, 0, 0};
    const uint64_t lane = uint32_t(b) / uint32_t(rows);
    return {lane * ring.slots * rows + (b - lane * rows), ring.first(lane), rows};
  }
  // The target of a synapse with this index; `NONE` if there is no such target or slot.
  __device__ uint64_t at(const TargetRow &row, uint64_t j, uint64_t index) const {
    return index < n_post ? place(row, ring.delay_bytes ? ring.delay(j) : 0, index) : NONE;
  }
  // As above, of a synapse with this delay.
  __device__ uint64_t place(const TargetRow &row, uint64_t delay, uint64_t index) const {
    if (index >= n_post) return NONE;
    uint64_t slot = row.first;
    if (ring.delay_bytes != 0) {
      if (delay >= ring.slots) return NONE;
      slot += delay;
      if (slot >= ring.slots) slot -= ring.slots;
    }
    return (row.base + slot * row.rows) * n_post + index;
  }
};

// Spikes, (batch, total), of which those from `offset` on belong to the rows.
template <class T> struct Spikes {
  const void *data;
  uint64_t n_total, offset, is_bool;

  __device__ T at(uint64_t b, uint64_t row) const {
    const uint64_t k = b * n_total + offset + row;
    return is_bool ? T(static_cast<const uint8_t *>(data)[k] != 0) : static_cast<const T *>(data)[k];
  }
};

// One weight for all synapses, or one each.
template <class T> struct Weight {
  const T *data;
  uint64_t each;

  __device__ T of(uint64_t j) const { return data[each ? j : 0]; }
};

// --- what the threads of a block do together -----------------------------------------------------------------------

// The sum of what the lanes up to this one of the warp have.
template <class T> __device__ T scan_warp(T x) {
  for (unsigned d = 1; d < WARP; d *= 2) {
    const T other = __shfl_up_sync(ALL_LANES, x, d);
    if (threadIdx.x % WARP >= d) x += other;
  }
  return x;
}

// The sum over the lanes of a warp, in an order that does not change.
template <class T> __device__ T sum_warp(T x) {
  for (unsigned d = WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(ALL_LANES, x, d);
  return x;
}

// The sum over the threads of a block; every thread gets it. `sums` is shared and may be used again after a barrier.
template <class T> __device__ T sum_block(T x, T (&sums)[WARPS]) {
  x = sum_warp(x);
  if (threadIdx.x % WARP == 0) sums[threadIdx.x / WARP] = x;
  __syncthreads();
  T total = T(0);
  for (int w = 0; w < WARPS; ++w) total += sums[w];
  return total;
}

// What stands before this thread's items among those of the block, and how many all have. `sums` as above.
struct Place {
  uint64_t before, total;
};
__device__ inline Place place_in_block(uint64_t items, uint64_t (&sums)[WARPS]) {
  const unsigned warp = threadIdx.x / WARP;
  const uint64_t up_to = scan_warp(items);
  if (threadIdx.x % WARP == WARP - 1) sums[warp] = up_to;
  __syncthreads();
  Place place{up_to - items, 0};
  for (unsigned w = 0; w < WARPS; ++w) {
    if (w < warp) place.before += sums[w];
    place.total += sums[w];
  }
  return place;
}

// M(name, float) for each type of floats, or M(name, float, index), also for each type of indices.
#define FOR_FLOATS(M) M(f32, float) M(f64, double)
#define FOR_FLOATS_AND_INDICES(M)                           \
  M(f32_u16, float, uint16_t) M(f32_u32, float, uint32_t)   \
  M(f64_u16, double, uint16_t) M(f64_u32, double, uint32_t)

// Where a block stands among those of its call: a launch may hold several calls.
struct Grid {
  uint32_t x, y, size_x, size_y;

  __device__ uint64_t thread() const { return uint64_t(x) * BLOCK + threadIdx.x; }
  __device__ uint64_t threads() const { return uint64_t(size_x) * BLOCK; }
  __device__ static Grid of_launch() { return {blockIdx.x, blockIdx.y, gridDim.x, gridDim.y}; }
};

// Defines the kernel `name` of blocks of BLOCK threads, whose parameter `c` is a `Call`, and what it runs. As one block
// for a multiprocessor is asked for, ptxas takes the registers it needs; else it spills some to make place for more.
#define DEFINE_KERNEL(name, Call, ...)                                                           \
  extern "C" __global__ void __launch_bounds__(BLOCK, 1) name(const __grid_constant__ Call c) {  \
    __VA_ARGS__(c);                                                                              \
  }                                                                                              \
  KERNEL(name)

// As above, where what runs takes the place of the block: it can be part of a joined launch (joined.cu).
#define DEFINE_PART(name, Call, ...)                                                             \
  extern "C" __global__ void __launch_bounds__(BLOCK, 1) name(const __grid_constant__ Call c) {  \
    __VA_ARGS__(c, Grid::of_launch());                                                           \
  }                                                                                              \
  KERNEL(name)
