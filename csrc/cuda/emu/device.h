// CUDA's device language for a host compiler, as far as the kernels use it: the same .cu files run on the CPU.
// Each CUDA thread is a fiber; those of a block run one at a time, and so do blocks, in a seeded order.
#pragma once
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "emu/kernel.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict

namespace emu {

struct Thread {
  uint3 thread, block;
  dim3 block_dim, grid_dim;
};
extern __thread Thread *self;  // the one that runs

void barrier(const char *file, int line);  // of the block
// Gives `value` to the lanes of `mask` and gets theirs; all must do the same, at the same place.
const uint64_t *exchange(unsigned mask, uint64_t value, int kind, const char *file, int line);
void warp_barrier(unsigned mask, const char *file, int line);
unsigned lane();
void maybe_yield();  // lets other threads overtake, as the seed says
void fence();
void *shared(const void *key, size_t bytes);  // memory of the block, of exactly this size, full of NaN

template <class T> uint64_t pack(T x) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  memcpy(&bits, &x, sizeof x);
  return bits;
}
template <class T> T unpack(uint64_t bits) {
  T x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// A compiled kernel as a function of pointers to its parameters.
template <auto F> struct Thunk;
template <class... A, void (*F)(A...)> struct Thunk<F> {
  template <size_t... I> static void apply(void **args, std::index_sequence<I...>) { F(*static_cast<A *>(args[I])...); }
  static void call(void **args) { apply(args, std::index_sequence_for<A...>{}); }
  static Kernel kernel(const char *name) { return {name, {sizeof(A)...}, &call}; }
};
struct Register {
  explicit Register(Kernel kernel);
};

enum { BALLOT, SHUFFLE, SHUFFLE_UP, SHUFFLE_DOWN, SHUFFLE_XOR, SYNC };

inline unsigned ballot(unsigned mask, bool p, const char *file, int line) {
  const uint64_t *all = exchange(mask, p, BALLOT, file, line);
  unsigned bits = 0;
  for (unsigned k = 0; k < 32; ++k) bits |= unsigned((mask >> k & 1) && all[k]) << k;
  return bits;
}
template <class T> T shuffle(unsigned mask, T x, int from, int kind, const char *file, int line) {
  const uint64_t *all = exchange(mask, pack(x), kind, file, line);
  if (kind == SHUFFLE) from &= 31;
  if (from < 0 || from > 31) return x;
  if (!(mask >> from & 1)) fail(file, line, "a shuffle from a lane that is not in the mask");
  return unpack<T>(all[from]);
}

}  // namespace emu

#define threadIdx (emu::self->thread)
#define blockIdx (emu::self->block)
#define blockDim (emu::self->block_dim)
#define gridDim (emu::self->grid_dim)

#define __syncthreads() emu::barrier(__FILE__, __LINE__)
#define __syncwarp(...) emu::warp_barrier(0xffffffffu, __FILE__, __LINE__)
#define __ballot_sync(mask, p) emu::ballot(mask, p, __FILE__, __LINE__)
#define __any_sync(mask, p) (emu::ballot(mask, p, __FILE__, __LINE__) != 0)
#define __shfl_sync(mask, x, from) emu::shuffle(mask, x, from, emu::SHUFFLE, __FILE__, __LINE__)
#define __shfl_up_sync(mask, x, d) \
  emu::shuffle(mask, x, int(emu::lane()) - int(d), emu::SHUFFLE_UP, __FILE__, __LINE__)
#define __shfl_down_sync(mask, x, d) \
  emu::shuffle(mask, x, int(emu::lane()) + int(d), emu::SHUFFLE_DOWN, __FILE__, __LINE__)
#define __shfl_xor_sync(mask, x, d) \
  emu::shuffle(mask, x, int(emu::lane() ^ unsigned(d)), emu::SHUFFLE_XOR, __FILE__, __LINE__)
#define __threadfence() emu::fence()

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __float_as_int(float x) { return int(emu::pack(x)); }
inline int64_t __double_as_longlong(double x) { return int64_t(emu::pack(x)); }
inline double __longlong_as_double(int64_t bits) { return emu::unpack<double>(uint64_t(bits)); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }

template <class T> T atomicAdd(T *p, T x) {
  emu::maybe_yield();
  if constexpr (std::is_integral_v<T>) {
    return __atomic_fetch_add(p, x, __ATOMIC_RELAXED);
  } else {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    auto *bits = reinterpret_cast<Bits *>(p);
    Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED), next;
    T was;
    do {
      was = emu::unpack<T>(old);
      next = Bits(emu::pack(T(was + x)));
    } while (!__atomic_compare_exchange_n(bits, &old, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return was;
  }
}
template <class T> T atomicCAS(T *p, T expected, T desired) {
  emu::maybe_yield();
  __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <class T> T atomicExch(T *p, T x) {
  emu::maybe_yield();
  return __atomic_exchange_n(p, x, __ATOMIC_RELAXED);
}
