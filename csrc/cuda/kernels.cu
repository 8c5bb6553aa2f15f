// All kernels: one fat binary.
#include "event.cu"
#include "gather.cu"
#include "queue.cu"
#include "random.cu"
#include "record.cu"
