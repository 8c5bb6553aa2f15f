// The kernels of a PTX text, for the driver.
#include "emu/kernel.h"
#include "ptx.h"

namespace emu {
namespace {

struct Loaded : Module {
  std::unique_ptr<ptx::Module> text;
  std::vector<Kernel> kernels;
  const Kernel *find(const std::string &name) const override {
    for (const Kernel &kernel : kernels)
      if (kernel.name == name) return &kernel;
    return nullptr;
  }
};

Kernel kernel_of(const ptx::Function &function) {
  Kernel made;
  made.name = ptx::name_of(function);
  made.sizes.assign(ptx::parameters_of(function), sizeof(uint64_t));
  made.whole = [&function, count = made.sizes.size()](dim3 grid, dim3 block, void **args) -> std::string {
    if (grid.z != 1 || block.y != 1 || block.z != 1) return "a launch with more dimensions than the kernel has";
    std::vector<uint64_t> params;
    for (size_t k = 0; k < count; ++k) params.push_back(*static_cast<uint64_t *>(args[k]));
    const unsigned blocks[2] = {grid.x, grid.y};
    return ptx::run(function, blocks, block.x, params.data(), count * sizeof(uint64_t));
  };
  return made;
}

}  // namespace

std::unique_ptr<Module> load_ptx(const char *text, std::string *error) {
  auto made = std::make_unique<Loaded>();
  made->text = ptx::parse(text, *error);
  if (!made->text) return nullptr;
  for (const auto &function : made->text->functions) made->kernels.push_back(kernel_of(*function));
  return made;
}

}  // namespace emu
