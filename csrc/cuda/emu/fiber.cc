#include "emu/fiber.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#if EMU_TSAN
extern "C" {
void *__tsan_get_current_fiber();
void *__tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void *);
void __tsan_switch_to_fiber(void *, unsigned);
void __tsan_acquire(void *);
void __tsan_release(void *);
}
constexpr unsigned NO_SYNC = 1;  // a switch is no synchronisation: the threads of a GPU run at once
#endif
#if EMU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

// Pushes the registers that a callee must keep, swaps stacks, and pops them. ucontext would make two system calls.
extern "C" void emu_switch(void **save, void *to);
#if defined(__x86_64__)
asm(R"(
.text
.globl emu_switch
.hidden emu_switch
.type emu_switch,@function
emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emu_switch,.-emu_switch
)");
#else
#error "emu_switch is written for x86-64 only"
#endif

namespace emu {
namespace {

constexpr size_t STACK = (EMU_ASAN || EMU_TSAN ? 256 : 64) << 10, GUARD = 4096;
constexpr int KEPT = 6;  // registers that emu_switch pushes

__thread Fiber *running;
__thread void *host_place;
#if EMU_TSAN
__thread void *host_tsan;
#endif
#if EMU_ASAN
__thread const void *host_stack;
__thread size_t host_size;
#endif

}  // namespace

Fiber::Fiber(void (*body)()) : body_(body) {
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *memory = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) {
    perror("emu: the stack of a thread");
    abort();
  }
  stack_ = static_cast<char *>(memory);
  mprotect(stack_, GUARD, PROT_NONE);
  auto **top = reinterpret_cast<void **>(stack_ + STACK - 64);
  *--top = nullptr;  // what `main` would return to, and its alignment
  *--top = reinterpret_cast<void *>(&Fiber::main);
  for (int k = 0; k < KEPT; ++k) *--top = nullptr;
  place_ = top;
}

void Fiber::main() {
#if EMU_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &host_stack, &host_size);
#endif
  for (;;) {
    running->body_();
    suspend();
  }
}

void Fiber::resume() {
  running = this;
#if EMU_TSAN
  host_tsan = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_, NO_SYNC);
#endif
#if EMU_ASAN
  void *fake;
  __sanitizer_start_switch_fiber(&fake, stack_, STACK);
#endif
  emu_switch(&host_place, place_);
#if EMU_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
  Fiber *self = running;
#if EMU_TSAN
  __tsan_switch_to_fiber(host_tsan, NO_SYNC);
#endif
#if EMU_ASAN
  void *fake;
  __sanitizer_start_switch_fiber(&fake, host_stack, host_size);
#endif
  emu_switch(&self->place_, host_place);
#if EMU_ASAN
  __sanitizer_finish_switch_fiber(fake, &host_stack, &host_size);
#endif
}

void Fiber::begin_thread() {
#if EMU_TSAN
  tsan_ = __tsan_create_fiber(0);
#endif
}

void Fiber::end_thread() {
#if EMU_TSAN
  __tsan_destroy_fiber(tsan_);
  tsan_ = nullptr;
#endif
}

void release(void *token) {
#if EMU_TSAN
  __tsan_release(token);
#else
  (void)token;
#endif
}

void acquire(void *token) {
#if EMU_TSAN
  __tsan_acquire(token);
#else
  (void)token;
#endif
}

}  // namespace emu
