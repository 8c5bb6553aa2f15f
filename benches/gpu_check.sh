#!/usr/bin/env bash
# Confirms on a machine with an NVIDIA GPU what was tested without one, and times it: builds a wheel with CUDA kernels,
# runs the tests that need a GPU, then COBA with native kernels and with their references. A log lies in benches/results/gpu.
#   benches/gpu_check.sh [FOLDER]      FOLDER: the environment to make, .venv-gpu if not given
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv-gpu}
python=$venv/bin/python
log=benches/results/gpu/$(date +%Y-%m-%d).txt
mkdir -p "$(dirname "$log")"

build() {
  make cuda
  make wheel
  "${PYTHON:-python3}" -m venv "$venv"
  "$python" -m pip install --quiet "$(ls -t dist/*-cp*.whl | head -1)[cuda,test]"
}

tests() { REQUIRE_GPU=1 "$python" -m pytest -m gpu tests/gpu -q; }

timings() {
  for native in 1 0; do
    for size in 4000 40000 400000; do SPIKELOOP_NATIVE=$native "$python" -m benches.gpu_coba "$size"; done
  done
}

{
  git log -1 --format='commit %h %cs'
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  build
  "$python" -m spikeloop info
  tests
  timings
} 2>&1 | tee "$log"
