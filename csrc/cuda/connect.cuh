// Rules whose synapses are built on the GPU: rust/kernels/src/connect, to the bit.
//
// The synapses of a source in a block of targets are a cell. The cells of a source stand behind each other in the order
// of the targets, and those of the sources in their order.
#pragma once
#include "drawn_rows.cuh"

// Where neurons are, and how the probability of a synapse falls with the distance.
struct Space {
  uint64_t profile, axes;
  uint64_t source, target;  // where the positions of the first source and target begin
  double scale, cutoff, period[3];

  enum : uint64_t { GAUSSIAN, EXPONENTIAL, BOX };

  __device__ double square_of_distance(const double *positions, uint64_t i, uint64_t j) const {
    double sum = 0.0;
    for (uint64_t axis = 0; axis < axes; ++axis) {
      double d = positions[target + j * axes + axis] - positions[source + i * axes + axis];
      if (period[axis] > 0.0) d -= period[axis] * floor(d / period[axis] + 0.5);
      sum += d * d;
    }
    return sum;
  }
  __device__ double part_of_probability(double square) const {
    if (profile == BOX) return square <= scale * scale ? 1.0 : 0.0;
    return exp_plain(profile == GAUSSIAN ? -0.5 * (square / (scale * scale)) : -(sqrt(square) / scale));
  }
};

// A rule for some sources and targets of a connection.
struct BuiltRule {
  DrawnRows rows;
  Range wanted;                // targets whose synapses are built
  uint64_t first_part, parts;  // blocks that have such targets
  uint64_t offset;             // of the number of a target in the connection from that in the rule
  uint64_t first_number;       // of those of its sources, among the numbers of all rules
  uint64_t first_cell, cells;  // of its first source, and how many a source has in all rules
  Space space;

  enum : uint64_t { LISTED = 2 };  // of `has_own`

  // The one among `size` partners that neuron `i` is itself and that is left out. In a list behind the positions, or by
  // steps.
  __device__ uint64_t own_among(const double *positions, uint64_t size, uint64_t i) const {
    if (rows.has_own != LISTED) return rows.own_among(size, i);
    const double partner = positions[rows.own_first + i];
    return partner >= 0.0 && partner < double(size) ? uint64_t(partner) : DrawnRows::NOBODY;
  }
  // The target that a source is itself.
  __device__ uint64_t own(const double *positions, uint64_t source) const {
    return own_among(positions, rows.n_post, source);
  }

  __device__ uint64_t cell(uint64_t source, uint64_t part) const { return first_cell + source * cells + part; }
  __device__ bool is_block_drawn() const {
    return rows.rule == DrawnRows::FIXED_PROB || rows.rule == DrawnRows::FIXED_OUT_DEGREE ||
           rows.rule == DrawnRows::FIXED_TOTAL_NUMBER;
  }

  // The wanted targets of a block, and whether these are all.
  __device__ Range targets(uint64_t part) const {
    const Range all = rows.targets(first_part + part);
    return {all.start < wanted.start ? wanted.start : all.start, smaller(all.end, wanted.end)};
  }
  __device__ bool is_whole(uint64_t part) const {
    const Range all = rows.targets(first_part + part);
    return wanted.start <= all.start && all.end <= wanted.end;
  }

  // How many synapses a source has in the block; `numbers` are those of the sources of a fixed total number.
  __device__ uint64_t number_in_block(const uint32_t *numbers, const double *positions, uint64_t source,
                                      uint64_t part) const {
    const bool by_total = rows.rule == DrawnRows::FIXED_TOTAL_NUMBER;
    const uint64_t all = by_total ? numbers[first_number + source] : rows.num;
    const uint64_t number = rows.number(source, own(positions, source), first_part + part, all);
    return rows.width == 1 ? number : smaller(number, CELL);
  }
  static constexpr uint64_t CELL = 256;  // synapses: more than are ever drawn where 64 are expected at most

  // How many synapses a source has of a fixed total number.
  __device__ uint64_t number_of_source(const double *positions, uint64_t source) const {
    return of_part(rows.seed, DrawnRows::OF_SOURCES, 0, rows.num, rows.multapses, rows.n_pre, source,
                   [&](uint64_t i) { return i * rows.n_post - left_out(positions, i); });
  }
  // How many synapses of the sources before `end` to themselves are left out.
  __device__ uint64_t left_out(const double *positions, uint64_t end) const {
    if (!rows.has_own) return 0;
    if (rows.has_own == LISTED) return uint64_t(positions[rows.own_first + rows.n_pre + end]);
    const int64_t first = int64_t(rows.own_first), step = int64_t(rows.own_step), n = int64_t(rows.n_post);
    const int64_t from = step > 0 ? up(-first, step) : up(first - n + 1, -step);
    const int64_t to = step > 0 ? up(n - first, step) : up(first + 1, -step);
    const int64_t low = from < 0 ? 0 : from, high = to < int64_t(end) ? to : int64_t(end);
    return low < high ? uint64_t(high - low) : 0;
  }
  // The quotient, rounded up.
  static __device__ int64_t up(int64_t x, int64_t by) { return x > 0 ? (x + by - 1) / by : -(-x / by); }
};
