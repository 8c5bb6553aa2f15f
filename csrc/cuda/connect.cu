// Builds connectivity: counts the synapses of cells, then fills in targets, weights and delays.
#include "lists.cuh"
#include "warp_draw.cuh"

// The rules, and what their draws need besides.
struct Drawing {
  const BuiltRule *rules;
  const double *positions;
  uint32_t *numbers;  // synapses of the sources of each rule, where a total number is fixed
  uint32_t *drawn;    // scratch: a list for each warp
  uint64_t length;    // of such a list

  __device__ uint32_t *list() const {
    const uint64_t block = uint64_t(blockIdx.y) * gridDim.x + blockIdx.x;
    return drawn + (block * WARPS + threadIdx.x / WARP) * length;
  }
};

// Calls `visit(k)` for each of `n` items, a warp for one at a time; a row of the grid has the items of a rule.
template <class Visit> __device__ void each_of_warp(uint64_t n, const Visit &visit) {
  const uint64_t warps = uint64_t(gridDim.x) * WARPS;
  for (uint64_t k = uint64_t(blockIdx.x) * WARPS + threadIdx.x / WARP; k < n; k += warps) visit(k);
}

struct CellsCall {
  Drawing by;
  uint32_t *starts;  // of cells, and the end of the last; their numbers at first
  uint32_t *tiles;   // scratch: synapses of the cells that a block takes
  uint64_t n_cells;
};

// A row of the grid has the sources of a rule.
__device__ inline void draw_numbers(const CellsCall &c) {
  const BuiltRule &r = c.by.rules[blockIdx.y];
  if (r.rows.rule != DrawnRows::FIXED_TOTAL_NUMBER) return;
  for (uint64_t i = thread_in_grid(); i < r.rows.n_pre; i += threads_in_grid())
    c.by.numbers[r.first_number + i] = uint32_t(r.number_of_source(c.by.positions, i));
}
DEFINE_KERNEL(connect_numbers, CellsCall, draw_numbers)

// The cells whose numbers are drawn; a row of the grid has those of a rule.
__device__ inline void count_cells(const CellsCall &c) {
  const BuiltRule &r = c.by.rules[blockIdx.y];
  if (!r.is_block_drawn()) return;
  for (uint64_t k = thread_in_grid(); k < r.rows.n_pre * r.parts; k += threads_in_grid()) {
    const uint64_t i = k / r.parts, part = k % r.parts, cell = r.cell(i, part);
    if (cell >= c.n_cells || !r.is_whole(part)) continue;
    c.starts[cell] = uint32_t(r.number_in_block(c.by.numbers, c.by.positions, i, part));
  }
}
DEFINE_KERNEL(connect_count, CellsCall, count_cells)

// The cells whose synapses have to be listed to count them.
__device__ inline void count_listed(const CellsCall &c) {
  SHARED(uint32_t, drawn, [WARPS][BuiltRule::CELL]);
  SHARED(uint32_t, chosen, [WARPS][BuiltRule::CELL]);
  const BuiltRule &r = c.by.rules[blockIdx.y];
  const unsigned warp = threadIdx.x / WARP;
  if (r.rows.rule == DrawnRows::FIXED_IN_DEGREE) {
    each_of_warp(r.wanted.end - r.wanted.start, [&](uint64_t k) {
      each_source(r, c.by.positions, r.wanted.start + k, c.by.list(), [&](uint64_t source, uint64_t part) {
        if (r.cell(source, part) < c.n_cells) atomicAdd(&c.starts[r.cell(source, part)], 1u);
      });
    });
    return;
  }
  each_of_warp(r.rows.n_pre * r.parts, [&](uint64_t k) {
    const uint64_t i = k / r.parts, part = k % r.parts;
    if (r.is_block_drawn() && r.is_whole(part)) return;
    const uint64_t number = r.is_block_drawn() ? r.number_in_block(c.by.numbers, c.by.positions, i, part) : 0;
    const CellDraw cell{r, c.by.positions, i, part, drawn[warp], chosen[warp], c.by.list()};
    const uint64_t count = cell.each(number, [](uint64_t, uint64_t) {});
    if (threadIdx.x % WARP == 0 && r.cell(i, part) < c.n_cells) c.starts[r.cell(i, part)] = uint32_t(count);
    __syncwarp();  // the lists are used again
  });
}
DEFINE_KERNEL(connect_count_listed, CellsCall, count_listed)

constexpr uint64_t CELLS_EACH = 8;  // cells of a thread

// The numbers of a thread's cells, one after the other; that behind the last cell is 0.
template <class Visit> __device__ void each_number(const CellsCall &c, const Visit &visit) {
  const uint64_t first = thread_in_grid() * CELLS_EACH;
  for (uint64_t k = first; k < first + CELLS_EACH && k <= c.n_cells; ++k) visit(k, k < c.n_cells ? c.starts[k] : 0);
}
__device__ inline uint64_t numbers_of_thread(const CellsCall &c) {
  uint64_t sum = 0;
  each_number(c, [&](uint64_t, uint32_t number) { sum += number; });
  return sum;
}

