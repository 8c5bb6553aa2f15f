"""Connectivity that is built on a GPU, by two calls: the first tells how many synapses there are.

    count: rules, positions -> where the synapses of each cell start; a cell is a source and a block of targets
    fill:  rules, positions, groups, starts -> targets, weights, delays

There is no such kernel for the CPU, where the builders are no part of XLA's programs; `connect` has them and their
definition.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import default_device, has_started
from . import _library

_DRAW = np.dtype([("family", "u8"), ("a", "f8"), ("b", "f8"), ("part", "f8", 2), ("bounds", "f8", 2)])
_SPACE = np.dtype(
    [
        *((name, "u8") for name in ("profile", "axes", "source", "target")), ("scale", "f8"), ("cutoff", "f8"),
        ("period", "f8", 3),
    ]
)  # fmt: skip
RULE = np.dtype(
    [
        *((name, "u8") for name in ("rule", "num", "multapses", "has_own")), ("own_first", "i8"), ("own_step", "i8"),
        *((name, "u8") for name in ("seed", "n_pre", "n_post", "wide")), ("prob", "f8"),
        ("weight", _DRAW), ("delay", _DRAW), ("width", "u8"), ("blocks", "u8"), ("wanted", "u8", 2),
        *((name, "u8") for name in ("first_part", "parts", "offset", "first_number", "first_cell", "cells")),
        ("space", _SPACE),
    ]
)  # fmt: skip
"""`BuiltRule` in csrc/cuda/connect.cuh."""
RULES = {
    name: k
    for k, name in enumerate(
        (
            "one_to_one", "all_to_all", "fixed_prob", "fixed_out_degree", "fixed_total_number", "fixed_in_degree",
            "distance_dependent", "small_world",
        )
    )
}  # fmt: skip
"""The rules that are built on GPUs, by their numbers there."""
PROFILES = ("gaussian", "exponential", "box")

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


class Drawing(NamedTuple):
    """The rules of a connection, and what their draws need besides.

    | field | holds |
    |---|---|
    | `rules` | a record `RULE` each |
    | `positions` | of sources and targets, one axis after the other |
    | `longest` | how many partners of a neuron are listed at most |
    | `n_cells`, `n_sources` | of all rules together |
    """

    rules: np.ndarray
    positions: np.ndarray
    longest: int
    n_cells: int
    n_sources: int

    @property
    def operands(self) -> tuple[Any, Any]:
        """The rules and the positions as words."""
        return jnp.asarray(self.rules.view(np.uint32).reshape(-1, _WORDS)), jnp.asarray(self.positions.view(np.uint32))

    @property
    def lists(self) -> tuple[tuple[int, int], Any]:
        """A list for each warp that draws."""
        items = np.maximum(self.rules["n_pre"] * self.rules["parts"], np.diff(self.rules["wanted"])[:, 0])
        return _scratch(len(self.rules), int(items.max(initial=1)), max(self.longest, 1))


def count(drawing: Drawing) -> tuple[Any, Any]:
    """(Where the synapses of each cell start, and the number of all; the numbers of sources, for `fill`)."""
    cells = drawing.n_cells + 1
    scratch = [(-(-cells // _TILE), np.uint32), drawing.lists]
    found = _call("connect_count", [(cells, np.uint32), (drawing.n_sources, np.uint32), *scratch], *drawing.operands)
    return found[0], found[1]


def fill(
    drawing: Drawing, groups: np.ndarray, counted: tuple[Any, Any], index: Any, weight: Any, delay: Any, longest: int
) -> tuple[Any, Any, Any]:
    """(targets, weights, delays) in these types; None for what is not drawn.

    `groups` are the first and the end of the rules of the same sources, and `longest` is the longest delay.
    """
    nnz, n_pre = int(counted[0][-1]), int(drawing.rules["n_pre"].max(initial=1))
    columns = [(nnz, dtype) for dtype in (index, weight, delay) if dtype is not None]
    by_target = (drawing.rules["rule"] == RULES["fixed_in_degree"]).any()
    scratch = [drawing.lists, (drawing.n_cells if by_target else 0, np.uint32)]
    if delay is not None:
        scratch += [(nnz, np.uint32), _scratch(len(groups), n_pre, longest + 1)]
    found = _call(
        "connect_fill", [*columns, *scratch], *drawing.operands, jnp.asarray(groups, jnp.uint32), *counted,
        weighted=weight is not None, delayed=delay is not None,
    )  # fmt: skip
    drawn = iter(found[1:])
    return found[0], None if weight is None else next(drawn), None if delay is None else next(drawn)


def _scratch(rows: int, items: int, words: int) -> tuple[tuple[int, int], Any]:
    """Words for each warp: in each row of a grid as many warps as the items give work, and as memory allows."""
    warps = _WARPS * max(rows, 1)
    blocks = min(-(-items // _WARPS), _BLOCKS, _SCRATCH // (warps * words))
    return (warps * max(blocks, 1), words), np.uint32


def _call(target: str, results: list[Any], *operands: Any, **attributes: Any) -> list[Any]:
    shapes = [jax.ShapeDtypeStruct(np.atleast_1d(shape), dtype) for shape, dtype in results]
    return list(jax.ffi.ffi_call(_library.xla_name(target, "cuda"), shapes)(*operands, **attributes))
