// Delivery of pieces of rows that a block found: all threads of a part of the grid share their synapses evenly.
#pragma once
#include "sums.cuh"

// Synapses, and what goes with them, listed in shared memory; `end` counts the synapses up to those of each piece.
template <class T> struct Pieces {
  uint64_t (&start)[BLOCK], (&end)[BLOCK];
  T (&value)[BLOCK];
  uint64_t (&sums)[2][WARPS];
};

// Memory of the block for them, the same for all that the kernel runs.
template <class T> __device__ Pieces<T> pieces_of_block() {
  SHARED(uint64_t, start, [BLOCK]);
  SHARED(uint64_t, end, [BLOCK]);
  SHARED(T, value, [BLOCK]);
  SHARED(uint64_t, sums, [2][WARPS]);
  return {start, end, value, sums};
}

// Lists this thread's piece if it is not empty; returns how many pieces and synapses the block has, after a barrier.
struct Listed {
  uint64_t pieces, synapses;
};
template <class T> __device__ Listed list_pieces(Range piece, T x, Pieces<T> pieces) {
  const uint64_t length = piece.end - piece.start;
  const Place place = place_in_block(length != 0, pieces.sums[0]), synapses = place_in_block(length, pieces.sums[1]);
  if (length) {
    pieces.start[place.before] = piece.start;
    pieces.end[place.before] = synapses.before + length;
    pieces.value[place.before] = x;
  }
#ifndef PLANT_MISSING_BARRIER  // a fault for tests of the sanitizers
  __syncthreads();
#endif
  return {place.total, synapses.total};
}

// Calls `act(j, value)` for the synapses j of all pieces, of which part `part` of `parts` takes its share.
template <class T, class Act>
__device__ void each_synapse(Listed listed, Pieces<T> pieces, uint64_t part, uint64_t parts, const Act &act) {
  uint64_t low = 0;
  for (uint64_t k = part * BLOCK + threadIdx.x; k < listed.synapses; k += parts * BLOCK) {
    for (uint64_t high = listed.pieces - 1; low < high;) {  // the piece that has synapse k: not before the last one
      const uint64_t middle = (low + high) / 2;
      if (pieces.end[middle] > k) high = middle;
      else low = middle + 1;
    }
    act(pieces.start[low] + (k - (low ? pieces.end[low - 1] : 0)), pieces.value[low]);
  }
}

// `target[…] += weight · value` for the synapses of all pieces.
template <class T, class I>
__device__ void deliver(Listed listed, Pieces<T> pieces, uint64_t part, uint64_t parts, const Rows &rows,
                        Weight<T> weight, const Targets &targets, uint64_t b, const Sums<T> &target) {
  const TargetRow to = targets.row(b);
  each_synapse(listed, pieces, part, parts, [&](uint64_t j, T value) {
#ifdef PLANT_OVERRUN
    j = rows.nnz;
#endif
    const uint64_t at = targets.at(to, j, static_cast<const I *>(rows.indices)[j]);
    if (at != Targets::NONE) target.add(at, weight.of(j) * value);
  });
}