__device__ inline void sum_tiles(const CellsCall &c) { note_items(numbers_of_thread(c), c.tiles + blockIdx.x); }
DEFINE_KERNEL(connect_tiles, CellsCall, sum_tiles)

__device__ inline void sum_cells(const CellsCall &c) {
  uint64_t start = place_in_list(numbers_of_thread(c), c.tiles, blockIdx.x).before;
  each_number(c, [&](uint64_t k, uint32_t number) {
    c.starts[k] = uint32_t(start);
    start += number;
  });
}
DEFINE_KERNEL(connect_starts, CellsCall, sum_cells)

// The rules of the same sources.
struct RuleGroup {
  uint32_t first, end;
};

struct FillCall {
  Drawing by;
  const RuleGroup *groups;
  const uint32_t *starts;
  void *indices, *weight, *delay;
  uint32_t *cursors;  // scratch: synapses that stand in each cell, while the sources of targets are drawn
  uint32_t *listed;   // scratch: targets in ascending order, where delays order them anew
  uint32_t *places;   // scratch: (warps, delays)
  uint64_t index_bytes, weight_bytes, delay_bytes, delays, nnz, n_cells;

  __device__ uint64_t target(uint64_t j) const {
    return listed ? listed[j]
                  : index_bytes == 2 ? static_cast<const uint16_t *>(indices)[j] : static_cast<const uint32_t *>(indices)[j];
  }
  __device__ void put_index(uint64_t j, uint64_t target) const {
    if (index_bytes == 2) static_cast<uint16_t *>(indices)[j] = uint16_t(target);
    else static_cast<uint32_t *>(indices)[j] = uint32_t(target);
  }
  __device__ void put_target(uint64_t j, uint64_t target) const {
    if (listed) listed[j] = uint32_t(target);
    else put_index(j, target);
  }
  // Where the synapses of a cell stand.
  __device__ Range of_cell(uint64_t cell) const {
    return {smaller(uint64_t(starts[cell]), nnz), smaller(uint64_t(starts[cell + 1]), nnz)};
  }
  __device__ void put_weight(uint64_t j, double x) const {
    if (weight_bytes == 4) static_cast<float *>(weight)[j] = float(x);
    else static_cast<double *>(weight)[j] = x;
  }
  __device__ void put_delay(uint64_t j, uint64_t steps) const {
    if (delay_bytes == 1) static_cast<uint8_t *>(delay)[j] = uint8_t(steps);
    else static_cast<uint16_t *>(delay)[j] = uint16_t(steps);
  }
};

// The targets of rules that draw by source.
__device__ inline void fill_targets(const FillCall &c) {
  SHARED(uint32_t, drawn, [WARPS][BuiltRule::CELL]);
  SHARED(uint32_t, chosen, [WARPS][BuiltRule::CELL]);
  const BuiltRule &r = c.by.rules[blockIdx.y];
  const unsigned warp = threadIdx.x / WARP;
  if (r.rows.rule == DrawnRows::FIXED_IN_DEGREE) return;
  each_of_warp(r.rows.n_pre * r.parts, [&](uint64_t k) {
    const uint64_t i = k / r.parts, part = k % r.parts;
    const Range room = c.of_cell(r.cell(i, part));
    const bool is_known = r.is_whole(part) || !r.is_block_drawn();
    const uint64_t number = is_known ? room.end - room.start : r.number_in_block(c.by.numbers, c.by.positions, i, part);
    CellDraw{r, c.by.positions, i, part, drawn[warp], chosen[warp], c.by.list()}.each(
        number, [&](uint64_t place, uint64_t target) {
          if (room.start + place < room.end) c.put_target(room.start + place, target + r.offset);
        });
    __syncwarp();  // the lists are used again
  });
}
DEFINE_KERNEL(connect_targets, FillCall, fill_targets)

// The targets of rules that draw the sources of a target: into their cells, in any order.
__device__ inline void fill_by_target(const FillCall &c) {
  const BuiltRule &r = c.by.rules[blockIdx.y];
  if (r.rows.rule != DrawnRows::FIXED_IN_DEGREE) return;
  each_of_warp(r.wanted.end - r.wanted.start, [&](uint64_t k) {
    const uint64_t target = r.wanted.start + k;
    each_source(r, c.by.positions, target, c.by.list(), [&](uint64_t source, uint64_t part) {
      const uint64_t cell = r.cell(source, part);
      if (cell >= c.n_cells) return;
      const uint64_t at = uint64_t(c.starts[cell]) + atomicAdd(&c.cursors[cell], 1u);
      if (at < c.nnz) c.put_target(at, target + r.offset);
    });
  });
}
DEFINE_KERNEL(connect_by_target, FillCall, fill_by_target)

