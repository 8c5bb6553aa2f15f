// The two products that the derivatives of propagation need: rust/kernels/src/event/{gather,outer}.rs.
#include "rows.cuh"

template <class T> struct GatherCall {
  Rows rows;
  Targets targets;
  Weight<T> weight;
  const T *ct;
  T *out;
  uint64_t wide;  // a block for each row, not a warp: where rows are long
};

// What this thread adds of a row, which it shares with `stride` threads.
template <class T, class I>
__device__ T share_of_row(const GatherCall<T> &c, uint64_t b, Range row, uint64_t first, uint64_t stride) {
  const TargetRow from = c.targets.row(b);
  T sum = T(0);
  for (uint64_t j = row.start + first; j < row.end; j += stride) {
    const uint64_t at = c.targets.at(from, j, static_cast<const I *>(c.rows.indices)[j]);
    if (at != Targets::NONE) sum += c.weight.each ? c.weight.of(j) * c.ct[at] : c.ct[at];
  }
  return sum;
}

// `out[b, i] = Σ weight · ct` over the synapses of row i; the order of additions depends on `wide` alone.
template <class T, class I> __device__ void gather(const GatherCall<T> &c) {
  SHARED(T, sums, [WARPS]);
  const uint64_t n = c.rows.n_pre;
  const unsigned width = c.wide ? BLOCK : WARP, groups = BLOCK / width, first = threadIdx.x % width;
  for (uint64_t b = blockIdx.y; b < c.targets.batch; b += gridDim.y)
    for (uint64_t start = uint64_t(blockIdx.x) * groups; start < n; start += uint64_t(gridDim.x) * groups) {
      const uint64_t i = start + threadIdx.x / width;
      T sum = i < n ? share_of_row<T, I>(c, b, c.rows.row(i), first, width) : T(0);
      sum = c.wide ? sum_block(sum, sums) : sum_warp(sum);
      if (i < n && first == 0) c.out[b * n + i] = c.weight.each ? sum : c.weight.of(0) * sum;
      __syncthreads();  // the sums are used again
    }
}
#define GATHER(name, T, I) DEFINE_KERNEL(event_gather_##name, GatherCall<T>, gather<T, I>)
FOR_FLOATS_AND_INDICES(GATHER)

template <class T> struct OuterCall {
  Rows rows;
  Targets targets;
  Spikes<T> spikes;
  const T *ct;
  T *out;  // one for each synapse, or the sums of blocks
};

// `out[j] = Σ spikes · ct` over the batch rows, for each synapse; those that belong to no row get 0.
template <class T, class I> __device__ void outer(const OuterCall<T> &c) {
  const uint64_t n = c.rows.n_pre, lane = threadIdx.x % WARP;
  for (uint64_t i = thread_in_grid() / WARP; i <= n; i += threads_in_grid() / WARP) {
    const Range row = i < n ? c.rows.row(i) : Range{n ? c.rows.row(n - 1).end : 0, c.rows.nnz};
    for (uint64_t j = row.start + lane; j < row.end; j += WARP) c.out[j] = T(0);
    for (uint64_t b = 0; i < n && b < c.targets.batch; ++b) {
      const T x = c.spikes.at(b, i);
      if (x == T(0)) continue;
      const TargetRow from = c.targets.row(b);
      for (uint64_t j = row.start + lane; j < row.end; j += WARP) {
        const uint64_t at = c.targets.at(from, j, static_cast<const I *>(c.rows.indices)[j]);
        if (at != Targets::NONE) c.out[j] += x * c.ct[at];
      }
    }
  }
}

// The sum of all these, of the rows that a block takes.
template <class T, class I> __device__ void outer_sums(const OuterCall<T> &c) {
  SHARED(T, sums, [WARPS]);
  const uint64_t lane = threadIdx.x % WARP;
  T total = T(0);
  for (uint64_t i = thread_in_grid() / WARP; i < c.rows.n_pre; i += threads_in_grid() / WARP) {
    const Range row = c.rows.row(i);
    for (uint64_t b = 0; b < c.targets.batch; ++b) {
      const T x = c.spikes.at(b, i);
      if (x == T(0)) continue;
      const TargetRow from = c.targets.row(b);
      T sum = T(0);
      for (uint64_t j = row.start + lane; j < row.end; j += WARP) {
        const uint64_t at = c.targets.at(from, j, static_cast<const I *>(c.rows.indices)[j]);
        if (at != Targets::NONE) sum += c.ct[at];
      }
      total += x * sum;
    }
  }
  total = sum_block(total, sums);
  if (threadIdx.x == 0) c.out[blockIdx.x] = total;
}
#define OUTER(name, T, I)                                          \
  DEFINE_KERNEL(event_outer_##name, OuterCall<T>, outer<T, I>)      \
  DEFINE_KERNEL(event_outer_sums_##name, OuterCall<T>, outer_sums<T, I>)
FOR_FLOATS_AND_INDICES(OUTER)

template <class T> struct TotalCall {
  const T *sums;
  T *out;
  uint64_t n;
};

// The sum of the sums of blocks, by one block.
template <class T> __device__ void total(const TotalCall<T> &c) {
  SHARED(T, sums, [WARPS]);
  T own = T(0);
  for (uint64_t k = threadIdx.x; k < c.n; k += BLOCK) own += c.sums[k];
  const T all = sum_block(own, sums);
  if (threadIdx.x == 0) *c.out = all;
}
#define TOTAL(name, T) DEFINE_KERNEL(event_total_##name, TotalCall<T>, total<T>)
FOR_FLOATS(TOTAL)
