// The end of sums that are exact.
#include "sums.cuh"

template <class T> struct FinishCall {
  Sums<T> sums;
  uint64_t n;
};

template <class T> __device__ void finish_sums(const FinishCall<T> &c) {
  for (uint64_t k = thread_in_grid(); k < c.n; k += threads_in_grid()) c.sums.finish(k);
}
#define FINISH(name, T) DEFINE_KERNEL(finish_sums_##name, FinishCall<T>, finish_sums<T>)
FOR_FLOATS(FINISH)
