// The values of the last steps, and the synapses of a row by their delays.
#pragma once
#include "rows.cuh"

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

// A delay for each synapse; rows ascend by it.
struct Delays {
  const void *data;
  uint64_t bytes;

  __device__ uint64_t of(uint64_t j) const {
    return bytes == 1 ? static_cast<const uint8_t *>(data)[j] : static_cast<const uint16_t *>(data)[j];
  }
  // The first synapse of a row with a delay of at least `age`.
  __device__ uint64_t from(Range row, uint64_t age) const {
    while (row.start < row.end) {
      const uint64_t middle = (row.start + row.end) / 2;
      if (of(middle) >= age) row.end = middle;
      else row.start = middle + 1;
    }
    return row.start;
  }
  // The synapses of a row with this delay.
  __device__ Range part(Range row, uint64_t age) const { return {from(row, age), from(row, age + 1)}; }
};