// Brings the cells of these rules into order.
__device__ inline void order_cells(const FillCall &c) {
  SHARED(uint32_t, list, [WARPS][BuiltRule::CELL]);
  const BuiltRule &r = c.by.rules[blockIdx.y];
  uint32_t *targets = list[threadIdx.x / WARP];
  if (r.rows.rule != DrawnRows::FIXED_IN_DEGREE || r.rows.width == 1) return;  // those of one target are equal
  each_of_warp(r.rows.n_pre * r.parts, [&](uint64_t k) {
    const Range room = c.of_cell(r.cell(k / r.parts, k % r.parts));
    const uint32_t number = uint32_t(smaller(room.end - room.start, BuiltRule::CELL));
    for (uint32_t j = threadIdx.x % WARP; j < number; j += WARP) targets[j] = uint32_t(c.target(room.start + j));
    __syncwarp();
    each_in_order(targets, number, {0, DrawnRows::NOBODY},
                  [&](uint64_t place, uint64_t target) { c.put_target(room.start + place, target); });
    __syncwarp();  // the list is used again
  });
}
DEFINE_KERNEL(connect_order, FillCall, order_cells)

// The row of a source, whose targets are there in ascending order, by the threads of a warp.
struct RowFiller {
  const FillCall &c;
  RuleGroup group;
  uint64_t source;
  uint32_t *places;  // of the next synapse with each delay

  // Calls `visit(rule, j, is there)` for all lanes, 32 synapses at a time.
  template <class Visit> __device__ void each_tile(const Visit &visit) const {
    for (uint32_t k = group.first; k < group.end; ++k) {
      const BuiltRule &r = c.by.rules[k];
      const uint64_t start = c.starts[r.cell(source, 0)], end = c.starts[r.cell(source, r.parts)];
      for (uint64_t tile = start; tile < end; tile += WARP) {
        const uint64_t j = tile + threadIdx.x % WARP;
        visit(r, start, j, j < end);
      }
    }
  }
  // The random words of synapse `j`; those of the rule begin at `start`.
  __device__ Words words(const BuiltRule &r, uint64_t start, uint64_t j) const {
    const uint64_t target = c.target(j);
    uint64_t first = j;  // of those to the same target
    if (j > start && c.target(j - 1) == target)
      for (uint64_t low = start; low < first;) {
        const uint64_t middle = (low + first) / 2;
        if (c.target(middle) < target) low = middle + 1;
        else first = middle;
      }
    return r.rows.words_of_synapse(source, target - r.offset, j - first);
  }
  __device__ uint64_t delay(const BuiltRule &r, const Words &w) const {
    return smaller(r.rows.delay_of(w), c.delays - 1);
  }

  __device__ void fill() const {
    each_tile([&](const BuiltRule &r, uint64_t start, uint64_t j, bool is_there) {
      if (is_there) c.put_weight(j, r.rows.weight_of(words(r, start, j)));
    });
  }

  // As above, and brings the synapses into the order of delays; those of one delay keep theirs.
  __device__ void fill_in_order() const {
    find_places();
    each_tile([&](const BuiltRule &r, uint64_t start, uint64_t j, bool is_there) {
      const Words w = is_there ? words(r, start, j) : Words{};
      const uint32_t steps = is_there ? uint32_t(delay(r, w)) : ~0u;
      uint32_t before = 0, alike = 0;
      for (unsigned lane = 0; lane < WARP; ++lane) {
        const bool same = __shfl_sync(ALL_LANES, steps, lane) == steps;
        alike += same;
        before += same && lane < threadIdx.x % WARP;
      }
      const uint64_t at = is_there ? places[steps] + before : c.nnz;
      __syncwarp();
      if (is_there && before == 0) places[steps] += alike;
      __syncwarp();
      if (at >= c.nnz) return;
      c.put_index(at, c.target(j));
      c.put_delay(at, steps);
      if (c.weight_bytes) c.put_weight(at, r.rows.weight_of(w));
    });
  }

  // Counts the synapses of each delay, and sums up.
  __device__ void find_places() const {
    const unsigned lane = threadIdx.x % WARP;
    for (uint64_t k = lane; k < c.delays; k += WARP) places[k] = 0;
    __syncwarp();
    each_tile([&](const BuiltRule &r, uint64_t start, uint64_t j, bool is_there) {
      if (is_there) atomicAdd(&places[delay(r, words(r, start, j))], 1u);
    });
    __syncwarp();
    uint32_t before = c.starts[c.by.rules[group.first].cell(source, 0)];
    for (uint64_t first = 0; first < c.delays; first += WARP) {
      const uint64_t k = first + lane;
      const uint32_t number = k < c.delays ? places[k] : 0, up_to = scan_warp(number);
      if (k < c.delays) places[k] = before + up_to - number;
      before += __shfl_sync(ALL_LANES, up_to, int(WARP) - 1);
    }
    __syncwarp();
  }
};

// A row of the grid has the sources of a group.
__device__ inline void fill_synapses(const FillCall &c) {
  const RuleGroup group = c.groups[blockIdx.y];
  const uint64_t warp = threadIdx.x / WARP, block = uint64_t(blockIdx.y) * gridDim.x + blockIdx.x;
  uint32_t *places = c.places + (block * WARPS + warp) * c.delays;
  each_of_warp(c.by.rules[group.first].rows.n_pre, [&](uint64_t i) {
    const RowFiller row_of_source{c, group, i, places};
    if (c.delay_bytes) row_of_source.fill_in_order();
    else row_of_source.fill();
  });
}
DEFINE_KERNEL(connect_synapses, FillCall, fill_synapses)
