// Stacks on which CUDA threads run, one at a time.
#pragma once

// What this build is instrumented with. These files are not: to ThreadSanitizer they would be races of their own.
#ifndef EMU_ASAN
#define EMU_ASAN 0
#endif
#ifndef EMU_TSAN
#define EMU_TSAN 0
#endif

namespace emu {

class Fiber {
 public:
  // Runs `body` for the thread that `resume` is given, again and again; `body` returns when the thread has ended.
  explicit Fiber(void (*body)());
  // Goes on with this fiber until it calls `suspend`.
  void resume();
  // Goes back to whoever resumed the fiber that runs.
  static void suspend();
  // To ThreadSanitizer, what the fiber does from now on is another thread.
  void begin_thread();
  void end_thread();

 private:
  static void main();
  void (*body_)();
  char *stack_;
  void *place_;
  void *tsan_ = nullptr;
};

// Edges of happens-before, for ThreadSanitizer: what came before a release comes before what follows an acquire.
void release(void *token);
void acquire(void *token);

}  // namespace emu
