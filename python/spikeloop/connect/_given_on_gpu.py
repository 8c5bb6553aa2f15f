"""Weights and delays that are given, not drawn, for synapses that were built on the GPU: they stay there.

Arrays are gathered on the GPU. Functions of d, i and j are called on the CPU, with the numbers of all synapses, as they
are functions of NumPy.
"""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp

from .._jax import is_tracer
from ._pairs import Pairs
from ._spec import Synapses
from ._view import View


class PairsOnGpu(Pairs):
    """The synapses of compressed rows on the GPU, which count targets from the `first` on."""

    def __init__(self, source: View, target: View, rows: Synapses, first: int):
        super().__init__(source, target, rows.indices.size, self._list)
        self._rows, self._first = rows, first

    def _list(self) -> tuple[Any, Any]:
        with jax.ensure_compile_time_eval():
            sources = _sources_of(self._rows, self.source.size)
            return sources, jnp.asarray(self._rows.indices).astype(jnp.uint32) + jnp.uint32(self._first)

    def each(self, values: Any, where: str) -> Any:
        if is_tracer(values):
            return super().each(values, where)
        with jax.ensure_compile_time_eval():
            return super().each(jnp.array(values), where)  # a copy: the caller may change its array

    def kept(self, values: Any) -> Any:
        return values


def ordered_on_gpu(synapses: Synapses, n_pre: int) -> Synapses:
    """The synapses with every row ascending in delay, then in target."""
    indices, indptr, weight, delay, dt = synapses
    with jax.ensure_compile_time_eval():
        indices, delay = jnp.asarray(indices), jnp.asarray(delay)
        places = jnp.lexsort((indices, delay, _sources_of(synapses, n_pre)))
        indices, delay = indices[places], delay[places]
    is_traced = any(map(is_tracer, jax.tree.leaves(weight)))
    with contextlib.nullcontext() if is_traced else jax.ensure_compile_time_eval():
        weight = jax.tree.map(lambda leaf: leaf if leaf.size == 1 else leaf[places], weight)
    return Synapses(indices, indptr, weight, delay, dt)  # pyright: ignore[reportArgumentType] # on the device


def _sources_of(rows: Synapses, n_pre: int) -> Any:
    """The source of each synapse."""
    lengths = jnp.diff(rows.indptr) if rows.indptr.size else rows.indices.size // max(n_pre, 1)
    return jnp.repeat(jnp.arange(n_pre, dtype=jnp.uint32), lengths, total_repeat_length=rows.indices.size)
