// Kernels as a driver finds them in a module, and their launch on the CPU.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct uint3 { unsigned x, y, z; };

namespace emu {

struct Kernel {
  std::string name;
  std::vector<size_t> sizes;               // of the parameters; each is aligned to its size, at most to 8
  std::function<void(void **args)> call;  // runs one thread: `self` says which
  // If there is one: runs all threads of a launch. A text is an error.
  std::function<std::string(dim3 grid, dim3 block, void **args)> whole = nullptr;
};

struct Module {
  virtual ~Module() = default;
  virtual const Kernel *find(const std::string &name) const = 0;
};

// The kernels that were compiled for the CPU.
const Module &compiled();

// The kernels of a PTX text; null, and why, if it is not understood. Only there if its interpreter is linked.
[[gnu::weak]] std::unique_ptr<Module> load_ptx(const char *text, std::string *error);

// Threads and blocks run in an order that follows from the seed and the number of launches; with 0, in their own.
void set_seed(uint64_t seed);

void launch(const Kernel &kernel, dim3 grid, dim3 block, size_t shared_bytes, void **args);

// Ends the process: a GPU would have done something undefined.
[[noreturn]] void fail(const char *file, int line, const std::string &what);

}  // namespace emu
