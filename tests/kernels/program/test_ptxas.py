"""NVIDIA's assembler takes the PTX of every model: nothing is spilled, and no stack is used.

`ptxas` is part of `pip install nvidia-cuda-nvcc==13.0.*`; it needs no GPU.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels.program._expand import EXPANSIONS
from spikeloop.kernels.program._ir import SIGNATURES

from tests.helpers import ptx_machine
from tests.helpers.program_calls import calls_of, operands_of, population, varied
from tests.models.test_neurons import ALL_NEURONS

DTYPES = {"f32": np.float32, "f64": np.float64}
GPUS = ["sm_80", "sm_90"]
# Uniform parameters of one row, and parameters of each neuron and row of a batch.
CASES = {"shared": ((5,), ("scalar",)), "own": ((3, 5), ("neuron", "row", "scalar"))}


def find_ptxas():
    if given := os.environ.get("SPIKELOOP_PTXAS"):
        return given
    if found := shutil.which("ptxas"):
        return found
    spec = find_spec("nvidia")
    folders = spec.submodule_search_locations or [] if spec else []
    return next((str(p) for folder in folders if (p := Path(folder) / "cu13/bin/ptxas").exists()), None)


@pytest.fixture(scope="module")
def ptxas():
    found = find_ptxas()
    if found is None:
        message = "there is no ptxas: pip install nvidia-cuda-nvcc==13.0.*, or set SPIKELOOP_PTXAS"
        (pytest.fail if os.environ.get("REQUIRE_PTXAS") == "1" else pytest.skip)(message)
    return found


def kernels(native, dtype):
    """The PTX of every model, and of its derivatives, by name."""
    sl.environ.set(precision=32 if dtype == "f32" else 64, dt=0.1 * u.ms)
    for cls in ALL_NEURONS:
        config, given = operands_of(*population(cls, 5))
        for case, (shape, kinds) in CASES.items():
            calls = calls_of(config, varied(config, given, shape, DTYPES[dtype], kinds))
            for mode, call in vars(calls).items():
                yield f"{cls.__name__}_{mode}_{case}", native.program_ptx(call.hash, *ptx_machine.letters(call, shape))


def one_text(kernels):
    """All kernels as one module."""
    parts = []
    for name, text in kernels:
        head, body = text.split(".address_size 64\n")
        parts.append(re.sub(r"\.entry program(_total)?\(", rf".entry {name}\1(", body))
    return head + ".address_size 64\n" + "".join(parts)


def assembled(ptxas, text, gpu, tmp_path, stack=False):
    """Registers of each kernel; fails where one needs a stack, unless it may."""
    file = tmp_path / "programs.ptx"
    file.write_text(text)
    command = [ptxas, "--verbose", f"--gpu-name={gpu}", "--output-file=/dev/null", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {}
    for part in done.stderr.split("Compiling entry function '")[1:]:
        name = part.split("'")[0]
        assert stack or "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in part, part
        found[name] = int(re.search(r"Used (\d+) registers", part)[1])
    return found


@pytest.fixture(scope="module")
def texts(native):
    return {dtype: dict(kernels(native, dtype)) for dtype in DTYPES}


@pytest.mark.slow
@pytest.mark.parametrize(("gpu", "dtype"), list(product(GPUS, DTYPES)))
def test_every_model_assembles_without_a_stack(ptxas, texts, gpu, dtype, tmp_path):
    # parameters of each neuron change the loads alone, which one GPU tells
    chosen = {name: text for name, text in texts[dtype].items() if gpu == GPUS[0] or name.endswith("_shared")}
    registers = assembled(ptxas, one_text(chosen.items()), gpu, tmp_path)
    assert {name.removesuffix("_total") for name in registers} == {*chosen}
    steps = {name: count for name, count in registers.items() if not name.endswith("_total")}
    print(f"\n{gpu} {dtype}:", ", ".join(f"{name} {count}" for name, count in sorted(steps.items())))
    assert max(steps.values()) < 255


TO_FLOAT = {"i": "float {0}", "b": "sel {0} 0 1", "f": "neg {0}"}


def every_operation(dtype):
    """A program of each operation on registers and constants in all places."""
    one = "3f800000" if dtype == "f32" else "3ff0000000000000"
    lines = ["in 0", f"const {one}", "gt 0 1", "bits 0", f"iconst {one}", "win 1"]
    values = {"f": (0, 1), "b": (2,), "i": (3, 4), "*": (3, 4), "w": (5,)}
    outs = []
    operands = ("in", "bin", "uin", "win")  # of which GPUs have no bits
    others = (*operands, "const", "iconst", "guard", "endguard", *EXPANSIONS)
    known = {op: signature for op, signature in SIGNATURES.items() if op not in others}
    for op, (*args, _, made) in known.items():
        for chosen in product(*(values[arg] for arg in args)):
            shift = " #5" if op in ("shl", "shr", "ushr", "draw") else ""
            lines.append(f"{op} {' '.join(map(str, chosen))}{shift}")
            lines.append(TO_FLOAT["i" if made == "*" else made].format(len(lines) - 1))
            outs.append(len(lines) - 1)
    numbered = [f"{k} = {line}" for k, line in enumerate(lines)]
    return "\n".join([f"program {dtype} inputs 2", *numbered, *(f"out {k}" for k in outs)])


@pytest.mark.parametrize("layout", ["u", "f"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_operation_assembles(ptxas, native, dtype, layout, tmp_path):
    text = native.program_ptx(native.program(every_operation(dtype)), layout + "u")
    assert assembled(ptxas, text, "sm_80", tmp_path, stack=True)


def test_what_is_no_ptx_is_refused(ptxas, tmp_path):
    text = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry x() { mov.b32 %f0, 1; }\n"
    with pytest.raises(AssertionError, match="%f0"):
        assembled(ptxas, text, "sm_80", tmp_path)
