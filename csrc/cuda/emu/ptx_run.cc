// Runs functions: the threads of a block side by side, one instruction after the other.
//
// Threads that took different ways wait for each other: those whose next instruction comes first in the text go on
// until they reach the others. A barrier that not all threads of the block reach together is an error.
#include <algorithm>
#include <cfenv>
#include <cstring>

#include "ptx_code.h"

namespace emu::ptx {
namespace {

constexpr size_t kLine = 64;

// Threads that are at the same instruction.
struct Group {
  int at;
  std::vector<uint8_t> mask;
};

class Block {
 public:
  Block(const Function &function, unsigned threads)
      : function_(function), threads_(threads), shared_(function.shared_size) {
    const size_t bytes = (threads * sizeof(uint64_t) + kLine - 1) / kLine * kLine;
    memory_.assign((function.registers.size() + 1) * bytes, char(0xff));  // NaN
    char *first = memory_.data() + (kLine - reinterpret_cast<uintptr_t>(memory_.data()) % kLine);
    for (size_t k = 0; k < function.registers.size(); ++k) lanes_.push_back(first + k * bytes);
    for (int constant : function.constants) fill(constant, function.registers[constant].value);
    auto *number = reinterpret_cast<uint32_t *>(lanes_[tid_x]);
    for (unsigned k = 0; k < threads; ++k) number[k] = k;
  }

  void fill(int number, uint64_t value) {
    if (function_.registers[number].kind == 'w') {
      std::fill_n(reinterpret_cast<uint32_t *>(lanes_[number]), threads_, uint32_t(value));
    } else {
      std::fill_n(reinterpret_cast<uint64_t *>(lanes_[number]), threads_, value);
    }
  }

  // An empty text, or why the block stopped.
  std::string run() {
    std::fill(shared_.begin(), shared_.end(), char(0xff));  // NaN
    groups_ = {{0, std::vector<uint8_t>(threads_, 1)}};
    while (!groups_.empty()) {
      const auto first = std::min_element(groups_.begin(), groups_.end(), [](auto &a, auto &b) { return a.at < b.at; });
      Group group = std::move(*first);
      groups_.erase(first);
      if (std::string why = go(group); !why.empty()) return why;
    }
    return "";
  }

 private:
  // Runs a group until it reaches another one, splits or ends.
  std::string go(Group &group) {
    int others = int(function_.code.size());
    for (const auto &other : groups_) others = std::min(others, other.at);
    const bool all = count(group.mask) == threads_;
    while (group.at < others) {
      const Instruction &next = function_.code[group.at];
      if (next.flow == Flow::end && next.guard < 0) return "";
      if (next.flow == Flow::branch) {
        if (branch(next, group)) return "";
        continue;
      }
      if (next.flow == Flow::barrier && !all) return failed(next, "not all threads are at the barrier");
      if (next.flow == Flow::end) return failed(next, "a guarded ret");
      if (next.flow == Flow::next)
        if (const char *fault = compute(next, group.mask, all)) return failed(next, fault);
      ++group.at;
    }
    const auto there = std::find_if(groups_.begin(), groups_.end(), [&](auto &other) { return other.at == group.at; });
    if (there == groups_.end()) {
      groups_.push_back(std::move(group));
    } else {
      for (unsigned k = 0; k < threads_; ++k) there->mask[k] |= group.mask[k];
    }
    return "";
  }

  // True if the group was split, or has to look anew which of the groups goes on.
  bool branch(const Instruction &next, Group &group) {
    Group taken{next.target, active(next, group.mask)};
    const unsigned going = count(taken.mask), all = count(group.mask);
    ++group.at;
    if (going == 0) return false;
    for (unsigned k = 0; k < threads_; ++k) group.mask[k] &= uint8_t(!taken.mask[k]);
    if (going < all) groups_.push_back(std::move(group));
    groups_.push_back(std::move(taken));
    merge();
    return true;
  }

  void merge() {
    for (size_t i = 0; i < groups_.size(); ++i)
      for (size_t k = groups_.size() - 1; k > i; --k)
        if (groups_[k].at == groups_[i].at) {
          for (unsigned t = 0; t < threads_; ++t) groups_[i].mask[t] |= groups_[k].mask[t];
          groups_.erase(groups_.begin() + long(k));
        }
  }

  const char *compute(const Instruction &next, const std::vector<uint8_t> &mask, bool all) {
    Lanes lanes{{}, next.offset, nullptr, threads_, shared_.data(), shared_.size(), nullptr};
    for (int k = 0; k < 4; ++k) lanes.operands[k] = next.operands[k] < 0 ? nullptr : lanes_[next.operands[k]];
    if (!all) lanes.mask = mask.data();
    std::vector<uint8_t> guarded;
    if (next.guard >= 0) {
      guarded = active(next, mask);
      lanes.mask = guarded.data();
    }
    next.mnemonic->run(lanes);
    return lanes.fault;
  }

  std::vector<uint8_t> active(const Instruction &next, const std::vector<uint8_t> &mask) const {
    std::vector<uint8_t> found = mask;
    if (next.guard < 0) return found;
    const auto *holds = reinterpret_cast<const uint32_t *>(lanes_[next.guard]);
    for (unsigned k = 0; k < threads_; ++k) found[k] &= uint8_t((holds[k] != 0) != next.negated);
    return found;
  }

  unsigned count(const std::vector<uint8_t> &mask) const {
    unsigned sum = 0;
    for (uint8_t x : mask) sum += x;
    return sum;
  }

  std::string failed(const Instruction &at, const char *why) const {
    return function_.name + ", line " + std::to_string(at.line) + " of the PTX: " + why;
  }

  const Function &function_;
  unsigned threads_;
  std::vector<char> memory_, shared_;
  std::vector<char *> lanes_;
  std::vector<Group> groups_;
};

}  // namespace

std::string run(const Function &function, const unsigned (&grid)[2], unsigned threads, const void *params, size_t size) {
  const size_t expected = function.parameters.size() * sizeof(uint64_t);
  if (size != expected)
    return function.name + ": " + std::to_string(size) + " bytes of parameters, expected " + std::to_string(expected);
  if (threads > function.most_threads) return function.name + ": more threads than .maxntid says";
  // PTX says for each instruction whether subnormal numbers are flushed; the caller's thread may flush all.
  std::fenv_t before;
  std::fegetenv(&before);
  std::fesetenv(FE_DFL_ENV);
  Block block(function, threads);
  std::vector<uint64_t> values(function.parameters.size());
  if (size) memcpy(values.data(), params, size);
  for (size_t k = 0; k < values.size(); ++k) block.fill(function.parameters[k], values[k]);
  block.fill(ntid_x, threads);
  block.fill(nctaid_x, grid[0]);
  block.fill(nctaid_y, grid[1]);
  std::string error;
  for (unsigned y = 0; y < grid[1] && error.empty(); ++y)
    for (unsigned x = 0; x < grid[0] && error.empty(); ++x) {
      block.fill(ctaid_x, x);
      block.fill(ctaid_y, y);
      error = block.run();
    }
  std::fesetenv(&before);
  return error;
}

}  // namespace emu::ptx
