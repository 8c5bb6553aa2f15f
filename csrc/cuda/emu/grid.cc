// The scheduler: threads of a block until each has ended, block after block.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "emu/device.h"
#include "emu/fiber.h"

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace emu {

__thread Thread *self;

namespace {

enum class State { Ready, Running, Yielded, Block, Warp, Done };

// What a thread waits at.
struct Place {
  int kind = 0;
  unsigned mask = 0;
  const char *file = nullptr;
  int line = 0;
};

struct Lane : Thread {
  State state = State::Ready;
  Place place;
  uint64_t value = 0, received[32];
  unsigned index = 0;
  Fiber *fiber = nullptr;
};

// Memory of blocks. Under ThreadSanitizer it is not reused in a launch, as that would look like a race, nor does it
// come from malloc, which synchronises.
class Arena {
 public:
  void *take(size_t bytes) {
    char *p = EMU_TSAN ? from_arena(bytes) : static_cast<char *>(malloc(bytes));
    if (!EMU_TSAN) owned_.push_back(p);
    // Not memset, which ThreadSanitizer sees as a write of the thread that runs.
    for (size_t k = 0; k < bytes; ++k) {
      p[k] = char(0xff);
      asm volatile("" ::: "memory");
    }
    return p;
  }
  void end_block() {
    for (void *p : owned_) free(p);
    owned_.clear();
  }
  // Maps memory before any fiber runs: to ThreadSanitizer this is a write.
  void begin_launch() {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (EMU_TSAN && !arena_)
      arena_ = static_cast<char *>(mmap(nullptr, size_t(1) << 32, PROT_READ | PROT_WRITE, flags, -1, 0));
    used_ = 0;
  }

 private:
  char *from_arena(size_t bytes) {
    char *p = arena_ + used_;
    used_ += (bytes + 63) / 64 * 64;
    return p;
  }
  std::vector<void *> owned_;
  char *arena_ = nullptr;
  size_t used_ = 0;
};

struct Block {
  struct {
    const void *key;
    void *memory;
  } shared[32] = {};  // nothing is allocated on a fiber: ThreadSanitizer would see a race
  std::vector<Lane> lanes;
  size_t waiting = 0, done = 0;
  char token;  // of the edges of its barrier
};

// Of the launch that runs on this host thread.
struct Run {
  const Kernel *kernel;
  void **args;
  Block block;
  std::vector<Lane *> ready;
};

thread_local Run *run;
thread_local Arena arena;
thread_local std::deque<Fiber> fibers;
thread_local std::vector<Fiber *> idle, used;
thread_local Lane *current;
uint64_t seed, launches;
thread_local uint64_t random_state;
char start_token, end_token, fence_token;

std::map<std::string, Kernel> &kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}

struct Compiled : Module {
  const Kernel *find(const std::string &name) const override {
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : &found->second;
  }
};

uint64_t next_random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

std::string where(const Lane &lane) {
  static const char *names[] = {"ready", "running", "ready", "at __syncthreads", "at a warp operation", "has ended"};
  const std::string place = std::string(lane.place.file ? lane.place.file : "-") + ":" + std::to_string(lane.place.line);
  return "thread " + std::to_string(lane.thread.x) + " of block " + std::to_string(lane.block.x) + " " +
         names[int(lane.state)] + " " + place;
}

[[noreturn]] void fail_at(const Place &place, const std::string &what) { fail(place.file, place.line, what); }

// The life of a CUDA thread.
void thread_main() {
  acquire(&start_token);
  run->kernel->call(run->args);
  release(&end_token);
  current->state = State::Done;
}

void enter(Lane &lane) {
  if (!lane.fiber) {
    if (idle.empty()) idle.push_back(&fibers.emplace_back(&thread_main));
    lane.fiber = idle.back();
    idle.pop_back();
    lane.fiber->begin_thread();
  }
  lane.state = State::Running;
  current = &lane;
  self = &lane;
  lane.fiber->resume();
  self = nullptr;
  if (lane.state != State::Done) return;
  lane.fiber->end_thread();
  (EMU_TSAN ? used : idle).push_back(lane.fiber);  // a stack that is reused would look like a race
  lane.fiber = nullptr;
}

void make_ready(Lane &lane) {
  lane.state = State::Ready;
  run->ready.push_back(&lane);
}

// Lets the lanes of a warp go on once all of the mask have arrived.
void release_warp(Block &block, const Lane &last) {
  Lane *warp = &block.lanes[last.index & ~31u];
  const Place &place = last.place;
  for (unsigned k = 0; k < 32; ++k) {
    if (!(place.mask >> k & 1)) continue;
    if ((last.index & ~31u) + k >= block.lanes.size()) fail_at(place, "the mask names a lane beyond the block");
    const Lane &other = warp[k];
    if (other.state == State::Done) fail_at(place, "the mask names a lane that has ended: " + where(other));
    if (other.state != State::Warp || other.place.mask != place.mask) return;
    if (other.place.kind != place.kind || other.place.line != place.line)
      fail_at(place, "lanes of one mask at different operations: " + where(other));
  }
  const unsigned mask = place.mask;
  for (unsigned k = 0; k < 32; ++k) {
    if (!(mask >> k & 1)) continue;
    for (unsigned j = 0; j < 32; ++j)
      if (mask >> j & 1) warp[k].received[j] = warp[j].value;
    make_ready(warp[k]);
  }
}

void release_block(Block &block) {
  if (block.waiting == 0 || block.waiting + block.done < block.lanes.size()) return;
  const Lane *first = nullptr;
  for (const Lane &lane : block.lanes) {
    if (lane.state != State::Block) continue;
    if (first && first->place.line != lane.place.line)
      fail_at(lane.place, "threads of a block at different barriers: " + where(*first));
    if (!first) first = &lane;
  }
  if (block.done) fail_at(first->place, "a barrier that threads of the block do not reach, as they have ended");
  block.waiting = 0;
  for (Lane &lane : block.lanes) make_ready(lane);
}

void step(Block &block, Lane &lane) {
  enter(lane);
  switch (lane.state) {
    case State::Done:
      ++block.done;
      release_block(block);
      break;
    case State::Block:
      ++block.waiting;
      release_block(block);
      break;
    case State::Warp:
      release_warp(block, lane);
      break;
    default:
      lane.state = State::Ready;
      run->ready.insert(run->ready.begin(), &lane);
  }
}

void run_block(Block &block) {
  auto &ready = run->ready;
  for (size_t k = block.lanes.size(); k-- > 0;) ready.push_back(&block.lanes[k]);
  while (!ready.empty()) {
    if (seed) std::swap(ready.back(), ready[next_random() % ready.size()]);
    Lane *lane = ready.back();
    ready.pop_back();
    step(block, *lane);
  }
  for (const Lane &lane : block.lanes)
    if (lane.state != State::Done) fail_at(lane.place, "deadlock: " + where(lane));
  arena.end_block();
}

void begin_block(Block &block, size_t at, dim3 grid, dim3 size) {
  block.waiting = block.done = 0;
  for (auto &array : block.shared) array = {};
  for (size_t k = 0; k < block.lanes.size(); ++k) {
    Lane &lane = block.lanes[k];
    lane.state = State::Ready;
    lane.place = {};
    lane.thread = {unsigned(k % size.x), unsigned(k / size.x % size.y), unsigned(k / size.x / size.y)};
    lane.block = {unsigned(at % grid.x), unsigned(at / grid.x % grid.y), unsigned(at / grid.x / grid.y)};
    lane.block_dim = size;
    lane.grid_dim = grid;
    lane.index = unsigned(k);
  }
}

void wait(State state, Place place) {
  current->place = place;
  current->state = state;
  Fiber::suspend();
}

}  // namespace

