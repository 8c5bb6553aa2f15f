#!/usr/bin/env bash
# Confirms on a machine with an NVIDIA GPU what was tested without one, and times it: runs the tests that need a GPU, then
# the construction of PD14, and COBA with native kernels and with their references. A log lies in benches/results/gpu.
#   benches/gpu_check.sh           builds a wheel with CUDA kernels and an environment for it, .venv-gpu
#   benches/gpu_check.sh PYTHON    takes an interpreter that has such a wheel, JAX for CUDA and the extra `test`
# For a machine that has JAX for CUDA, but neither Rust nor a network:
#   make cuda && make wheel PYTHON=python3.12    on another machine, with the Python of that one
#   benches/gpu_check.sh gather FOLDER           there too: puts the wheel and what else is needed, but JAX, into FOLDER
#   python3 -m pip install --no-index --no-deps --target SITE FOLDER/*.whl && PYTHONPATH=SITE benches/gpu_check.sh python3
set -euo pipefail
cd "$(dirname "$0")/.."
newest_wheel() { ls -t dist/*-cp*.whl | head -1; }

if [ "${1:-}" = gather ]; then
  mkdir -p "$2"
  cp "$(newest_wheel)" "$2"
  .venv/bin/python -m pip download --quiet --only-binary=:all: --dest "$2" "$(newest_wheel)" 'pytest>=8.3' 'pytest-timeout>=2.3'
  rm -f "$2"/{jax,jaxlib,ml_dtypes,numpy,scipy}-*.whl # JAX brings them
  exit
fi

python=${1:-.venv-gpu/bin/python}
log=benches/results/gpu/$(date +%Y-%m-%d).txt
mkdir -p "$(dirname "$log")"

build() {
  make cuda
  make wheel
  "${PYTHON:-python3}" -m venv .venv-gpu
  "$python" -m pip install --quiet "$(newest_wheel)[cuda,test]"
}

tests() { REQUIRE_GPU=1 "$python" -m pytest -m gpu tests/gpu -q; }

timings() {
  for scale in 0.1 1; do "$python" -m benches.gpu_build "$scale"; done
  for kernels in native reference; do
    for size in 4000 40000 400000; do "$python" -m benches.gpu_coba "$size" "$kernels"; done
  done
}

{
  git log -1 --format='commit %h %cs' || true # a copy may have no history
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  [ $# -gt 0 ] || build
  "$python" -m spikeloop info
  tests || failed=1 # timings come all the same
  timings
  [ -z "${failed:-}" ]
} 2>&1 | tee "$log"
