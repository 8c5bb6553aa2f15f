#!/usr/bin/env bash
# Confirms on a machine with an NVIDIA GPU what was tested without one, and times it: runs the tests that need a GPU, then
# the construction of PD14, and COBA with native kernels and with their references. A log lies in benches/results/gpu.
#   benches/gpu_check.sh           builds a wheel with CUDA kernels and an environment for it, .venv-gpu
#   benches/gpu_check.sh PYTHON    takes an interpreter that has such a wheel, JAX for CUDA and the extra `test`
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv-gpu/bin/python}
log=benches/results/gpu/$(date +%Y-%m-%d).txt
mkdir -p "$(dirname "$log")"

build() {
  make cuda
  make wheel
  "${PYTHON:-python3}" -m venv .venv-gpu
  "$python" -m pip install --quiet "$(ls -t dist/*-cp*.whl | head -1)[cuda,test]"
}

tests() { REQUIRE_GPU=1 "$python" -m pytest -m gpu tests/gpu -q; }

timings() {
  for scale in 0.1 1; do "$python" -m benches.gpu_build "$scale"; done
  for native in 1 0; do
    for size in 4000 40000 400000; do SPIKELOOP_NATIVE=$native "$python" -m benches.gpu_coba "$size"; done
  done
}

{
  git log -1 --format='commit %h %cs' || true # a copy may have no history
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  [ $# -gt 0 ] || build
  "$python" -m spikeloop info
  tests
  timings
} 2>&1 | tee "$log"
