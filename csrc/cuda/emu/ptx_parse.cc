#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "ptx_code.h"

namespace emu::ptx {

Module::Module() = default;
Module::~Module() = default;

const Function *Module::find(const std::string &name) const {
  for (const auto &function : functions)
    if (function->name == name) return function.get();
  return nullptr;
}

const std::string &name_of(const Function &function) { return function.name; }
size_t parameters_of(const Function &function) { return function.parameters.size(); }

namespace {

[[noreturn]] void refuse(const std::string &why) { throw std::runtime_error(why); }

bool begins(const std::string &text, const std::string &start) { return text.compare(0, start.size(), start) == 0; }

std::string strip(const std::string &text) {
  const size_t first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(strip(part));
  return parts;
}

bool is_name(const std::string &text) {
  return !text.empty() && !isdigit(text[0]) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return isalnum(c) || c == '_' || c == '$'; });
}

uint64_t whole(const std::string &text) {
  char *end = nullptr;
  const uint64_t value = strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end || !isdigit(text[0])) refuse("'" + text + "' is no number");
  return value;
}

// Reads one function, line by line.
class Reader {
 public:
  explicit Reader(const std::string &name) : function_(new Function) {
    function_->name = name;
    const char *const names[specials] = {"%tid.x", "%ctaid.x", "%ctaid.y", "%ntid.x", "%nctaid.x", "%nctaid.y"};
    for (const char *special : names) declare(special, 'w');
  }

  void parameter(const std::string &line) {
    const std::string type = ".param .u64 ";
    std::string name = line.back() == ',' ? strip(line.substr(0, line.size() - 1)) : line;
    if (!begins(name, type) || !is_name(name.substr(type.size()))) refuse("expected .param .u64");
    function_->parameters.push_back(declare(name.substr(type.size()), 'P'));
  }

  void threads(const std::string &text) {
    const auto sizes = split(text, ',');
    if (sizes.size() != 3 || whole(sizes[1]) != 1 || whole(sizes[2]) != 1) refuse("expected .maxntid N, 1, 1");
    function_->most_threads = unsigned(whole(sizes[0]));
  }

  void registers(const std::string &text) {
    const size_t space = text.find(' ');
    const std::string type = text.substr(0, space);
    const char kind = type == ".pred" ? 'p' : type == ".b32" ? 'w' : type == ".b64" ? 'd' : 0;
    if (!kind) refuse("registers of the type '" + type + "'");
    for (const auto &name : split(text.substr(space + 1), ',')) {
      const size_t open = name.find('<');
      if (name[0] != '%') refuse("'" + name + "' is no register");
      if (open == std::string::npos) {
        declare(name, kind);
        continue;
      }
      const uint64_t count = whole(name.substr(open + 1, name.size() - open - 2));
      for (uint64_t k = 0; k < count; ++k) declare(name.substr(0, open) + std::to_string(k), kind);
    }
  }

  void shared(const std::string &text) {
    const std::string type = ".align 8 .b8 ";
    const size_t open = text.find('[');
    if (!begins(text, type) || open == std::string::npos || text.back() != ']')
      refuse("shared memory of another type");
    if (function_->shared_size) refuse("a second array in shared memory");
    shared_name_ = text.substr(type.size(), open - type.size());
    function_->shared_size = whole(text.substr(open + 1, text.size() - open - 2));
    if (function_->shared_size > 48 * 1024) refuse("more than 48 KiB of shared memory");
  }

  void label(const std::string &name) {
    if (!is_name(name) || !labels_.emplace(name, int(function_->code.size())).second) refuse("the label '" + name + "'");
  }

  void instruction(std::string text, int line) {
    Instruction made;
    made.line = line;
    if (text[0] == '@') {
      const size_t space = text.find(' ');
      made.negated = text[1] == '!';
      made.guard = operand(text.substr(1 + made.negated, space - 1 - made.negated), 'p');
      text = strip(text.substr(space));
    }
    const size_t space = std::min(text.find(' '), text.size());
    const std::string name = text.substr(0, space);
    const auto operands = split(text.substr(std::min(space + 1, text.size())), ',');
    if (name == "ret" && operands.empty()) {
      made.flow = Flow::end;
    } else if (name == "bar.sync" && operands.size() == 1 && operands[0] == "0") {
      made.flow = Flow::barrier;
    } else if (name == "bra" && operands.size() == 1) {
      made.flow = Flow::branch;
      branches_.emplace_back(function_->code.size(), operands[0]);
    } else {
      plain(name, operands, made);
    }
    function_->code.push_back(made);
  }

  std::unique_ptr<Function> finish() {
    for (const auto &[at, label] : branches_) {
      const auto found = labels_.find(label);
      if (found == labels_.end()) refuse("there is no label '" + label + "'");
      function_->code[at].target = found->second;
    }
    if (function_->code.empty() || function_->code.back().flow != Flow::end) refuse("the function does not end with ret");
    return std::move(function_);
  }

 private:
  int declare(const std::string &name, char kind) {
    const int number = int(function_->registers.size());
    if (!names_.emplace(name, number).second) refuse("'" + name + "' is declared twice");
    function_->registers.push_back({kind, 0});
    return number;
  }

