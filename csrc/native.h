// The C functions of rust/native/src/, in the order of lib.rs, connect.rs, program.rs and sequence.rs.
#pragma once

#include <cstddef>
#include <cstdint>

// Numbers that the caller keeps alive.
template <typename T>
struct SpikeloopSlice {
  const T *data = nullptr;
  size_t size = 0;
};

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

SpikeloopText spikeloop_version();
SpikeloopText spikeloop_simd_level();
SpikeloopText spikeloop_cuda_targets();
size_t spikeloop_registrations(bool cuda, const SpikeloopRegistration **out);
size_t spikeloop_get_num_threads();
// Null, or why not, to be freed.
char *spikeloop_set_num_threads(size_t n);

// A distribution of weights or delays; family 0 is none.
struct SpikeloopDraw {
  uint32_t family = 0;
  double a = 0, b = 0;
  double part[2] = {0, 1};
  double bounds[2] = {0, 0};
};

// A rule and its numbers, of which each rule uses its own.
struct SpikeloopSpec {
  SpikeloopSlice<char> rule, profile;
  uint64_t seed = 0;
  size_t n_pre = 0, n_post = 0, num = 0;
  size_t range[2] = {0, 0};  // of the targets whose synapses are wanted
  double prob = 0;
  bool multapses = true, wide = false;
  SpikeloopSlice<uint32_t> own;  // empty if no synapses are left out
  SpikeloopSlice<double> source, target;
  size_t axes = 0;
  double period[3] = {0, 0, 0};
  double scale = 0, cutoff = 0;
  SpikeloopDraw weight, delay;
};

// An array that Rust allocated; kind and bits name its type as in NumPy. Without an owner there is none.
struct SpikeloopArray {
  void *data;
  size_t size;
  char kind;
  uint8_t bits;
  void *owner;
};

// Arrays, or, where `error` is not null, why there are none: memory is short, or something else.
struct SpikeloopBuilt {
  SpikeloopArray indices, indptr, weight, delay;
  char *error;
  bool no_memory;
};

SpikeloopBuilt spikeloop_build(const SpikeloopSpec *spec);
SpikeloopBuilt spikeloop_order(SpikeloopSlice<uint32_t> sources, SpikeloopSlice<uint32_t> targets,
                               SpikeloopSlice<uint16_t> delay, size_t n_pre);
void spikeloop_array_free(void *owner);
void spikeloop_error_free(char *error);

// What is known of a step program.
struct SpikeloopProgramStats {
  size_t ops, registers, spills, bytes;
  double compile_us;
  SpikeloopText isa;
};

// How many values of a program an operation makes.
struct SpikeloopProgramKind {
  SpikeloopText name;
  size_t count;
};

// Null, or why not, to be freed.
char *spikeloop_program(const char *text, size_t size, int64_t *hash);
bool spikeloop_program_stats(int64_t hash, SpikeloopProgramStats *stats);
size_t spikeloop_program_kinds(int64_t hash, SpikeloopProgramKind *kinds, size_t room);
SpikeloopText spikeloop_jit_level();
// Null where there is no such program or layout; to be freed by spikeloop_error_free.
char *spikeloop_program_ptx(int64_t hash, const char *operands, size_t operands_size, const char *sums, size_t sums_size);
size_t spikeloop_program_scratch(int64_t hash, size_t batch, size_t n);

// Null, or why not, to be freed.
char *spikeloop_sequence(const char *text, size_t size, int64_t *hash);

}  // extern "C"
