#!/usr/bin/env bash
# Confirms on a machine with an NVIDIA GPU what was tested without one, and times it, within ten minutes: kernels and
# networks beside those of the CPU, times of steps and of PD14's construction, all models, and, where CUDA's
# compute-sanitizer is there, kernels under it. A log lies in benches/results/gpu; what fails does not keep the rest.
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

machine() {
  git log -1 --format='commit %h %cs' || true # a copy may have no history
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  "$python" -m spikeloop info
}

tests() { REQUIRE_GPU=1 "$python" -m pytest -p no:cacheprovider -m gpu -q --tb=short --maxfail=10 "$@"; }
kernels() { tests tests/gpu/test_gpu.py; }
models() { tests tests/gpu/test_programs.py; }

step() { "$python" -m benches.gpu_step "$@"; }
steps() { # what matters most comes first
  for size in 4000 40000 400000; do step COBA "$size"; done
  step PD14 1
  step COBA 4000000
  step BrunelSTDP 12500
  step PD14 0.1
  step COBA 4000 reference
}
construction() { for scale in 0.1 1; do "$python" -m benches.gpu_build "$scale"; done; }

memcheck() {
  command -v compute-sanitizer || { echo "no compute-sanitizer on the path" && return; }
  REQUIRE_GPU=1 XLA_PYTHON_CLIENT_PREALLOCATE=false compute-sanitizer --tool memcheck --error-exitcode 1 \
    "$python" -m pytest -p no:cacheprovider -q tests/gpu/test_gpu.py -k "a_kernel or synapses"
}

# part NAME SECONDS: runs it for so long at most, says how long it took, and takes note if it failed.
failed=
part() {
  local start=$SECONDS status=0
  echo "== $1"
  timeout "$2" bash -c "set -eo pipefail; $(declare -f "$1" tests step); python='$python'; $1" || status=$?
  echo "== $1: $((SECONDS - start)) s, status $status"
  [ $status = 0 ] || failed+=" $1"
}

{
  [ $# -gt 0 ] || build
  part machine 30
  part kernels 120
  part steps 200
  part construction 40
  part models 150
  part memcheck 60
  echo "failed:${failed:- none}"
  [ -z "$failed" ]
} 2>&1 | tee "$log"
