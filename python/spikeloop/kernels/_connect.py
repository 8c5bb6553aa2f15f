"""Connectivity that is built on a GPU, by two calls: the first tells how many synapses there are.

    count: rules -> where the synapses of each cell start; a cell is a source and a block of targets
    fill:  rules, groups, starts -> targets, weights, delays

There is no such kernel for the CPU, where the builders are no part of XLA's programs; `connect` has them and their
definition.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import default_device, has_started
from . import _library

_DRAW = np.dtype([("family", "u8"), ("a", "f8"), ("b", "f8"), ("part", "f8", 2), ("bounds", "f8", 2)])
RULE = np.dtype(
    [
        *((name, "u8") for name in ("rule", "num", "multapses", "has_own")), ("own_first", "i8"), ("own_step", "i8"),
        *((name, "u8") for name in ("seed", "n_pre", "n_post", "wide")), ("prob", "f8"),
        ("weight", _DRAW), ("delay", _DRAW), ("width", "u8"), ("blocks", "u8"),
        *((name, "u8") for name in ("first_target", "first_number", "first_cell", "cells", "unused")),
    ]
)  # fmt: skip
"""`BuiltRule` in csrc/cuda/connect.cuh."""
RULES = {"fixed_prob": 2, "fixed_out_degree": 3, "fixed_total_number": 4}
"""The rules that are built on GPUs, by their numbers there."""

_WORDS = RULE.itemsize // 4
_TILE = 8 * 256  # cells that a block sums up
_WARPS = 8  # of a block
_BLOCKS, _SCRATCH = 1024, 2**24  # blocks for the sources of a group at most; words of their scratch memory


def is_native() -> bool:
    """Whether new arrays lie on a GPU and connectivity is built there; tells once if only the kernels are missing."""
    holds_kernels = "cuda" in _library.targets.get("connect_fill", ())
    if not (holds_kernels or has_started()):  # to ask for the device would start JAX's threads
        return False
    if default_device().platform != "gpu":
        return False
    if holds_kernels:
        return True
    _library.tell_once("connect_fill", "Connectivity is built on the CPU and copied to the GPU: the library holds no "
                       "kernels for GPUs. docs/gpu.md says how to build them.")  # fmt: skip
    return False


def count(rules: np.ndarray, n_cells: int, n_sources: int) -> Any:
    """Where the synapses of each cell start, and the number of all; `n_sources` of all rules together."""
    words = [n_cells + 1, n_sources, -(-(n_cells + 1) // _TILE)]
    return _call("connect_count", [(n, np.uint32) for n in words], _words(rules))[0]


def fill(
    rules: np.ndarray, groups: np.ndarray, starts: Any, index: Any, weight: Any, delay: Any, longest: int
) -> tuple[Any, Any, Any]:
    """(targets, weights, delays) in these types; None for what is not drawn.

    `groups` are the first and the end of the rules of the same sources, and `longest` is the longest delay.
    """
    nnz = int(starts[-1])
    columns = [(nnz, dtype) for dtype in (index, weight, delay) if dtype is not None]
    scratch = [] if delay is None else [(nnz, np.uint32), _places(rules, groups, longest + 1)]
    found = _call(
        "connect_fill", [*columns, *scratch], _words(rules), jnp.asarray(groups, jnp.uint32), starts,
        weighted=weight is not None, delayed=delay is not None,
    )  # fmt: skip
    drawn = iter(found[1:])
    return found[0], None if weight is None else next(drawn), None if delay is None else next(drawn)


def _places(rules: np.ndarray, groups: np.ndarray, delays: int) -> tuple[tuple[int, int], Any]:
    """A word for each delay and warp: as many warps as the sources of a group give work, and as memory allows."""
    blocks = -(-int(rules["n_pre"].max(initial=1)) // _WARPS)
    warps = _WARPS * max(len(groups), 1)
    return (warps * max(1, min(blocks, _BLOCKS, _SCRATCH // (warps * delays))), delays), np.uint32


def _words(rules: np.ndarray) -> Any:
    return jnp.asarray(rules.view(np.uint32).reshape(-1, _WORDS))


def _call(target: str, results: list[Any], *operands: Any, **attributes: Any) -> list[Any]:
    shapes = [jax.ShapeDtypeStruct(np.atleast_1d(shape), dtype) for shape, dtype in results]
    return list(jax.ffi.ffi_call(_library.xla_name(target, "cuda"), shapes)(*operands, **attributes))
