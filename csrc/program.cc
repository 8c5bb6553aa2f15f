#include "program.h"

#include <nanobind/stl/string.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "native.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

nb::str to_str(SpikeloopText text) { return nb::str(text.data, text.size); }

using Register = char *(const char *text, size_t size, int64_t *hash);

int64_t registered(Register *where, const std::string &text) {
  int64_t hash = 0;
  char *error = where(text.data(), text.size(), &hash);
  if (!error) return hash;
  const std::string message = error;
  spikeloop_error_free(error);
  throw std::invalid_argument(message);
}

int64_t program(const std::string &text) { return registered(spikeloop_program, text); }

int64_t sequence(const std::string &text) { return registered(spikeloop_sequence, text); }

nb::dict program_stats(int64_t hash) {
  SpikeloopProgramStats stats;
  if (!spikeloop_program_stats(hash, &stats))
    throw std::invalid_argument("program_stats: no program has the hash " + std::to_string(hash));
  std::vector<SpikeloopProgramKind> kinds(spikeloop_program_kinds(hash, nullptr, 0));
  spikeloop_program_kinds(hash, kinds.data(), kinds.size());
  nb::dict counts;
  for (const auto &kind : kinds) counts[to_str(kind.name)] = kind.count;
  nb::dict out;
  out["ops"] = stats.ops;
  out["registers"] = stats.registers;
  out["spills"] = stats.spills;
  out["bytes"] = stats.bytes;
  out["compile_us"] = stats.compile_us;
  out["isa"] = to_str(stats.isa);
  out["kinds"] = counts;
  return out;
}

std::string program_ptx(int64_t hash, const std::string &operands, const std::string &sums) {
  char *text = spikeloop_program_ptx(hash, operands.data(), operands.size(), sums.data(), sums.size());
  if (!text) throw std::invalid_argument("program_ptx: no such program, or none with these operands and sums");
  const std::string out = text;
  spikeloop_error_free(text);
  return out;
}

}  // namespace

void bind_program(nb::module_ &m) {
  m.def("program", &program, "text"_a, "Checks and registers a step program; returns the hash of its text.");
  m.def("sequence", &sequence, "text"_a, "Checks and registers a sequence of calls; returns the hash of its text.");
  m.def("program_stats", &program_stats, "hash"_a, "Operations, registers, spills, bytes, compile time, instructions.");
  m.def("program_ptx", &program_ptx, "hash"_a, "operands"_a = "", "sums"_a = "",
        "The PTX for operands that are uniform (u), one for each row (r), neuron (n) or both (f); sums: u or r.");
  m.def("program_scratch", &spikeloop_program_scratch, "hash"_a, "batch"_a, "n"_a,
        "Elements of the memory that the CUDA code works in.");
  m.def("jit_level", [] { return to_str(spikeloop_jit_level()); }, "What runs step programs on this machine.");
}
