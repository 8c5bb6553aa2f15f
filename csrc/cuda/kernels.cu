// All kernels: one fat binary.
#include "event.cu"
#include "random.cu"
