"""Long runs in segments: for gradients only the states at the begin of each are kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

Run = Callable[..., tuple[Any, Any]]  # (states, rows of input, steps) -> (last states, rows of results)


def in_segments(run: Run, states: Any, rows: Any, length: int) -> tuple[Any, Any]:
    """`run(states, rows, length)`, whose gradient computes each segment again. Rows are pytrees of arrays."""
    size = _segment(length)
    count = length // size
    cut = lambda x: x[: count * size].reshape(count, size, *x.shape[1:])  # noqa: E731
    part = jax.checkpoint(partial(run, steps=size), prevent_cse=False)
    last, found = jax.lax.scan(part, states, jax.tree.map(cut, rows), count)
    found = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
    if rest := length - count * size:
        part = jax.checkpoint(partial(run, steps=rest))
        last, more = part(last, jax.tree.map(lambda x: x[count * size :], rows))
        found = jax.tree.map(lambda *x: jnp.concatenate(x), found, more)
    return last, found


def _segment(length: int) -> int:
    """The steps of a segment: about √length, and a divisor if there is one between half and twice as many."""
    root = math.isqrt(length)
    near = range(-(-root // 2), 2 * root + 1)
    return min((size for size in near if length % size == 0), key=lambda size: abs(size - root), default=root)
