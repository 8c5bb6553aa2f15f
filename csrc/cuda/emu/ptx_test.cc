// The interpreter behind C functions, for tests that have no CUDA.
#include <cstdio>

#include "ptx.h"

extern "C" {

// The kernels of a text, for ptx_free; null, and why not in `error`.
void *ptx_parse(const char *text, char *error, size_t room) {
  std::string why;
  auto module = emu::ptx::parse(text, why);
  if (!module) snprintf(error, room, "%s", why.c_str());
  return module.release();
}

void ptx_free(void *module) { delete static_cast<emu::ptx::Module *>(module); }

// Whether the kernel ran; if not, why not in `error`.
bool ptx_run(void *module, const char *name, const unsigned *grid, unsigned threads, const void *params, size_t size,
             char *error, size_t room) {
  const auto *function = static_cast<emu::ptx::Module *>(module)->find(name);
  const unsigned blocks[2] = {grid[0], grid[1]};
  const std::string why = function ? emu::ptx::run(*function, blocks, threads, params, size) : "there is no such kernel";
  if (!why.empty()) snprintf(error, room, "%s", why.c_str());
  return why.empty();
}

}  // extern "C"
