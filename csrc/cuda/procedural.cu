// Propagation along synapses that are not stored but made anew: rust/kernels/src/event/procedural.rs.
#include "drawn_rows.cuh"
#include "sums.cuh"

template <class T> struct ProceduralCall {
  DrawnRows rows;
  uint32_t *scratch;  // (blocks, words): targets that are listed
  uint64_t words;
  Targets targets;
  const T *values;  // of the sources, or the cotangents of the targets
  Sums<T> out;      // of the targets; or its `target` are those of the sources
};

// What a synapse delivers to the targets of all batch rows.
template <class T> struct Delivery {
  const ProceduralCall<T> &c;
  uint64_t source;

  __device__ void operator()(uint64_t target, uint64_t delay, double weight) const {
    for (uint64_t b = 0; b < c.targets.batch; ++b) {
      const T x = c.values[b * c.rows.n_pre + source];
      if (x == T(0)) continue;
      const uint64_t at = c.targets.place(c.targets.row(b), delay, target);
      if (at != Targets::NONE) c.out.add(at, T(weight) * x);
    }
  }
};

// Blocks take 256 sources and list those with a value; the blocks of a row of the grid share their rows.
template <class T> __device__ void procedural_scatter(const ProceduralCall<T> &c) {
  SHARED(uint64_t, active, [BLOCK]);
  SHARED(uint64_t, sums, [WARPS]);
  const uint64_t n = c.rows.n_pre;
  for (uint64_t first = uint64_t(blockIdx.x) * BLOCK; first < n; first += uint64_t(gridDim.x) * BLOCK) {
    const uint64_t row = first + threadIdx.x;
    bool any = false;
    for (uint64_t b = 0; row < n && b < c.targets.batch; ++b) any |= c.values[b * n + row] != T(0);
    const Place place = place_in_block(any, sums);
    if (any) active[place.before] = row;
    __syncthreads();
    for (uint64_t k = blockIdx.y; k < place.total; k += gridDim.y) {
      const Delivery<T> deliver{c, active[k]};
      RowMaker(c.rows, deliver.source, c.scratch, c.words).each_synapse(deliver);
    }
    __syncthreads();  // the list is used again
  }
}

constexpr unsigned AT_ONCE = 4;  // batch rows for which a row is made

// What this thread adds of a row.
template <class T> struct Gathered {
  const ProceduralCall<T> &c;
  uint64_t first;  // batch row
  T *sums;

  __device__ void operator()(uint64_t target, uint64_t delay, double weight) const {
#pragma unroll
    for (unsigned k = 0; k < AT_ONCE; ++k) {
      if (first + k >= c.targets.batch) continue;
      const uint64_t at = c.targets.place(c.targets.row(first + k), delay, target);
      if (at != Targets::NONE) sums[k] += T(weight) * c.values[at];
    }
  }
};

// `out[b, i] = Σ weight · values` over the synapses of row i; the order of additions follows from the rule alone.
template <class T> __device__ void procedural_gather(const ProceduralCall<T> &c) {
  SHARED(T, sums, [WARPS]);
  for (uint64_t row = blockIdx.x; row < c.rows.n_pre; row += gridDim.x)
    for (uint64_t first = 0; first < c.targets.batch; first += AT_ONCE) {
      T own[AT_ONCE] = {};
      RowMaker(c.rows, row, c.scratch, c.words).each_synapse(Gathered<T>{c, first, own});
#pragma unroll
      for (unsigned k = 0; k < AT_ONCE; ++k) {
        if (first + k >= c.targets.batch) break;
        const T total = sum_block(own[k], sums);
        if (threadIdx.x == 0) c.out.target[(first + k) * c.rows.n_pre + row] = total;
        __syncthreads();  // the sums are used again
      }
    }
}
#define PROCEDURAL(name, T)                                                                 \
  DEFINE_KERNEL(procedural_scatter_##name, ProceduralCall<T>, procedural_scatter<T>)        \
  DEFINE_KERNEL(procedural_gather_##name, ProceduralCall<T>, procedural_gather<T>)
FOR_FLOATS(PROCEDURAL)
