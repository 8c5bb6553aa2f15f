// What kernels are written in: CUDA under nvcc, its emulation (emu/) under a host compiler.
#pragma once

#ifdef __CUDACC__
#include <cstdint>
// Memory of a block, e.g. SHARED(float, sums, [32]);
#define SHARED(type, name, extent) __shared__ type name extent
// Makes a kernel known to the emulation.
#define KERNEL(name)
#else
#include "emu/device.h"
#define SHARED(type, name, extent)       \
  static const char name##_key = 0;      \
  typedef type name##_array extent;      \
  auto &name = *static_cast<name##_array *>(emu::shared(&name##_key, sizeof(name##_array)))
#define KERNEL(name) static const emu::Register name##_entry(emu::Thunk<&name>::kernel(#name));
#endif

using std::size_t;

constexpr unsigned WARP = 32, ALL_LANES = 0xffffffffu;

// The place of this thread in a grid of one dimension, and the number of its threads.
__device__ inline uint64_t thread_in_grid() { return uint64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline uint64_t threads_in_grid() { return uint64_t(gridDim.x) * blockDim.x; }

template <class T> __device__ inline T smaller(T a, T b) { return b < a ? b : a; }
