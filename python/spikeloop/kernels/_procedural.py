"""Propagation along synapses that are not stored: each row is made anew from a seed when it is needed.

    scatter: out[t(i, j)] += w[i, j] x[i]        work only for rows with x[i] ≠ 0
    gather:  x[i] = Σ_j w[i, j] c[t(i, j)]

Both are linear in one operand, and each is the transpose of the other. One weight for all synapses is part of x. Input
ring buffers and lanes are as in `_event`.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ._event import (
    Rows,
    gather_reference,
    gathered_shape,
    over_batch,
    populations,
    ring_attributes,
    scatter_reference,
)
from ._exact_sums import are_exact, digits
from ._kernel import FLOATS, ByName, Kernel, Operand, inputs, params, state

RULES = ("one_to_one", "all_to_all", "fixed_prob", "fixed_out_degree")
"""Rules whose rows are functions of the seed and of the row's number, in the order of the native code."""


class Drawn(Protocol):
    """What is drawn: hashable, as a part of the program; its fields are those of `connect`'s Spec."""

    @property
    def delay(self) -> Any:
        """The distribution of delays, or None."""

    def arrays(self) -> tuple[Any, ...]:
        """(weight, indices, indptr, delay) as stored; the weight is [1] if none is drawn."""
        ...


def scatter(values: Any, target: Any, n_pre: int, drawn: Drawn) -> Any:
    """`target` (..., n_post) plus what the values (..., n_pre) deliver."""
    rows = Rows(0, n_pre, sorted=True, exact=are_exact())
    run = lambda x, t: scatter_p(values=x, target=t, rows=rows, drawn=drawn)[0]  # noqa: E731
    return over_batch(run, values, target, target.shape[-1])


def scatter_ring(values: Any, cursor: Any, ring: Any, n_pre: int, drawn: Drawn) -> Any:
    """A ring (slots, ..., n_post) plus what values (..., n_pre) deliver, each synapse its delay after the cursor."""
    rows = Rows(0, n_pre, sorted=True, slots=0, exact=are_exact())
    (ring,) = scatter_p(values=values, cursor=cursor, target=ring, rows=rows, drawn=drawn)
    return ring


def _by_stored(values: Any, *cursor_and_target: Any, rows: Rows, drawn: Drawn) -> list[Any]:
    *cursor, target = cursor_and_target
    weight, indices, indptr, delay = drawn.arrays()
    timing = [delay, *cursor] if cursor else []
    return scatter_reference(values, weight.astype(target.dtype), indices, indptr, *timing, target, rows=rows)


def _gather_by_stored(ct: Any, *cursor: Any, rows: Rows, drawn: Drawn) -> list[Any]:
    weight, indices, indptr, delay = drawn.arrays()
    timing = [delay, *cursor] if cursor else []
    return gather_reference(ct, weight.astype(ct.dtype), indices, indptr, *timing, rows=rows)


# --- declarations ----------------------------------------------------------------------------------------------------


def _cursor(rows: Rows) -> tuple[Operand, ...]:
    return () if rows.slots is None else params("cursor")


def _gathered(ct: Any, o: ByName, rows: Rows, drawn: Drawn) -> Any:
    return gather_p(ct=ct, **_turning(o), rows=rows, drawn=drawn)[0]


def _scattered(values: Any, o: ByName, rows: Rows, drawn: Drawn) -> Any:
    zero = jnp.zeros(o.ct.aval.shape, o.ct.aval.dtype)
    return scatter_p(values=values, target=zero, **_turning(o), rows=rows, drawn=drawn)[0]


def _turning(o: ByName) -> dict[str, Any]:
    return {"cursor": o.cursor} if hasattr(o, "cursor") else {}


def _attributes(target: Any, rows: Rows, drawn: Drawn) -> dict[str, Any]:
    """A rule as the native code reads it."""
    spec: Any = drawn
    return {
        "n_pre": rows.n_pre,
        "rule": RULES.index(spec.rule),
        "num": spec.num,
        "multapses": spec.multapses,
        "own": _line(spec.own),
        "wide": spec.wide,
        "seed": _halves(np.uint64(spec.seed)),
        "prob": _halves(np.float64(spec.prob)),
        "weight": _distribution(spec.weight),
        "delay": _distribution(spec.delay),
        **ring_attributes(target, rows),
    }


def _line(own: range | None) -> np.ndarray:
    """The first target that a source is, and how many lie between two; empty if no autapses are left out."""
    return np.zeros(0, np.int32) if own is None else _halves(np.array([own.start, own.step], np.int64))


def _halves(numbers: Any) -> np.ndarray:
    """Numbers of 64 bits in 32-bit halves, the lower one first."""
    return np.atleast_1d(numbers).view("<u4").view("<i4")


def _distribution(draw: Any) -> np.ndarray:
    if draw is None:
        return np.zeros(0, np.int32)
    numbers = np.array([draw.a, draw.b, *draw.part, *draw.bounds], np.float64)
    return np.append(np.int32(draw.family), _halves(numbers))


_CUDA_BLOCKS, _CUDA_WORDS = 1024, 2**24  # that make rows at the same time; words of their scratch memory
_LISTED = 256 * 256  # targets that a block lists at a time, where their number is drawn


def _scratch(drawn: Drawn) -> list[jax.ShapeDtypeStruct]:
    """What blocks need to make rows: room for a list of targets."""
    spec: Any = drawn
    words = {"fixed_prob": min(spec.n_post, _LISTED), "fixed_out_degree": spec.num}.get(spec.rule, 0)
    blocks = max(1, min(_CUDA_BLOCKS, _CUDA_WORDS // max(words, 1))) if words else 1
    return [jax.ShapeDtypeStruct((blocks, max(words, 1)), jnp.uint32)]


scatter_p = Kernel(
    "procedural_scatter",
    _by_stored,
    structure=("rows", "drawn"),
    operands=lambda rows, drawn: (*inputs("values"), *_cursor(rows), *state("target")),
    linear={"values": _gathered},
    adds_to="target",
    batch=populations("values", "target", ring="target"),
    dtypes={"target": FLOATS},
    attributes=lambda o, rows, drawn: _attributes(o.target, rows, drawn),
    scratch={"cuda": lambda o, rows, drawn: [*_scratch(drawn), *digits(o.target, rows.exact)]},
)
gather_p = Kernel(
    "procedural_gather",
    _gather_by_stored,
    structure=("rows", "drawn"),
    operands=lambda rows, drawn: (*inputs("ct"), *_cursor(rows)),
    outputs=gathered_shape,
    linear={"ct": _scattered},
    batch=populations("ct", ring="ct"),
    dtypes={"ct": FLOATS},
    attributes=lambda o, rows, drawn: _attributes(o.ct, rows, drawn),
    scratch={"cuda": lambda o, rows, drawn: _scratch(drawn)},
)
