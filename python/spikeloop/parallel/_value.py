"""Values of a program that several devices run: whole arrays, and parts of arrays that are cut by neuron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

AXIS = "devices"  # of the mesh


class Layout(NamedTuple):
    """How devices share an array: cut along `axis`, of `n` elements, into equal parts of which the last is padded.

    `of_synapses`: an array of the synapses. Every device has those of its own targets, in an order of its own, so that
    the parts together are no array that a program could use.
    """

    axis: int
    n: int
    of_synapses: bool = False
    before: int = 1


class Value:
    """An array as one device holds it: all of it, or the part that its `layout` says.

    `own` is the part that this device would have of a whole array, where it can be made without the rest.
    """

    __slots__ = ("array", "layout", "own", "whole")

    def __init__(self, array: Any, layout: Layout | None = None):
        self.array, self.layout = array, layout
        self.whole = array if layout is None else None  # once it has been gathered
        self.own: Value | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole array."""
        shape = list(jnp.shape(self.array))
        if self.layout is not None:
            shape[self.layout.axis] = self.layout.n
        return tuple(shape)


def part_size(n: int, shards: int) -> int:
    """How many of `n` neurons a device has at most."""
    return -(-n // shards)


def first_element(shape: Sequence[int], layout: Layout, shards: int) -> Any:
    """The number of the first element of this device's part, counted from where the runs of other axes begin."""
    row = part_size(layout.n, shards) * math.prod(shape[layout.axis + 1 :])
    return jax.lax.axis_index(AXIS).astype(jnp.uint32) * np.uint32(row)


def cut(array: Any, layout: Layout, shards: int) -> Any:
    """The part of a whole array that this device has; what pads the last part repeats the last element."""
    if layout.before > 1:
        return _of_runs(array, layout, lambda x, inner: cut(x, inner, shards))
    axis, n, size = layout.axis, layout.n, part_size(layout.n, shards)
    if size * shards > n:
        last = jax.lax.slice_in_dim(array, n - 1, n, axis=axis)
        array = jnp.concatenate([array, *[last] * (size * shards - n)], axis)
    return jax.lax.dynamic_slice_in_dim(array, jax.lax.axis_index(AXIS) * size, size, axis)


def gather(array: Any, layout: Layout) -> Any:
    """The whole array, from the parts of all devices."""
    if layout.before > 1:
        return _of_runs(array, layout, gather)
    whole = jax.lax.all_gather(array, AXIS, axis=layout.axis, tiled=True)
    return jax.lax.slice_in_dim(whole, 0, layout.n, axis=layout.axis)


def _of_runs(array: Any, layout: Layout, change: Callable[[Any, Layout], Any]) -> Any:
    """An array of several runs, changed where each of them is cut."""
    axis, before, shape = layout.axis, layout.before, array.shape
    apart = array.reshape(*shape[:axis], before, shape[axis] // before, *shape[axis + 1 :])
    changed = change(apart, Layout(axis + 1, layout.n // before))
    return changed.reshape(*shape[:axis], -1, *shape[axis + 1 :])
