"""States whose value a back end may hold in a form of its own, and the one place where that form is flushed.

A model declares what it means: weights, traces, input that is under way. A back end may hold this otherwise: weights
with pending updates, input as a queue of the spikes that cause it. Such a form is flushed before a value of the model
is read, saved or moved, so that a saved State means the same on every back end.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Protocol, Self

from ._state import State
from ._trace import stored


class BackendForm(Protocol):
    """The form in which a back end holds some States of a model. Its arrays are `BackendState`s."""

    def flush(self) -> None:
        """Give these States their values; afterwards the form holds nothing."""

    def refresh(self) -> None:
        """One of these States was assigned: let the form follow it."""


class BackendState(State):
    """An array of a back end's form, which programs carry; no State of the model, so `states()` leaves it out.

    `of` is the State of the model in whose place it stands, and whose lanes it has.
    """

    def __init__(self, value: Any, of: State):
        super().__init__(value)
        self.of = of


class FlushedState(State):
    """A State that a back end may hold in another `form`, which is flushed before the value is read or assigned."""

    form: BackendForm | None = None

    @property
    def value(self) -> Any:
        """The present value; inside a transformation, the value at this point of the function."""
        self.flush()
        return stored(self)

    @value.setter
    def value(self, value: Any) -> None:
        self.flush()
        State.value.fset(self, value)  # type: ignore[attr-defined]
        if self.form is not None:
            self.form.refresh()

    def reinit(self, value: Any) -> None:
        """Begin anew with `value`, which may have another structure, unit, shape and dtype than the present one."""
        self.flush()
        super().reinit(value)
        if self.form is not None:
            self.form.refresh()

    def flush(self) -> None:
        """Bring the stored value up to date."""
        if self.form is not None:
            self.form.flush()

    def copy(self) -> Self:
        """A State of the same type with the same value and metadata, and no owner; no back end holds it."""
        new = super().copy()
        vars(new).pop("form", None)
        return new

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return _empty, (type(self)._bases(),), self.__getstate__()

    @classmethod
    def _bases(cls) -> tuple[type[State], type[State]]:
        """What `flushed` made this type of."""
        return cls.kind, cls.__mro__[1]


def flushed(kind: Any, base: type[FlushedState] = FlushedState) -> Any:
    """The type of States like those of `kind`, which a back end may hold in another form.

    A `kind` that is no type, but a function that makes States, is left as it is.
    """
    return _flushed_type(kind, base) if isinstance(kind, type) and not issubclass(kind, base) else kind


@functools.cache
def _flushed_type(kind: type[State], base: type[FlushedState]) -> type[FlushedState]:
    names = {"__module__": kind.__module__, "__doc__": kind.__doc__, "kind": kind}
    return type(kind.__name__, (base, kind), names)


def _empty(bases: tuple[type[State], type[FlushedState]]) -> State:
    """A State of the type made of these, without a value: to be filled by `copy` and `pickle`."""
    return object.__new__(flushed(*bases))


def flush(states: Iterable[State]) -> None:
    """Bring the stored values of States up to date."""
    for state in states:
        if isinstance(state, FlushedState):
            state.flush()


def of_the_model(states: Iterable[State]) -> list[State]:
    """Those that are States of a model, whose stored values are up to date afterwards."""
    found = [state for state in states if not isinstance(state, BackendState)]
    flush(found)
    return found
