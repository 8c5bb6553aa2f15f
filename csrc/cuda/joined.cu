// Calls that do not need each other's results, as one launch: rust/ffi/src/cuda/joined.rs.
#include "event.cu"
#include "keys.cu"
#include "queue.cu"

// Calls that can be part of a joined launch: `Joinable` in rust/ffi/src/cuda/joined.rs.
enum class Joinable : uint32_t { SCATTER, SCATTER_WIDE, DELIVER, DELIVER_WIDE, COLLECT, ENQUEUE, SPLIT };

// The blocks of call k are those before `end[k]` and from the end of the call before it on.
struct JoinedCall {
  static constexpr unsigned MOST = 8, WORDS = 384;
  uint32_t part[MOST], end[MOST], size_x[MOST], size_y[MOST], offset[MOST];  // offset: of its parameter, in words
  uint64_t words[WORDS];                                                    // the parameters

  template <class Call> __device__ const Call &of(unsigned k) const {
    return *reinterpret_cast<const Call *>(words + offset[k]);
  }
};

template <class T> __device__ void joined(const JoinedCall &c) {
  unsigned k = 0;
  while (blockIdx.x >= c.end[k]) ++k;
  const uint32_t block = blockIdx.x - (k ? c.end[k - 1] : 0), size_x = c.size_x[k];
  const Grid grid{block % size_x, block / size_x, size_x, c.size_y[k]};
  switch (Joinable(c.part[k])) {
    case Joinable::SCATTER: return scatter<T, uint16_t>(c.of<ScatterCall<T>>(k), grid);
    case Joinable::SCATTER_WIDE: return scatter<T, uint32_t>(c.of<ScatterCall<T>>(k), grid);
    case Joinable::DELIVER: return deliver_queue<T, uint16_t>(c.of<DeliverCall<T>>(k), grid);
    case Joinable::DELIVER_WIDE: return deliver_queue<T, uint32_t>(c.of<DeliverCall<T>>(k), grid);
    case Joinable::COLLECT: return collect(c.of<CollectCall<T>>(k), grid);
    case Joinable::ENQUEUE: return enqueue(c.of<EnqueueCall<T>>(k), grid);
    case Joinable::SPLIT: return split(c.of<SplitCall>(k), grid);
  }
}
// As many of its blocks fit on a multiprocessor as of the calls alone.
#define JOINED(name, T)                                                                                        \
  extern "C" __global__ void __launch_bounds__(BLOCK, 4) joined_##name(const __grid_constant__ JoinedCall c) { \
    joined<T>(c);                                                                                              \
  }                                                                                                            \
  KERNEL(joined_##name)
FOR_FLOATS(JOINED)
