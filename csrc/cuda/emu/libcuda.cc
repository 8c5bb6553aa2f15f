// A CUDA driver whose GPU is the emulation: built as libcuda.so.1 against NVIDIA's cuda.h, so that signatures agree. It
// refuses what a real driver refuses, and writes down what it was asked for.
#include <cuda.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emu/kernel.h"
#include "emu/memory.h"

namespace {

constexpr uint32_t FATBIN = 0xba55ed50u;
constexpr char NO_KERNELS[] = "no kernels";  // the image of a build without nvcc: tests need none
constexpr int MULTIPROCESSORS = 2, CAPABILITY[] = {9, 0};
constexpr size_t SHARED_LIMIT = 48 << 10;

struct Function {
  const emu::Kernel *kernel;
  CUcontext context;
};
struct Loaded {
  std::unique_ptr<emu::Module> own;  // null for the compiled kernels
  CUcontext context;
  const emu::Module &kernels() const { return own ? *own : emu::compiled(); }
};

std::recursive_mutex lock;
std::set<Loaded *> modules;
std::set<Function *> functions;
std::string journal;  // a line for each command: what a graph would hold
bool capturing;
thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
thread_local std::vector<CUcontext> contexts;

using Lock = std::lock_guard<std::recursive_mutex>;

CUcontext context(uintptr_t number) { return reinterpret_cast<CUcontext>(number); }

// Threads begin with context 1; a stream of context k has a number from k · 256 on.
CUcontext current() { return contexts.empty() ? context(1) : contexts.back(); }
CUcontext context_of(CUstream stream) {
  return stream ? context(reinterpret_cast<uintptr_t>(stream) >> 8) : current();
}

CUresult refuse(const std::string &why) {
  fprintf(stderr, "fake CUDA driver: %s\n", why.c_str());
  return CUDA_ERROR_INVALID_VALUE;
}

uint64_t hash_of(const std::vector<char> &bytes) {
  uint64_t hash = 1469598103934665603ull;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ull;
  return hash;
}

// The bytes that `extra` names.
std::vector<char> buffer_of(void **extra) {
  const char *data = nullptr;
  size_t size = 0;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) data = static_cast<const char *>(extra[1]);
    if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) size = *static_cast<size_t *>(extra[1]);
  }
  return {data, data + size};
}

// Where each parameter stands in the buffer; false if its size is not theirs.
bool place(const emu::Kernel &kernel, std::vector<char> &buffer, std::vector<void *> &args) {
  size_t at = 0;
  for (size_t size : kernel.sizes) {
    const size_t align = size < 8 ? size : 8;
    at = (at + align - 1) / align * align;
    args.push_back(buffer.data() + at);
    at += size;
  }
  return at == buffer.size();
}

CUresult launch(const Function &function, dim3 grid, dim3 block, unsigned shared, CUstream stream, void **extra) {
  const std::string &name = function.kernel->name;
  if (function.context != context_of(stream) || function.context != current()) return CUDA_ERROR_INVALID_CONTEXT;
  if (!grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z) return refuse(name + ": a launch of nothing");
  if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535) return refuse(name + ": the grid is too large");
  if (size_t(block.x) * block.y * block.z > 1024 || block.z > 64) return refuse(name + ": the block is too large");
  if (shared > SHARED_LIMIT) return refuse(name + ": more than 48 KiB of shared memory");
  std::vector<char> buffer = buffer_of(extra);
  std::vector<void *> args;
  if (!place(*function.kernel, buffer, args))
    return refuse(name + ": " + std::to_string(buffer.size()) + " bytes of parameters, which are not its own");
  char line[96];
  snprintf(line, sizeof line, " grid %u %u %u block %u stream %p params %016llx\n", grid.x, grid.y, grid.z, block.x,
           static_cast<void *>(stream), static_cast<unsigned long long>(hash_of(buffer)));
  journal += name + line;
  const emu::Open open;
  if (!function.kernel->whole) {
    emu::launch(*function.kernel, grid, block, shared, args.data());
    return CUDA_SUCCESS;
  }
  const std::string error = function.kernel->whole(grid, block, args.data());
  if (!error.empty()) fprintf(stderr, "fake CUDA driver: %s: %s\n", name.c_str(), error.c_str());
  return error.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}

