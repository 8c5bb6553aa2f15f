// Ordered lists: the same for any order of threads, since places come from sums, not from atomic counters.
//
// A list is made by two launches. In the first, each block notes how many items its tile has; in the second it adds up
// those of the tiles before it, and writes its own behind them.
#pragma once
#include "rows.cuh"

// First launch: notes the number of this block's items, of which this thread has `items`.
__device__ inline void note_items(uint64_t items, uint32_t *tile) {
  SHARED(uint64_t, sums, [WARPS]);
  const uint64_t total = sum_block(items, sums);
  if (threadIdx.x == 0) *tile = uint32_t(total);
}

// Second launch: what stands before this thread's items among those of all tiles, and the number up to this tile.
__device__ inline Place place_in_list(uint64_t items, const uint32_t *tiles, uint64_t tile) {
  SHARED(uint64_t, earlier, [WARPS]);
  SHARED(uint64_t, sums, [WARPS]);
  uint64_t own = 0;
  for (uint64_t k = threadIdx.x; k < tile; k += BLOCK) own += tiles[k];
  const uint64_t before = sum_block(own, earlier);
  const Place place = place_in_block(items, sums);
  return {before + place.before, before + place.total};
}
