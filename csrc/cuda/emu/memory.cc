#include "emu/memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "emu/fiber.h"

namespace emu {
namespace {

constexpr size_t ARENA = size_t(1) << 32, PAGE = 4096, ALIGN = 256;  // as cudaMalloc aligns
char *arena;
size_t used;
std::vector<void *> owned;

void protect(int access) {
  if (used) mprotect(arena, used, access);
}

}  // namespace

// With AddressSanitizer, memory of malloc, whose bounds it knows; else pages that begin with nothing readable.
void *allocate(size_t bytes) {
  if (EMU_ASAN) {
    void *p = nullptr;
    if (posix_memalign(&p, ALIGN, bytes)) abort();
    owned.push_back(p);
    return p;
  }
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (!arena) arena = static_cast<char *>(mmap(nullptr, ARENA, PROT_NONE, flags, -1, 0));
  char *p = arena + used;
  used += (bytes / PAGE + 1) * PAGE;
  if (used > ARENA) {
    fprintf(stderr, "fake CUDA driver: out of memory\n");
    abort();
  }
  return p;
}

void free_all() {
  for (void *p : owned) free(p);
  owned.clear();
  if (used) madvise(arena, used, MADV_DONTNEED);
  used = 0;
}

void write(void *to, const void *from, size_t bytes) {
  const Open open;
  memcpy(to, from, bytes);
}

void read(void *to, const void *from, size_t bytes) {
  const Open open;
  memcpy(to, from, bytes);
}

Open::Open() { protect(PROT_READ | PROT_WRITE); }
Open::~Open() { protect(PROT_NONE); }

}  // namespace emu
