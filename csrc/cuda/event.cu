// Propagation of spikes along rows: rust/kernels/src/event/{scatter,relay,collect}.rs.
#include "scatter.cuh"

// With `past`, a ring (lanes, slots, rows of a lane, sources): the spikes go into the slot at its cursor, and what is
// delivered is the slot after it.
template <class T> struct ScatterCall {
  Rows rows;
  Targets targets;
  Spikes<T> spikes;
  Weight<T> weight;
  Sums<T> target;
  T *past;
  Ring turned;
  uint64_t past_rows, tiles, parts;  // batch rows of a lane of the ring; tiles of sources; blocks that share a tile
};

// The spike that row `row` delivers; one part of the grid stores the new one.
template <class T> __device__ T relayed(const ScatterCall<T> &c, uint64_t b, uint64_t row, bool stores) {
  const T spike = c.spikes.at(b, row);
  if (!c.past) return spike;
  const uint64_t slots = c.turned.slots, rows = c.past_rows, lane = uint32_t(b) / uint32_t(rows);
  const uint64_t newest = c.turned.first(lane), oldest = newest + 1 == slots ? 0 : newest + 1, n = c.rows.n_pre;
  const auto place = [=](uint64_t slot) { return ((lane * slots + slot) * rows + (b - lane * rows)) * n + row; };
  if (stores) c.past[place(newest)] = spike;
  return slots == 1 ? spike : c.past[place(oldest)];
}

// A block takes a tile of sources and lists those that spike; the parts of the grid share their synapses.
template <class T, class I> __device__ void scatter(const ScatterCall<T> &c, const Grid &grid) {
  const uint32_t tiles = uint32_t(c.tiles), b = grid.x / tiles;
  const uint64_t row = uint64_t(grid.x - b * tiles) * BLOCK + threadIdx.x;
  T x = T(0);
  Range piece{0, 0};
  if (row < c.rows.n_pre) x = relayed(c, b, row, grid.y == 0);
  if (x != T(0)) piece = c.rows.row(row);
  const Pieces<T> pieces = pieces_of_block<T>();
  const Listed listed = list_pieces(piece, x, pieces);
  deliver<T, I>(listed, pieces, grid.y, c.parts, c.rows, c.weight, c.targets, b, c.target);
}
#define SCATTER(name, T, I) DEFINE_PART(event_scatter_##name, ScatterCall<T>, scatter<T, I>)
FOR_FLOATS_AND_INDICES(SCATTER)

template <class T> struct CollectCall {
  Ring ring;
  const int32_t *full;
  T *target, *slots;
  uint64_t n;  // targets of a lane
};

// `target += ring[cursor]`, and `ring[cursor] = 0`; other calls of the launch may add to the target.
template <class T> __device__ void collect(const CollectCall<T> &c, const Grid &grid) {
  if (*c.full == 0) return;
  for (uint64_t k = grid.thread(); k < c.ring.lanes * c.n; k += grid.threads()) {
    const uint64_t lane = k / c.n;
    T &arrived = c.slots[(lane * c.ring.slots + c.ring.first(lane)) * c.n + k % c.n];
    if (arrived != T(0)) atomicAdd(c.target + k, arrived);
    arrived = T(0);
  }
}
#define COLLECT(name, T) DEFINE_PART(event_collect_##name, CollectCall<T>, collect<T>)
FOR_FLOATS(COLLECT)
