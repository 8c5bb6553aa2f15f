"""`info`: what this installation can do."""

from __future__ import annotations

import importlib.metadata
import operator
import platform
from typing import Any

import jax


class Info(dict[str, Any]):
    """A dict that prints as a table."""

    def __repr__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{key.ljust(width)}  {value}" for key, value in self.items())


class Kernels(dict[str, tuple[str, ...]]):
    """Kernels with the platforms on which they are native; elsewhere they run as their JAX reference."""

    def __str__(self) -> str:
        platforms = sorted({platform for native in self.values() for platform in native})
        rows = {platform: [name for name, native in self.items() if platform in native] for platform in platforms}
        rows["reference only"] = [name for name, native in self.items() if not native]
        return "; ".join(f"{platform}: {', '.join(names)}" for platform, names in rows.items() if names)


def info() -> Info:
    """Versions, device, native platforms (or why there are none), SIMD and JIT level, threads, kernels, fallbacks.

    >>> sorted(sl.info())[:4]
    ['brainunit', 'device', 'fallbacks', 'jax']
    """
    from .kernels import _kernel, _library
    from .kernels.program import _call

    native = _library.native
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy", "brainunit")}
    return Info(
        {
            "spikeloop": version(),
            "python": platform.python_version(),
            **versions,
            "device": f"{jax.default_backend()} ({', '.join(sorted({d.device_kind for d in jax.devices()}))})",
            "native": ", ".join(_library.PLATFORMS) if native else f"none: {_library.why_missing}",
            "simd": native.simd_level() if native else "-",
            "jit": native.jit_level() if native else "-",
            "programs": _call.count(),
            "threads": native.get_num_threads() if native else "-",
            "kernels": Kernels(_kernel.table()),
            "fallbacks": ", ".join(_library.fallbacks()) or "none",
        }
    )


def version() -> str:
    """The version of the installed package."""
    try:
        return importlib.metadata.version("spikeloop")
    except importlib.metadata.PackageNotFoundError:
        return "not installed (source tree)"


def set_num_threads(n: int) -> None:
    """The number of threads that native kernels use; results do not depend on it.

    At first it is the number of cores that the process may use. More threads than cores are slower; more than 64, or
    than there are cores if these are more, are refused. A thread is started when there is work for it.
    """
    from .kernels import _library

    if isinstance(n, bool) or not hasattr(n, "__index__") or not 1 <= operator.index(n) < 1 << 31:
        raise ValueError(f"set_num_threads: give a number of threads of at least 1 and less than 2**31; given {n!r}.")
    if _library.native is not None:
        _library.native.set_num_threads(int(n))


def get_num_threads() -> int:
    """The number of threads that native kernels use; 1 without the native library."""
    from .kernels import _library

    return 1 if _library.native is None else _library.native.get_num_threads()