Register::Register(Kernel kernel) { kernels()[kernel.name] = std::move(kernel); }

const Module &compiled() {
  static const Compiled module;
  return module;
}

void set_seed(uint64_t value) {
  seed = value;
  launches = 0;
}

void barrier(const char *file, int line) {
  char *token = &run->block.token;
  release(token);
  wait(State::Block, {0, 0, file, line});
  acquire(token);
}

const uint64_t *exchange(unsigned mask, uint64_t value, int kind, const char *file, int line) {
  if (!(mask >> lane() & 1)) fail(file, line, "the calling lane is not in the mask");
  current->value = value;
  wait(State::Warp, {kind, mask, file, line});
  return current->received;
}

void warp_barrier(unsigned mask, const char *file, int line) {
  void *token = &run->block.lanes[current->index & ~31u];
  release(token);
  exchange(mask, 0, SYNC, file, line);
  acquire(token);
}

unsigned lane() { return current->index & 31; }

void maybe_yield() {
  if (!seed || next_random() % 8) return;
  current->state = State::Yielded;
  Fiber::suspend();
}

void fence() {
  release(&fence_token);
  acquire(&fence_token);
}

void *shared(const void *key, size_t bytes) {
  for (auto &array : run->block.shared) {
    if (!array.key) array = {key, arena.take(bytes)};
    if (array.key == key) return array.memory;
  }
  fail(nullptr, 0, "more than 32 shared arrays");
}

void fail(const char *file, int line, const std::string &what) {
  const char *kernel = run ? run->kernel->name.c_str() : "?";
  fprintf(stderr, "emu: kernel %s, %s:%d: %s\n", kernel, file ? file : "?", line, what.c_str());
  fflush(stderr);
  abort();
}

void launch(const Kernel &kernel, dim3 grid, dim3 block, size_t shared_bytes, void **args) {
  if (shared_bytes) fail(nullptr, 0, "dynamic shared memory is not emulated");
  random_state = (seed + 1) * 0x9e3779b97f4a7c15ull + ++launches;
  Run here{&kernel, args, {}, {}};
  run = &here;
  arena.begin_launch();
  release(&start_token);
  here.block.lanes.resize(size_t(block.x) * block.y * block.z);
  std::vector<size_t> order(size_t(grid.x) * grid.y * grid.z);
  for (size_t k = 0; k < order.size(); ++k) order[k] = k;
  if (seed)
    for (size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[next_random() % k]);
  for (size_t at : order) {
    begin_block(here.block, at, grid, block);
    run_block(here.block);
  }
  acquire(&end_token);
  idle.insert(idle.end(), used.begin(), used.end());
  used.clear();
  run = nullptr;
}

}  // namespace emu
