// Queues of spikes under way: rust/kernels/src/event/spike_queue.rs.
#include "scatter.cuh"

// The spikes of the last steps: how many a slot holds, and their sources and values, (slots, sources).
template <class T> struct Queue {
  const int32_t *cursor;
  int32_t *count;
  uint32_t *sources;
  T *values;
  uint64_t slots, n_pre;

  __device__ uint64_t slot(uint64_t ahead) const { return (uint32_t(*cursor) + uint32_t(ahead)) % uint32_t(slots); }
  __device__ uint64_t held(uint64_t slot) const { return smaller(uint64_t(uint32_t(count[slot])), n_pre); }
};

template <class T> struct EnqueueCall {
  Queue<T> queue;
  Spikes<T> spikes;
};

// A block lists its spikes together, after those of the blocks that were earlier. The order of a queue shows in no sum:
// those at targets have an order of their own, or none. Spikes that find no place are lost: a slot has place for one of
// each source.
template <class T> __device__ void enqueue(const EnqueueCall<T> &c, const Grid &grid) {
  SHARED(uint64_t, sums, [WARPS]);
  SHARED(uint64_t, before, [1]);
  const uint64_t row = grid.thread(), n = c.queue.n_pre, slot = c.queue.slot(0);
  const T x = row < n ? c.spikes.at(0, row) : T(0);
  const Place place = place_in_block(x != T(0), sums);
  if (threadIdx.x == 0 && place.total) before[0] = uint32_t(atomicAdd(c.queue.count + slot, int32_t(place.total)));
  __syncthreads();
  if (x == T(0)) return;
  const uint64_t at = before[0] + place.before;
  if (at >= n) return;
  c.queue.sources[slot * n + at] = uint32_t(row);
  c.queue.values[slot * n + at] = x;
}
#define ENQUEUE(name, T) DEFINE_PART(event_enqueue_##name, EnqueueCall<T>, enqueue<T>)
FOR_FLOATS(ENQUEUE)

// Where in each row the synapses begin that have one delay and lie in one block of targets: (sources, delays · blocks
// + 1).
struct Starts {
  const void *at;
  uint64_t width, blocks, bytes;

  __device__ uint64_t get(uint64_t row, uint64_t column) const {
    const uint64_t k = row * width + column;
    return bytes == 2 ? static_cast<const uint16_t *>(at)[k] : static_cast<const uint32_t *>(at)[k];
  }
};

template <class T> struct DeliverCall {
  Rows rows;
  Targets targets;
  Queue<T> queue;
  Starts starts;
  Weight<T> weight;
  Sums<T> target;
  uint64_t parts, forgets;  // whether blocks themselves forget the spikes that have delivered all
};

// A block that delivers the oldest slot takes the number of its spikes by adding this to it: the upper bits count the
// blocks. So no block reads the number while another changes it.
constexpr uint32_t TAKEN_ONCE = 1u << 24;

// The piece of the row of a listed spike that arrives `age` steps after it.
template <class T> __device__ Range piece_of(const DeliverCall<T> &c, uint64_t source, uint64_t age) {
  if (source >= c.rows.n_pre) return {0, 0};
  const Range row = c.rows.row(source);
  const uint64_t length = row.end - row.start, column = age * c.starts.blocks;
  const uint64_t start = c.starts.get(source, column);
  const uint64_t end = smaller(c.starts.get(source, column + c.starts.blocks), length);
  return start < end ? Range{row.start + start, row.start + end} : Range{0, 0};
}

// How many spikes the slot of this block's column holds; every thread gets it. The last block that takes the number of
// the oldest slot empties it; where no column delivers that slot, the first block does.
template <class T>
__device__ uint64_t held_by_column(const DeliverCall<T> &c, const Grid &grid, uint64_t slot, uint64_t &held) {
  const uint64_t oldest = c.queue.slot(1);
  if (threadIdx.x == 0) {
    int32_t &count = c.queue.count[oldest];
    if (!c.forgets || slot != oldest) {
      held = c.queue.held(slot);
    } else {
      const uint32_t found = uint32_t(atomicAdd(&count, int32_t(TAKEN_ONCE)));
      held = smaller(uint64_t(found % TAKEN_ONCE), c.queue.n_pre);
      if (found / TAKEN_ONCE == c.parts - 1) atomicExch(&count, 0);
    }
    const bool is_first = grid.x == 0 && grid.y == 0;
    if (c.forgets && is_first && grid.size_x < c.queue.slots) count = 0;  // no block reads it
  }
  __syncthreads();
  return held;
}

// The blocks of a column of the grid share what arrives of the spikes of one step.
template <class T, class I> __device__ void deliver_queue(const DeliverCall<T> &c, const Grid &grid) {
  SHARED(uint64_t, number, [1]);
  const uint64_t age = grid.x, slot = c.queue.slot(c.queue.slots - age), first = slot * c.queue.n_pre;
  const uint64_t held = held_by_column(c, grid, slot, number[0]);
  const Pieces<T> pieces = pieces_of_block<T>();
  for (uint64_t tile = 0; tile < held; tile += BLOCK) {
    const uint64_t k = tile + threadIdx.x;
    Range piece{0, 0};
    T x = T(0);
    if (k < held) {
      piece = piece_of(c, c.queue.sources[first + k], age);
      x = c.queue.values[first + k];
    }
    const Listed listed = list_pieces(piece, x, pieces);
    deliver<T, I>(listed, pieces, grid.y, c.parts, c.rows, c.weight, c.targets, 0, c.target);
    __syncthreads();  // the lists are used again
  }
}
#define DELIVER(name, T, I) DEFINE_PART(event_deliver_##name, DeliverCall<T>, deliver_queue<T, I>)
FOR_FLOATS_AND_INDICES(DELIVER)

// Forgets the spikes that have delivered all, where blocks do not.
__device__ inline void forget(const Queue<float> &c) { c.count[c.slot(1)] = 0; }
DEFINE_KERNEL(event_forget, Queue<float>, forget)

struct StartsCall {
  Rows rows;
  const void *delays;
  void *out;
  uint64_t delay_bytes, index_bytes, out_bytes, width, blocks, size;

  __device__ uint64_t number(uint64_t j) const {
    const uint64_t delay =
        delay_bytes == 1 ? static_cast<const uint8_t *>(delays)[j] : static_cast<const uint16_t *>(delays)[j];
    const uint64_t target = index_bytes == 2 ? static_cast<const uint16_t *>(rows.indices)[j]
                                             : static_cast<const uint32_t *>(rows.indices)[j];
    return delay * blocks + target / size;
  }
};

// The first place of a row with a number of at least the column's: rows ascend by it.
__device__ inline void starts(const StartsCall &c) {
  for (uint64_t k = thread_in_grid(); k < c.rows.n_pre * c.width; k += threads_in_grid()) {
    const Range row = c.rows.row(k / c.width);
    uint64_t low = row.start;
    for (uint64_t high = row.end; low < high;) {
      const uint64_t middle = (low + high) / 2;
      if (c.number(middle) >= k % c.width) high = middle;
      else low = middle + 1;
    }
    if (c.out_bytes == 2) static_cast<uint16_t *>(c.out)[k] = uint16_t(low - row.start);
    else static_cast<uint32_t *>(c.out)[k] = uint32_t(low - row.start);
  }
}
DEFINE_KERNEL(event_starts, StartsCall, starts)
