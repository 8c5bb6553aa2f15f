#!/usr/bin/env bash
# test_cuda.sh PYTHON INCLUDE: the CUDA handlers and kernels on an emulated GPU. INCLUDE has NVIDIA's cuda.h.
#   1. frames as XLA builds them: CPU and GPU agree; networks spike for spike; planted faults are found by sanitizers
#   2. the same frames under AddressSanitizer and UndefinedBehaviorSanitizer
#   3. the tests of the kernels through JAX, with the CUDA handlers in XLA programs
# SPIKELOOP_ORDERS=N: so many orders of threads and blocks, 2 by default.
set -euo pipefail
python=$1
export SPIKELOOP_CUDA_INCLUDE=$2
# What XLA compiles is small and runs once: its optimiser is off.
XLA_FLAGS=$("$python" tests/helpers/quick_xla.py)
export XLA_FLAGS
frames=$(echo tests/cuda/test_{connect,event,exact_sums,history,joined,plastic,procedural,products,program,queue,random,record}.py)
through_jax=$(echo tests/kernels/test_{eligibility,event,plastic,random,record,ring,spike_queue}.py)
run() { "$python" -m pytest -q -p no:cacheprovider --timeout 600 "$@"; }

# The second order of threads is that of the sanitizers below.
SPIKELOOP_LIBCUDA=$PWD/target/cuda/emu/libcuda.so.1 run -n 2 --confcutdir=tests/cuda tests/cuda \
  -k "not seed1"

# Under the sanitizers, large calls and those of plasticity and drawn rows are of one type of floats and of indices: kernels
# are templates, whose results were compared above for all types. Weights are drawn by one function for all rules. Of the
# builders, those of nearly all rules run in one call.
large="(1000-300 or 700-300 or 600-300 or test_plastic or test_procedural)"
again="($large and (float64 or uint32) or all_to_all and (weight1 or weight2 or weight3) or delay1-1000000-20000)"
again="($again or test_connect and not (64 and (test_blocks or seed1-lists or seed1-all or OneToOne)))"
# pytest itself is not instrumented, so the runtime of the sanitizer has to come first, and with it that of C++, whose
# exceptions JAX raises. A leak is one of the interpreter.
runtimes="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 LD_PRELOAD=$runtimes \
  SPIKELOOP_LIBCUDA=$PWD/target/cuda/asan/libcuda.so.1 run --confcutdir=tests/cuda $frames \
  -k "not seed0 and not compiled_functions and not $again"

SPIKELOOP_LIBCUDA=$PWD/target/cuda/emu/libcuda.so.1 PYTHONPATH=tests/helpers run -n 2 -p emulated_cuda -m "not cpu" $through_jax
