// PTX after parsing: instructions on numbered registers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ptx.h"

namespace emu::ptx {

enum class Predicate : uint32_t {};

// What an instruction works on: the lanes of its operands, one for each thread. Without a mask all lanes are active.
struct Lanes {
  void *operands[4];
  int64_t offset;           // added to an address
  const uint8_t *mask;
  unsigned width;
  char *shared;
  size_t shared_size;
  const char *fault;        // set where memory is touched that is not there
};

// An instruction as PTX names it. `operands` has a letter for each operand, the result first: p a predicate, w a word
// of 32 bits, d one of 64 bits, a an address.
struct Mnemonic {
  const char *operands;
  void (*run)(Lanes &lanes);
};

// Null if there is none.
const Mnemonic *mnemonic(const std::string &name);

enum class Flow : uint8_t { next, branch, barrier, end };

struct Instruction {
  Flow flow = Flow::next;
  const Mnemonic *mnemonic = nullptr;
  int operands[4] = {-1, -1, -1, -1};
  int64_t offset = 0;
  int guard = -1;           // the predicate register that decides, or none
  bool negated = false;
  int target = -1;          // of a branch
  int line = 0;
};

struct Register {
  char kind;                // as in Mnemonic::operands
  uint64_t value;           // of a constant
};

// Registers that every function has, before its own.
enum Special { tid_x, ctaid_x, ctaid_y, ntid_x, nctaid_x, nctaid_y, specials };

struct Function {
  std::string name;
  std::vector<Register> registers;
  std::vector<int> parameters;   // the register of each
  std::vector<int> constants;
  std::vector<Instruction> code;
  size_t shared_size = 0;
  unsigned most_threads = 1024;
};

}  // namespace emu::ptx
