// The values of the last steps, for synapses with a delay each that learn: rust/kernels/src/event/history.rs.
#include "lists.cuh"
#include "scatter.cuh"

// Rings of values and of the neurons in which they are not 0, (slots, neurons), and how many of these a slot lists.
template <class T> struct History {
  const int32_t *cursor;
  T *ring;
  int32_t *count;
  uint32_t *neurons;
  uint64_t slots, n;

  __device__ uint64_t slot(uint64_t age) const {
    const uint32_t now = uint32_t(*cursor) % uint32_t(slots);
    return now >= age ? now - age : now + slots - age;
  }
};

template <class T> struct HistoryRecordCall {
  History<T> history;
  const T *values;
  uint32_t *tiles;  // scratch
  uint64_t n_tiles;
};

template <class T> __device__ void history_count(const HistoryRecordCall<T> &c) {
  const uint64_t k = thread_in_grid();
  note_items(k < c.history.n && c.values[k] != T(0), c.tiles + blockIdx.x);
}

template <class T> __device__ void history_write(const HistoryRecordCall<T> &c) {
  const uint64_t k = thread_in_grid(), first = c.history.slot(0) * c.history.n;
  const T x = k < c.history.n ? c.values[k] : T(0);
  const Place place = place_in_list(x != T(0), c.tiles, blockIdx.x);
  if (k < c.history.n) c.history.ring[first + k] = x;
  if (x != T(0)) c.history.neurons[first + place.before] = uint32_t(k);
  if (blockIdx.x + 1 == c.n_tiles && threadIdx.x == 0) c.history.count[c.history.slot(0)] = int32_t(place.total);
}
#define HISTORY_RECORD(name, T)                                                        \
  DEFINE_KERNEL(history_count_##name, HistoryRecordCall<T>, history_count<T>)          \
  DEFINE_KERNEL(history_write_##name, HistoryRecordCall<T>, history_write<T>)
FOR_FLOATS(HISTORY_RECORD)

template <class T> struct HistoryDeliverCall {
  Rows rows;
  Targets targets;
  History<T> history;
  Weight<T> weight;
  const void *delays;
  T *target;
  uint64_t delay_bytes, parts;

  __device__ uint64_t delay(uint64_t j) const {
    return delay_bytes == 1 ? static_cast<const uint8_t *>(delays)[j] : static_cast<const uint16_t *>(delays)[j];
  }
  // The first synapse of a row with a delay of at least `age`: rows ascend by it.
  __device__ uint64_t from(Range row, uint64_t age) const {
    while (row.start < row.end) {
      const uint64_t middle = (row.start + row.end) / 2;
      if (delay(middle) >= age) row.end = middle;
      else row.start = middle + 1;
    }
    return row.start;
  }
};

// The blocks of a column of the grid share what arrives of the values of one step.
template <class T, class I> __device__ void history_deliver(const HistoryDeliverCall<T> &c) {
  SHARED(uint64_t, start, [BLOCK]);
  SHARED(uint64_t, end, [BLOCK]);
  SHARED(T, value, [BLOCK]);
  SHARED(uint64_t, sums, [2][WARPS]);
  const History<T> &history = c.history;
  const uint64_t age = blockIdx.x, slot = history.slot(age), first = slot * history.n;
  const uint64_t held = smaller(uint64_t(uint32_t(history.count[slot])), history.n);
  const Pieces<T> pieces{start, end, value};
  for (uint64_t tile = 0; tile < held; tile += BLOCK) {
    const uint64_t k = tile + threadIdx.x, source = k < held ? history.neurons[first + k] : history.n;
    Range piece{0, 0};
    T x = T(0);
    if (source < history.n) {
      const Range row = c.rows.row(source);
      piece = {c.from(row, age), c.from(row, age + 1)};
      x = history.ring[first + source];
    }
    const Listed listed = list_pieces(piece, x, pieces, sums);
    deliver<T, I>(listed, pieces, blockIdx.y, c.parts, c.rows, c.weight, c.targets, 0, c.target);
    __syncthreads();  // the lists are used again
  }
}
#define HISTORY_DELIVER(name, T, I) \
  DEFINE_KERNEL(history_deliver_##name, HistoryDeliverCall<T>, history_deliver<T, I>)
FOR_FLOATS_AND_INDICES(HISTORY_DELIVER)
