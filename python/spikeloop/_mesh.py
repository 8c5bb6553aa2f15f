"""The devices that programs run on together, if there are several."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from ._by_part import Place, by_part
from ._jax import ClosedJaxpr
from ._state import State


class Placement(Hashable, Protocol):
    """How devices share the inputs of a program."""

    def run(self, jaxpr: ClosedJaxpr, arrays: Sequence[Any]) -> list[Any]:
        """The results of the program."""
        ...

    def place(self, arrays: Sequence[Any]) -> list[Any]:
        """The inputs, each on its devices."""
        ...


class Devices(Protocol):
    """What other parts of the library ask of the mesh."""

    devices: Any  # the mesh as JAX knows it

    def placement(
        self, arrays: Sequence[Any], states: Sequence[State], values: Sequence[Any], settings: Sequence[Any]
    ) -> Placement:
        """How devices share the inputs of a program: `arrays`, the values of its States, and settings."""
        ...

    def read(self, state: State) -> Any:
        """The value of a State, whole, as arrays of NumPy."""
        ...

    def gather(self, value: Any) -> Any:
        """A value whose arrays lie on several devices, whole, as arrays of NumPy."""
        ...

    def wait(self) -> None:
        """Go on when all processes are here."""
        ...

    @property
    def writes(self) -> bool:
        """Whether it is this process that writes files."""
        ...

    @property
    def processes(self) -> int:
        """The number of processes."""
        ...

    def columns(self, array: Any, width: int) -> list[tuple[int, np.ndarray]]:
        """Of an array (..., n) in pieces of this width, those that this process is to write, each with its place."""
        ...

    def cut_value(self, state: State, value: Any) -> Any:
        """A whole value as the State holds it."""
        ...

    def maker(self, size: tuple[int, ...]) -> Place | None:
        """What makes arrays of a population of this size, each device its part."""
        ...

    def draw(self, rule: Any, source: Any, target: Any) -> Any:
        """The connection that a rule makes, with its synapses where their targets are; None if it makes whole ones."""
        ...

    def split(self, array: Any, axis: int) -> Any:
        """A batch whose samples on `axis` devices share, if that is what they share."""
        ...

    def cut(self, connection: Any) -> Any:
        """The connection whose synapses are where their targets are."""
        ...


class _Here(threading.local):
    mesh: Devices | None = None


_here = _Here()


def current() -> Devices | None:
    """The mesh of the innermost `with sl.parallel.mesh():` of this thread; None for one device."""
    return _here.mesh


def enter(mesh: Devices | None) -> Devices | None:
    """Make `mesh` the current one; returns the one before."""
    before, _here.mesh = _here.mesh, mesh
    return before


def whole(state: State) -> Any:
    """The value of a State, whole, on every process; all must call this."""
    value, mesh = state.value, current()  # what a back end puts off is done
    return value if mesh is None else mesh.read(state)


def assign(state: State, value: Any) -> None:
    """Give a State its whole value, of which devices take their parts."""
    mesh = current()
    state.value = value if mesh is None else mesh.cut_value(state, value)


def writes() -> bool:
    """Whether this process writes files: the first one of those that share a network."""
    mesh = current()
    return mesh is None or mesh.writes


def wait() -> None:
    """Go on when all processes that share a network are here."""
    mesh = current()
    if mesh is not None:
        mesh.wait()


def maker(size: tuple[int, ...]) -> Place | None:
    """What makes arrays of a population of this size, each device its part; None for one device."""
    mesh = current()
    return None if mesh is None else mesh.maker(size)


def makes_parts(size: tuple[int, ...]) -> AbstractContextManager[None]:
    """Of arrays of a population of this size that are made inside the block, each device makes its part."""
    return by_part(maker(size))


def processes() -> int:
    """The number of processes that share a network."""
    mesh = current()
    return 1 if mesh is None else mesh.processes


def columns(array: Any, width: int | None) -> list[tuple[int, np.ndarray]]:
    """Of an array (..., n) in pieces of this width, those that this process is to write, each with its place.

    Without a width, all of it in one piece.
    """
    mesh = current()
    if mesh is None:
        return [(0, np.asarray(array))]
    return [(0, mesh.gather(array))] if width is None else mesh.columns(array, width)
