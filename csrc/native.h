// The C functions of rust/native/src/lib.rs, in the order of that file.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Text that lives as long as the process; not terminated by NUL.
struct SpikeloopText {
  const char *data;
  size_t size;
};

// One FFI target: a name for XLA and the handler's address.
struct SpikeloopRegistration {
  SpikeloopText name;
  void *handler;
};

// One neuron model and the names of its operands.
struct SpikeloopModel {
  SpikeloopText name;
  const SpikeloopText *params;
  size_t n_params;
  const SpikeloopText *state;
  size_t n_state;
};

// Targets of a connectivity rule, or, where `error` is not null, why there are none.
struct SpikeloopIndices {
  uint32_t *data;
  size_t size;
  char *error;
};

SpikeloopText spikeloop_version();
SpikeloopText spikeloop_simd_level();
size_t spikeloop_registrations(const SpikeloopRegistration **out);
size_t spikeloop_models(const SpikeloopModel **out);
size_t spikeloop_get_num_threads();
void spikeloop_set_num_threads(size_t n);
SpikeloopIndices spikeloop_fixed_out_degree(uint64_t seed, size_t n_pre, size_t n_post, size_t k,
                                            bool multapses, bool autapses);
void spikeloop_indices_free(SpikeloopIndices indices);

}  // extern "C"
