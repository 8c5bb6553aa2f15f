"""`info`: what this installation can do."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import jax

from .kernels import _kernel, _library
from .kernels.program import _call


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
    """What this installation can do: versions, device, native platforms, instruction sets, threads, kernels, fallbacks.

    >>> sorted(sl.info())[:4]
    ['brainunit', 'cuda', 'device', 'fallbacks']
    """
    native = _library.native
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy", "brainunit")}
    return Info(
        {
            "spikeloop": version(),
            "python": platform.python_version(),
            **versions,
            "device": f"{jax.default_backend()} ({', '.join(sorted({d.device_kind for d in jax.devices()}))})",
            "native": "cpu" if native else f"none: {_library.why_missing}",
            "cuda": _cuda(),
            "simd": native.simd_level() if native else "-",
            "jit": _library.program_level() if native else "-",
            "programs": _call.count(),
            "threads": native.get_num_threads() if native else "-",
            "kernels": Kernels(_kernel.table()),
            "fallbacks": ", ".join(_library.fallbacks()) or "none",
        }
    )


def _cuda() -> str:
    """What the library holds for NVIDIA GPUs, whether or not there is one."""
    if _library.native is None:
        return "-"
    return _library.native.cuda_targets() or "step programs alone: the library was built without nvcc"


def version() -> str:
    """The version of the installed package."""
    try:
        return importlib.metadata.version("spikeloop")
    except importlib.metadata.PackageNotFoundError:
        return "not installed (source tree)"