void write_log(const std::string &text, unsigned n, const CUjit_option *options, void **values) {
  for (unsigned k = 0; k + 1 < n; ++k)
    if (options[k] == CU_JIT_ERROR_LOG_BUFFER && options[k + 1] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      snprintf(static_cast<char *>(values[k]), reinterpret_cast<size_t>(values[k + 1]), "%s", text.c_str());
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) { return CUDA_SUCCESS; }

CUresult cuGetErrorName(CUresult error, const char **out) {
  switch (error) {
    case CUDA_ERROR_INVALID_VALUE: *out = "CUDA_ERROR_INVALID_VALUE"; break;
    case CUDA_ERROR_INVALID_PTX: *out = "CUDA_ERROR_INVALID_PTX"; break;
    case CUDA_ERROR_LAUNCH_FAILED: *out = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case CUDA_ERROR_INVALID_IMAGE: *out = "CUDA_ERROR_INVALID_IMAGE"; break;
    case CUDA_ERROR_INVALID_CONTEXT: *out = "CUDA_ERROR_INVALID_CONTEXT"; break;
    case CUDA_ERROR_NOT_FOUND: *out = "CUDA_ERROR_NOT_FOUND"; break;
    case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED: *out = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; break;
    default: *out = nullptr;
  }
  return *out ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuCtxGetDevice(CUdevice *device) {
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = MULTIPROCESSORS; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = CAPABILITY[0]; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = CAPABILITY[1]; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *out) {
  *out = current();
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext pushed) {
  contexts.push_back(pushed);
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext *out) {
  if (contexts.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *out = contexts.back();
  contexts.pop_back();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext *out) {
  *out = context_of(stream);
  return CUDA_SUCCESS;
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *exchanged) {
  std::swap(mode, *exchanged);
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned n, CUjit_option *options, void **values) {
  const Lock hold(lock);
  if (capturing && mode != CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  uint32_t magic = 0;
  memcpy(&magic, image, sizeof magic);
  std::unique_ptr<emu::Module> own;
  if (magic != FATBIN && strcmp(static_cast<const char *>(image), NO_KERNELS) != 0) {
    std::string error = "no interpreter of PTX is linked";
    if (emu::load_ptx) own = emu::load_ptx(static_cast<const char *>(image), &error);
    if (!own) {
      write_log(error, n, options, values);
      return CUDA_ERROR_INVALID_PTX;
    }
  }
  auto *loaded = new Loaded{std::move(own), current()};
  modules.insert(loaded);
  *out = reinterpret_cast<CUmodule>(loaded);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule module, const char *name) {
  const Lock hold(lock);
  auto *loaded = reinterpret_cast<Loaded *>(module);
  if (!modules.count(loaded)) return CUDA_ERROR_INVALID_HANDLE;
  const emu::Kernel *kernel = loaded->kernels().find(name);
  if (!kernel) return CUDA_ERROR_NOT_FOUND;
  auto *function = new Function{kernel, loaded->context};
  functions.insert(function);
  *out = reinterpret_cast<CUfunction>(function);
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                        unsigned shared, CUstream stream, void **params, void **extra) {
  const Lock hold(lock);
  auto *function = reinterpret_cast<Function *>(f);
  if (!functions.count(function)) return CUDA_ERROR_INVALID_HANDLE;
  if (params || !extra) return refuse("parameters must be given as a buffer");
  return launch(*function, {gx, gy, gz}, {bx, by, bz}, shared, stream, extra);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream) {
  const Lock hold(lock);
  journal += "copy " + std::to_string(bytes) + "\n";
  emu::write(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
  return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream) {
  const Lock hold(lock);
  journal += "fill " + std::to_string(bytes) + "\n";
  const emu::Open open;
  memset(reinterpret_cast<void *>(to), value, bytes);
  return CUDA_SUCCESS;
}

// What tests ask for.
const char *fake_journal() { return journal.c_str(); }
void fake_forget() { journal.clear(); }
void fake_seed(uint64_t seed) { emu::set_seed(seed); }
void fake_capture(bool on) { capturing = on; }
void *fake_allocate(size_t bytes) { return emu::allocate(bytes); }
void fake_free_all() { emu::free_all(); }
void fake_write(void *to, const void *from, size_t bytes) { emu::write(to, from, bytes); }
void fake_read(void *to, const void *from, size_t bytes) { emu::read(to, from, bytes); }

}  // extern "C"