  void plain(const std::string &name, const std::vector<std::string> &operands, Instruction &made) {
    made.mnemonic = mnemonic(name);
    if (!made.mnemonic) refuse("the instruction '" + name + "' is not known");
    const std::string kinds = made.mnemonic->operands;
    if (operands.size() != kinds.size()) refuse(name + " has " + std::to_string(operands.size()) + " operands");
    for (size_t k = 0; k < kinds.size(); ++k) {
      const bool is_result = k == 0 && kinds[0] != 'a';
      made.operands[k] = kinds[k] == 'a' ? address(operands[k], made.offset) : operand(operands[k], kinds[k], is_result);
    }
  }

  // A register, a constant, a parameter or the address of shared memory.
  int operand(const std::string &text, char kind, bool is_result = false) {
    if (kind == 'P') {
      if (text.size() < 3 || text[0] != '[' || text.back() != ']') refuse("'" + text + "' is no parameter");
      return registered(text.substr(1, text.size() - 2), kind);
    }
    if (text[0] == '%') {
      const int number = registered(text, kind);
      if (is_result && number < specials) refuse(text + " cannot be written");
      return number;
    }
    if (is_result || kind == 'p') refuse("'" + text + "' is no register");
    if (kind == 'd' && text == shared_name_) return constant(0, 'd');
    if (begins(text, "0f") || begins(text, "0d")) {
      const size_t digits = text[1] == 'f' ? 8 : 16;
      if ((kind == 'w') != (digits == 8) || text.size() != digits + 2) refuse("'" + text + "' has another width");
      return constant(strtoull(text.c_str() + 2, nullptr, 16), kind);
    }
    const uint64_t value = whole(text);
    if (kind == 'w' && value >> 32) refuse("'" + text + "' has more than 32 bits");
    return constant(value, kind);
  }

  int registered(const std::string &name, char kind) {
    const auto found = names_.find(name);
    if (found == names_.end()) refuse("'" + name + "' is not declared");
    if (function_->registers[found->second].kind != kind) refuse("'" + name + "' has another type");
    return found->second;
  }

  int address(const std::string &text, int64_t &offset) {
    if (text.size() < 3 || text[0] != '[' || text.back() != ']') refuse("'" + text + "' is no address");
    const std::string inner = text.substr(1, text.size() - 2);
    const size_t plus = inner.find('+');
    if (plus != std::string::npos) offset = int64_t(whole(inner.substr(plus + 1)));
    return registered(inner.substr(0, plus), 'd');
  }

  int constant(uint64_t value, char kind) {
    const auto [found, is_new] = constants_.emplace(std::make_pair(value, kind), int(function_->registers.size()));
    if (is_new) {
      function_->registers.push_back({kind, value});
      function_->constants.push_back(found->second);
    }
    return found->second;
  }

  std::unique_ptr<Function> function_;
  std::map<std::string, int> names_, labels_;
  std::map<std::pair<uint64_t, char>, int> constants_;
  std::vector<std::pair<size_t, std::string>> branches_;
  std::string shared_name_;
};

// Reads the lines of a module, with the state of what they are part of.
class Lines {
 public:
  explicit Lines(Module &module) : module_(module) {}

  void add(const std::string &line, int number) {
    const std::string entry = ".visible .entry ";
    if (line.empty()) return;
    if (!reader_) {
      if (line == ".version 8.0" || line == ".target sm_80" || line == ".address_size 64") {
        ++headers_;
      } else if (headers_ == 3 && begins(line, entry) && line.back() == '(') {
        reader_ = std::make_unique<Reader>(line.substr(entry.size(), line.size() - entry.size() - 1));
        place_ = Place::parameters;
      } else {
        refuse("expected a function");
      }
    } else if (place_ == Place::parameters) {
      if (line == ")") place_ = Place::limits;
      else reader_->parameter(line);
    } else if (place_ == Place::limits) {
      if (line == "{") place_ = Place::body;
      else if (begins(line, ".maxntid ")) reader_->threads(line.substr(9));
      else if (line != ".minnctapersm 1") refuse("expected a body");
    } else {
      body(line, number);
    }
  }

  void finish() const {
    if (reader_ || module_.functions.empty()) refuse("the text ends too early");
  }

 private:
  enum class Place { parameters, limits, body };

  void body(const std::string &line, int number) {
    if (line == "}") {
      module_.functions.push_back(reader_->finish());
      reader_.reset();
    } else if (line.back() == ':') {
      reader_->label(line.substr(0, line.size() - 1));
    } else if (line.back() != ';') {
      refuse("expected ';'");
    } else {
      const std::string text = strip(line.substr(0, line.size() - 1));
      if (begins(text, ".reg ")) reader_->registers(strip(text.substr(5)));
      else if (begins(text, ".shared ")) reader_->shared(strip(text.substr(8)));
      else reader_->instruction(text, number);
    }
  }

  Module &module_;
  std::unique_ptr<Reader> reader_;
  Place place_ = Place::parameters;
  int headers_ = 0;
};

}  // namespace

std::unique_ptr<Module> parse(const std::string &text, std::string &error) {
  auto module = std::make_unique<Module>();
  Lines lines(*module);
  std::stringstream stream(text);
  int number = 0;
  std::string line;
  try {
    while (std::getline(stream, line)) {
      ++number;
      lines.add(strip(line), number);
    }
    lines.finish();
  } catch (const std::runtime_error &why) {
    error = "line " + std::to_string(number) + " of the PTX, '" + strip(line) + "': " + why.what();
    return nullptr;
  }
  return module;
}

}  // namespace emu::ptx
