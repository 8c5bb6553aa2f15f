"""The compiled library: found, registered with XLA, or missed aloud."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

from .._jax import register_target

PREFIX = "spikeloop."

try:
    if os.environ.get("SPIKELOOP_NATIVE", "1") == "0":
        raise ImportError("switched off by SPIKELOOP_NATIVE=0")
    native: Any = importlib.import_module("spikeloop._native")
    why_missing: str | None = None
except ImportError as error:
    native = None
    why_missing = str(error)

PLATFORMS = ("cpu", "cuda")  # those that native code is written for
targets: dict[str, tuple[str, ...]] = {}  # native name -> the platforms that have it, for sl.info()
_warned: set[str] = set()


def xla_name(target: str, platform: str) -> str:
    """What XLA calls the native code of a platform; platforms share no name, so that tests can run both on one."""
    return PREFIX + (target if platform == "cpu" else f"{platform}.{target}")


def _register() -> None:
    for platform in PLATFORMS:
        prefix = xla_name("", platform)
        for name, capsule in native.registrations(cuda=platform == "cuda").items():
            target = name.removeprefix(prefix)
            if platform == "cpu" or is_embedded(target):
                register_target(name, capsule, "cpu" if platform == "cpu" else "CUDA")
                targets[target] = (*targets.get(target, ()), platform)


def is_embedded(target: str) -> bool:
    """Whether the library holds what the CUDA handler of a target launches; step programs bring their own code."""
    return bool(native.cuda_targets()) or target == "program"


if native is not None:
    _register()


def has(target: str, platform: str = "cpu", kernel: str | None = None) -> bool:
    """Whether a platform that native code is written for has `target`, that of `kernel`; warns once if not."""
    if platform in targets.get(target, ()):
        return True
    reason, remedy = why_missing or "the installed library was built without it", _REMEDIES[platform]
    if platform == "cuda" and native is not None:
        reason = "it is not written for GPUs yet" if native.cuda_targets() else "the library was built without nvcc"
    fall_back(kernel or target, f"{reason}. {remedy}")
    return False


_REMEDIES = {
    "cpu": "Reinstall spikeloop, or build it with `pip install .` (needs a Rust toolchain and a C++17 compiler)",
    "cuda": "`sl.info()` lists what is native on GPUs, docs/gpu.md says how to build it",
}


def program_level() -> str:
    """What runs step programs on the CPU: `avx512`, `avx2`, `interpreter` or `xla`.

    Where there is no compiler of programs XLA compiles the reference, which is faster than the interpreter for nearly
    all models: that is for tests, who ask for it by `SPIKELOOP_JIT=0`.
    """
    asked = os.environ.get("SPIKELOOP_JIT")
    level = native.jit_level()
    return "xla" if asked == "xla" or (level == "interpreter" and asked != "0") else level


def fall_back(kernel: str, reason: str) -> None:
    """Take note, and tell once, that what could have run native runs as its reference."""
    tell_once(kernel, f"Kernel {kernel!r} runs as its JAX reference, several times slower: {reason}.")


def tell_once(what: str, message: str) -> None:
    """Warn of what is slower than it could be, and list it in `sl.info()`."""
    if what not in _warned:
        _warned.add(what)
        warnings.warn(message, RuntimeWarning, stacklevel=5)


def fallbacks() -> list[str]:
    """What was asked for and ran otherwise, such as kernels as their reference."""
    return sorted(_warned)
