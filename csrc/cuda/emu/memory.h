// Memory of the emulated GPU, which the host cannot touch but while a kernel runs or through `write` and `read`.
#pragma once
#include <cstddef>

namespace emu {

void *allocate(size_t bytes);
void free_all();
void write(void *to, const void *from, size_t bytes);
void read(void *to, const void *from, size_t bytes);

// The memory is open as long as one of these lives.
struct Open {
  Open();
  ~Open();
};

}  // namespace emu
