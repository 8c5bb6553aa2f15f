// The extension module spikeloop._native: FFI handlers as capsules, threads and CPU features, the
// connectivity builders of connect.cc, and the step programs of program.cc. All work is done in Rust, behind native.h.

// The dynamic symbol PyInit__native is exported by Rust, whose linker hides symbols of C++ objects;
// it calls the function that nanobind defines below, under this name.
#define PyInit__native spikeloop_module_init

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "connect.h"
#include "native.h"
#include "program.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

nb::str to_str(SpikeloopText text) { return nb::str(text.data, text.size); }

nb::dict registrations(bool cuda) {
  const SpikeloopRegistration *all = nullptr;
  const size_t n = spikeloop_registrations(cuda, &all);
  nb::dict out;
  for (size_t i = 0; i < n; ++i)
    out[to_str(all[i].name)] = nb::capsule(all[i].handler, "xla._CUSTOM_CALL_TARGET");
  return out;
}

void set_num_threads(long n) {
  if (n < 1) throw std::invalid_argument("set_num_threads: n is " + std::to_string(n) + ", expected at least 1");
  char *error = spikeloop_set_num_threads(static_cast<size_t>(n));
  if (!error) return;
  const std::string text = error;
  spikeloop_error_free(error);
  throw std::invalid_argument(text);
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Native kernels of spikeloop: XLA FFI targets and connectivity builders.";
  m.def("version", [] { return to_str(spikeloop_version()); }, "Version of the native build.");
  m.def("simd_level", [] { return to_str(spikeloop_simd_level()); },
        "Instruction set that the kernels use on this CPU.");
  m.def("cuda_targets", [] { return to_str(spikeloop_cuda_targets()); },
        "Processors that the embedded CUDA kernels are compiled for; empty if there are none.");
  m.def("registrations", &registrations, "cuda"_a = false,
        "FFI targets of the CPU, or of CUDA: name to PyCapsule, for jax.ffi.register_ffi_target.");
  m.def("get_num_threads", [] { return spikeloop_get_num_threads(); }, "Threads that kernels may use.");
  m.def("set_num_threads", &set_num_threads, "n"_a, "Let kernels use up to n threads.");
  bind_connect(m);
  bind_program(m);
}
