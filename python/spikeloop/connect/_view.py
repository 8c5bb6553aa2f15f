"""View: some neurons of a population, which know their place in it."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from .._errors import ShapeError
from .._jax import is_tracer
from .._module import as_size

NOWHERE = np.uint32(0xFFFFFFFF)
"""The place of a neuron that is not there."""


class View:
    """The sources or the targets of a connection: all neurons of a population, or some.

    | attribute | meaning |
    |---|---|
    | `population` | what the neurons belong to; None if only its shape is known |
    | `shape` | the shape of the population |
    | `members` | the numbers of the neurons in the population, counted over all axes: a range or an array |
    """

    def __init__(self, population: Any, shape: tuple[int, ...], members: range | np.ndarray | None = None):
        self.population, self.shape = population, shape
        self.is_whole = members is None
        self.members = range(math.prod(shape)) if members is None else members

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of the whole population, or the number of neurons of a part in a tuple."""
        return self.shape if self.is_whole else (len(self.members),)

    @property
    def size(self) -> int:
        """The number of neurons."""
        return math.prod(self.shape) if self.is_whole else len(self.members)

    @property
    def indices(self) -> np.ndarray:
        """The numbers of the neurons as an array."""
        return np.asarray(self.members, np.int64)

    @property
    def is_first(self) -> bool:
        """Whether these are the first neurons of the population, in order."""
        return isinstance(self.members, range) and self.members == range(self.size)

    def among(self, index: Any, where: str) -> View:
        """Some of these neurons; `index` as in `chosen`."""
        return View(self.population, self.shape, chosen(self.members, index, where))

    def numbers(self, places: Any, dtype: Any = np.int64) -> np.ndarray:
        """The numbers in the population of the neurons at these places of the view."""
        members, places = self.members, np.asarray(places)
        if not isinstance(members, range):
            return members.astype(dtype)[places]
        start, step = (np.asarray(x).astype(dtype) for x in (members.start, members.step))  # wraps around, and back
        return places.astype(dtype) * step + start


def as_view(neurons: Any, where: str) -> View:
    """The view that is given, or that of a whole population, or of a size."""
    if isinstance(neurons, View):
        return neurons
    if hasattr(neurons, "varshape"):
        return View(neurons, as_size(neurons.varshape, where))
    if any(map(is_tracer, jax.tree.leaves(neurons))):
        raise TypeError(f"{where} must be known before tracing; given {neurons}.")
    return View(None, as_size(neurons, where))


def chosen(members: range | np.ndarray, index: Any, where: str) -> range | np.ndarray:
    """Some of these numbers, each once.

    `index` is a slice, or a list or array of places, or of one truth value for each number.
    """
    if isinstance(index, slice):
        return members[index]
    if is_tracer(index):
        raise TypeError(f"{where}: the neurons of a part must be known before tracing; given {index}.")
    places, n = np.asarray(index), len(members)
    if places.dtype == bool and places.shape != (n,):
        raise ShapeError(f"{where}: a mask needs one truth value for each of the {n} neurons; given {places.shape}.")
    if places.ndim != 1 or (places.size and places.dtype != bool and not np.issubdtype(places.dtype, np.integer)):
        raise TypeError(
            f"{where}: a part is a slice such as neurons[:100], a list of numbers or a mask; given {index!r}."
        )
    places = np.flatnonzero(places) if places.dtype == bool else places.astype(np.int64)
    if places.size and not (-n <= places.min() and places.max() < n):
        wrong = places.min() if places.min() < -n else places.max()
        raise IndexError(f"{where}: there is no neuron {wrong} among {n}; numbers go from 0 to {n - 1}.")
    places = np.where(places < 0, places + n, places)
    if np.unique(places).size < places.size:
        raise ValueError(f"{where}: a part holds every neuron once; given {index!r} with repeats.")
    return _as_range(np.asarray(members)[places])


def own_places(neurons: View, partners: View, where: str) -> range | np.ndarray | None:
    """Where each of `neurons` stands among `partners`: a synapse between the two would be an autapse.

    A place outside of the partners is none; None if no neuron is among them. Two sizes stand for the first neurons of
    one population; two populations have no neuron in common.
    """
    known = [side for side in (neurons, partners) if side.population is not None]
    if len(known) == 2 and neurons.population is not partners.population:
        return None
    if len(known) == 1 and not known[0].is_first:
        raise ValueError(
            f"{where}: autapses=False has to know which neurons these are, but one side is given as a size and the "
            "other as a part of a population. Give both as populations or parts, such as pre=neurons[:100]."
        )
    a, b = neurons.members, partners.members
    if isinstance(a, range) and isinstance(b, range) and a.step % b.step == 0 and (a.start - b.start) % b.step == 0:
        first, step = (a.start - b.start) // b.step, a.step // b.step
        return range(first, first + step * len(a), step)
    a, b = neurons.indices, partners.indices
    place = np.full(max(a.max(initial=-1), b.max(initial=-1)) + 1, NOWHERE)
    place[b] = np.arange(b.size, dtype=np.uint32)
    own = place[a]
    return None if (own == NOWHERE).all() else own


def has_own(own: range | np.ndarray | None, size: int) -> bool:
    """Whether one of the places of `own_places` is among `size` partners."""
    if own is None:
        return False
    places = np.asarray(own)
    return bool(((places >= 0) & (places < size)).any())


def _as_range(numbers: np.ndarray) -> range | np.ndarray:
    """The range of these numbers, if they are evenly spaced."""
    steps = np.diff(numbers)
    if numbers.size == 0 or (steps != steps[:1]).any():
        return numbers if numbers.size else range(0)
    step = int(steps[0]) if steps.size else 1
    return range(int(numbers[0]), int(numbers[0]) + step * numbers.size, step)
