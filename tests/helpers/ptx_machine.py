"""Runs the PTX of step programs by the interpreter of csrc/cuda/emu, which is compiled when it is first needed."""

import contextlib
import ctypes
import os
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

THREADS, CHUNK = 128, 1024  # of a block, lanes whose sum is taken apart
SOURCES = [f"ptx_{name}.cc" for name in ("parse", "mnemonics", "run", "test")]


class Refused(Exception):
    """What the interpreter does not run."""


@cache
def library():
    """The interpreter."""
    folder = Path(__file__).parents[2] / "csrc/cuda/emu"
    fast = ["-mfma", "-msse4.1"] if platform.machine() == "x86_64" else []
    with tempfile.TemporaryDirectory() as out:
        flags = ["-std=c++17", "-O3", *fast, "-ffp-contract=off", "-fPIC", "-shared", "-o", f"{out}/ptx.so"]
        subprocess.run([os.environ.get("CXX", "c++"), *flags, *(folder / name for name in SOURCES)], check=True)
        made = ctypes.CDLL(f"{out}/ptx.so")
    made.ptx_parse.restype, made.ptx_run.restype = ctypes.c_void_p, ctypes.c_bool
    made.ptx_free.argtypes = [ctypes.c_void_p]
    text = [ctypes.c_char_p, ctypes.c_size_t]
    launch = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint), ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t]
    made.ptx_parse.argtypes = [ctypes.c_char_p, *text]
    made.ptx_run.argtypes = [ctypes.c_void_p, *launch, *text]
    return made


class Text:
    """A text that is understood."""

    def __init__(self, text):
        error = ctypes.create_string_buffer(512)
        self.module = library().ptx_parse(text.encode(), error, len(error))
        if not self.module:
            raise Refused(error.value.decode())

    def __del__(self):
        if getattr(self, "module", None):
            library().ptx_free(self.module)

    def launch(self, name, grid, params, threads=THREADS):
        """Run a kernel; parameters are words of 64 bits."""
        error, words = ctypes.create_string_buffer(512), np.array(params, np.uint64)
        blocks = (ctypes.c_uint * 2)(*grid)
        place = words.ctypes.data, words.nbytes
        if not library().ptx_run(self.module, name.encode(), blocks, threads, *place, error, len(error)):
            raise Refused(error.value.decode())


def aligned(x):
    """A copy, aligned as XLA's buffers."""
    x = np.ascontiguousarray(x)
    memory = np.empty(x.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    out = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    out[...] = x
    return out


def letters(call, shape):
    """How the operands of a call are laid out, and its sums, as `program_ptx` takes them."""
    kinds = {(*shape[:-1], 1): "r", shape[-1:]: "n", shape: "f"}
    of = lambda x: "u" if x.size == 1 and x.shape != shape else kinds[x.shape]  # noqa: E731
    sums = call.results[len(call.program.outs) :]
    return "".join(map(of, call.operands)), "".join("u" if x.shape in ((), (1,)) else "r" for x in sums)


def run(text, call, shape, grid=(3, 2)):
    """The results of a call on so many blocks, which change nothing but who computes what."""
    module, (operands, sums) = Text(text), letters(call, shape)
    has_rows = {*"rn"} & {*operands} or "r" in sums
    rows, lanes = (int(np.prod(shape[:-1])), shape[-1]) if has_rows else (1, int(np.prod(shape)))
    arrays = [aligned(x) for x in call.operands]
    results = [aligned(np.full(x.shape, np.nan, x.dtype)) for x in call.results]
    for k, operand in call.aliases.items():
        at = call.program.operands.index(operand)
        results[k] = arrays[at] if arrays[at].shape == results[k].shape else results[k]
    outs = len(call.program.outs)
    scratch = [aligned(np.full(rows * -(-lanes // CHUNK) * len(sums), np.nan, call.results[0].dtype))] if sums else []
    address = lambda arrays: [x.ctypes.data for x in arrays]  # noqa: E731
    grid = (grid[0], grid[1] if has_rows and not sums else 1)  # blocks in y are for rows
    module.launch("program", grid, [lanes, rows, *address([*arrays, *results[:outs], *scratch])])
    if sums:
        module.launch("program_total", (2, len(sums)), [lanes, rows, *address([*scratch, *results[outs:]])])
    return results


@contextlib.contextmanager
def flushing():
    """Flush subnormal numbers to zero in this thread, as XLA does in those that it runs kernels in."""
    if platform.machine() != "x86_64":
        yield
        return
    libm, saved, changed = ctypes.CDLL("libm.so.6"), (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(saved)
    libm.fegetenv(changed)
    changed[7] |= 0x8040  # the register of SSE
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(saved)
