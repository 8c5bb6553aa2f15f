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

PLATFORMS = ("cpu",)  # those that have native code
targets: dict[str, tuple[str, ...]] = {}  # native name -> the platforms that have it, for sl.info()
_warned: set[str] = set()


def _register() -> None:
    for name, capsule in native.registrations().items():
        register_target(name, capsule, "cpu")
        targets[name.removeprefix(PREFIX)] = ("cpu",)


if native is not None:
    _register()


def has(target: str, platform: str = "cpu", kernel: str | None = None) -> bool:
    """Whether a platform that has native code has `target`, that of `kernel`; warns once if it should but has not."""
    if platform in targets.get(target, ()):
        return True
    reason = why_missing or "the installed library was built without it"
    remedy = "Reinstall spikeloop, or build it with `pip install .` (needs a Rust toolchain and a C++17 compiler)"
    fall_back(kernel or target, f"{reason}. {remedy}")
    return False


def fall_back(kernel: str, reason: str) -> None:
    """Take note, and tell once, that what could have run native runs as its reference."""
    if kernel not in _warned:
        _warned.add(kernel)
        message = f"Kernel {kernel!r} runs as its JAX reference, several times slower: {reason}."
        warnings.warn(message, RuntimeWarning, stacklevel=4)


def fallbacks() -> list[str]:
    """Kernels that were asked for and ran as their reference."""
    return sorted(_warned)
