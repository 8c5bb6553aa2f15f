# Everything that a user, a contributor or CI runs. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
PEERS ?= .venv-peers
TORCH ?= .venv-torch
# pytest's own options, e.g. make test-python PYTEST="-k lif"
PYTEST ?=
BENCH ?=

BIN := $(VENV)/bin
PY := $(BIN)/python
# On Linux zig links, against the glibc of 2018, so that the wheel runs wherever jax does.
PORTABLE := $(if $(filter Linux,$(shell uname)),--zig --compatibility manylinux_2_28)
# The wheel of this interpreter: one for CPython 3.11, one with the stable ABI for 3.12 and later.
WHEEL = $$(echo dist/*-$$($(PY) -c 'import sys; print("cp312-abi3" if sys.version_info >= (3, 12) else "cp311-cp311")')-*.whl)
# The native crate compiles against this interpreter, also outside maturin.
export PYO3_PYTHON := $(abspath $(PY))

NATIVE := Cargo.toml Cargo.lock pyproject.toml $(shell find rust csrc -type f -not -path 'csrc/cuda/*')
SOURCES := $(NATIVE) $(shell find python -name '*.py' -o -name '*.pyi' -o -name py.typed)

# The CUDA kernels, which the library embeds from the first `make cuda` on.
FATBIN := target/cuda/kernels.fatbin
EMBEDDED := $(wildcard $(FATBIN))
export SPIKELOOP_FATBIN := $(abspath $(EMBEDDED))
KERNELS := $(wildcard csrc/cuda/*.cu csrc/cuda/*.cuh)
EMULATION := $(KERNELS) $(wildcard csrc/cuda/emu/*)
CUDA_INCLUDE = $$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13/include

.DEFAULT_GOAL := help
.PHONY: help demo develop test test-rust test-python test-peers test-torch test-cuda cuda bench lint format docs wheel sdist clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.plot ## install into .venv, simulate a network of 4,000 neurons, write raster.png
	$(PY) -m spikeloop demo

develop: $(VENV)/.build ## install in place: Python edits take effect at once, native ones after another `make develop`
	rm -f $(VENV)/.wheel
	$(BIN)/maturin develop --release --quiet --extras plot,test

test: test-rust test-python ## all tests, against the installed wheel

test-rust: ## tests of the Rust crates
	cargo test --locked --workspace --exclude spikeloop-native

test-python: $(VENV)/.test ## Python tests, against the installed wheel
	$(PY) -m pytest $(PYTEST)

test-peers: $(VENV)/.test $(PEERS)/.installed ## tests against NEST, Brian2 and brainpy.state, which get .venv-peers
	SPIKELOOP_PEERS_PYTHON=$(abspath $(PEERS)/bin/python) $(PY) -m pytest tests/peers $(PYTEST)

test-torch: $(VENV)/.test $(TORCH)/.installed ## tests against snnTorch and Norse, which get .venv-torch
	SPIKELOOP_TORCH_PYTHON=$(abspath $(TORCH)/bin/python) $(PY) -m pytest tests/peers/test_nir.py $(PYTEST)

test-cuda: $(VENV)/.test target/cuda/emu/libcuda.so.1 target/cuda/asan/libcuda.so.1 ## the CUDA kernels, on an emulated GPU
	.ci/test_cuda.sh $(PY) $(CUDA_INCLUDE)

cuda: $(FATBIN) ## compile the CUDA kernels with nvcc, from the path or from PyPI; wheels built afterwards embed them

bench: $(VENV)/.bench ## time the scenes of benches/ on this machine
	$(PY) -m benches.run $(BENCH)

lint: $(VENV)/.check $(VENV)/.build $(VENV)/.deps ## ruff, rustfmt, clippy, pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/pyright --pythonpath $(PY)

format: $(VENV)/.check ## rewrite the sources as lint wants them
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	cargo fmt --all

docs: $(VENV)/.docs $(VENV)/.test ## run the code of every page and example, then build the site
	$(PY) -m pytest docs examples
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: $(VENV)/.built ## a wheel in dist/ for this Python, for Linux from glibc 2.28 on
	@ls -l $(WHEEL)

sdist: $(VENV)/.build ## a source distribution in dist/
	$(BIN)/maturin sdist --out dist

clean: ## remove everything that this file makes
	rm -rf $(VENV) $(PEERS) $(TORCH) dist site target raster.png
	find python -name '*.so' -delete

$(PY):
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade 'pip>=25.1'

# Build tools, and checkers in the versions that pyproject.toml pins.
$(VENV)/.build $(VENV)/.check $(VENV)/.cuda: $(VENV)/.%: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --group $*
	@touch $@

# What the package and its tests import, without the package: enough for pyright.
$(VENV)/.deps: pyproject.toml | $(PY)
	$(PY) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*p["dependencies"], *p["optional-dependencies"]["test"], sep="\n")' > $@.txt
	$(PY) -m pip install --quiet --requirement $@.txt
	@touch $@

$(FATBIN): $(KERNELS) csrc/cuda/compile.py | $(VENV)/.cuda
	$(PY) csrc/cuda/compile.py $@

target/cuda/emu/libcuda.so.1: $(EMULATION) | $(VENV)/.cuda
	csrc/cuda/emu/build.sh $(@D) $(CUDA_INCLUDE)

target/cuda/asan/libcuda.so.1: $(EMULATION) | $(VENV)/.cuda
	csrc/cuda/emu/build.sh $(@D) $(CUDA_INCLUDE) address

$(VENV)/.built: $(SOURCES) $(EMBEDDED) | $(VENV)/.build
	$(PY) .ci/sbom.py target/spikeloop.cdx.json
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build --release --quiet --interpreter $(PY) --out dist \
	  --sbom-include target/spikeloop.cdx.json $(PORTABLE)
	@touch $@

$(VENV)/.wheel: $(VENV)/.built | $(PY)
	$(PY) -m pip install --quiet --force-reinstall --no-deps $(WHEEL)
	@touch $@

$(PEERS)/.installed: tests/peers/requirements.txt benches/requirements-brainpy.txt benches/requirements-brian2.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --requirement $<
	@touch $@

$(TORCH)/.installed: benches/requirements-torch.txt
	$(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/pip install --quiet --requirement $<
	@touch $@

# An extra: the wheel (installed above, so already satisfied) with what the extra adds.
$(VENV)/.plot $(VENV)/.test $(VENV)/.bench $(VENV)/.docs: $(VENV)/.%: $(VENV)/.wheel
	$(PY) -m pip install --quiet "$(WHEEL)[$*]"
	@touch $@
