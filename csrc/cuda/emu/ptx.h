// Runs the PTX text of step programs on the CPU, for tests: the subset that rust/kernels/src/program/ptx writes, and
// nothing else. What is unknown is refused with its line, as is what a GPU would refuse.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace emu::ptx {

struct Function;

// The kernels of a text.
struct Module {
  std::vector<std::unique_ptr<Function>> functions;
  Module();
  ~Module();
  const Function *find(const std::string &name) const;
};

// Null where the text is refused; `error` says why.
std::unique_ptr<Module> parse(const std::string &text, std::string &error);

const std::string &name_of(const Function &function);
// Parameters; each has 8 bytes.
size_t parameters_of(const Function &function);

// Runs a grid of blocks (x, y) of `threads` threads; an empty text, or why it stopped.
std::string run(const Function &function, const unsigned (&grid)[2], unsigned threads, const void *params, size_t size);

}  // namespace emu::ptx
