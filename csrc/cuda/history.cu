// The values of the last steps, for synapses with a delay each that learn: rust/kernels/src/event/history.rs.
#include "history.cuh"
#include "lists.cuh"
#include "scatter.cuh"

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
  Delays delays;
  Sums<T> target;
  uint64_t parts;
};

// The blocks of a column of the grid share what arrives of the values of one step.
template <class T, class I> __device__ void history_deliver(const HistoryDeliverCall<T> &c) {
  const History<T> &history = c.history;
  const uint64_t age = blockIdx.x, slot = history.slot(age), first = slot * history.n;
  const uint64_t held = smaller(uint64_t(uint32_t(history.count[slot])), history.n);
  const Pieces<T> pieces = pieces_of_block<T>();
  for (uint64_t tile = 0; tile < held; tile += BLOCK) {
    const uint64_t k = tile + threadIdx.x, source = k < held ? history.neurons[first + k] : history.n;
    Range piece{0, 0};
    T x = T(0);
    if (source < history.n) {
      piece = c.delays.part(c.rows.row(source), age);
      x = history.ring[first + source];
    }
    const Listed listed = list_pieces(piece, x, pieces);
    deliver<T, I>(listed, pieces, blockIdx.y, c.parts, c.rows, c.weight, c.targets, 0, c.target);
    __syncthreads();  // the lists are used again
  }
}
#define HISTORY_DELIVER(name, T, I) \
  DEFINE_KERNEL(history_deliver_##name, HistoryDeliverCall<T>, history_deliver<T, I>)
FOR_FLOATS_AND_INDICES(HISTORY_DELIVER)
