// All kernels: one fat binary.
#include "event.cu"
#include "gather.cu"
#include "history.cu"
#include "plastic.cu"
#include "procedural.cu"
#include "queue.cu"
#include "random.cu"
#include "record.cu"
