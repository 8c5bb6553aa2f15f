"""Inputs as Modules, with the values of one step for each call: what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._module import Module
from .._shapes import fits
from .._state import BatchState, ShortTermState
from .._units import check_unit, number_in, time_step
from ..random._units import attach, check_finite, common_unit
from ._grid import Grid


class Source(Module):
    """Base of inputs that are Modules. A call gives an array of shape `in_size`, or (batch_size, *in_size)."""

    samples: BatchState  # one entry for each sample of a batch: it is the State whose shape tells the batch size

    def __init__(self, in_size: Any, name: str | None = None):
        super().__init__(name)
        self.in_size = self.out_size = in_size
        self.samples = BatchState(jnp.zeros((), bool))

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Prepare for a batch of `batch_size` samples if given."""
        self.samples = BatchState(jnp.zeros(() if batch_size is None else (batch_size,), bool))

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        assert self.in_size is not None
        return self.in_size

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a call gives."""
        return (*self.samples.value.shape, *self.varshape)

    def _spread(self, numbers: Any, unit: Any = u.UNITLESS) -> Any:
        return attach(jnp.broadcast_to(jnp.asarray(numbers, environ.dftype()), self.shape), unit)


class TimedSource(Source):
    """Base of inputs that depend on time.

    The present step is `i` of `environ`, which follows from its `t` where a context gives only that; without both it
    is the number of calls since `init_state`.
    """

    calls: ShortTermState

    def __init__(self, in_size: Any, name: str | None = None):
        super().__init__(in_size, name)
        self.calls = ShortTermState(jnp.zeros((), jnp.int32))

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Start to count calls from 0, for a batch of `batch_size` samples if given."""
        Source.init_state(self, batch_size)
        self.calls = ShortTermState(jnp.zeros((), jnp.int32))

    def _grid(self) -> Grid:
        return Grid(self.path, time_step(self.path) * u.ms)

    def _step(self) -> Any:
        """The index of the present step."""
        i = environ.get("i", default=None)
        if i is not None:
            if not jnp.issubdtype(jnp.result_type(i), jnp.integer) or jnp.shape(i) != ():
                raise TypeError(f"environ i (used by {self.path}) must be one whole number; given {i!r}.")
            return jnp.asarray(i, jnp.int32)
        t = environ.get("t", default=None)
        if t is not None:  # and tells no step
            check_unit(t, u.ms, f"environ t (used by {self.path})")
        step = self.calls.value
        self.calls.value = step + 1
        return step


def times_in_ms(value: Any, where: str) -> np.ndarray:
    """Times in ms, from a Quantity or a sequence of them; none negative."""
    if isinstance(value, u.Quantity):
        numbers = np.asarray(number_in(value, u.ms, where), float)
    else:
        for time in value:
            check_unit(time, u.ms, where)
        numbers = np.array([number_in(time, u.ms, where) for time in value], float)
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(f"{where} must be finite and not negative; given {value}.")
    return numbers


def time_in_ms(value: Any, where: str, *, positive: bool = False) -> float | None:
    """One time in ms; None stays None."""
    if value is None:
        return None
    check_unit(value, u.ms, where)
    number = times_in_ms(value, where)
    if number.shape != ():
        raise ShapeError(f"{where} must be one time; given shape {number.shape}.")
    if positive and number == 0:
        raise ValueError(f"{where} must be positive; given {value}.")
    return float(number)


def amplitudes(source: Source, **values: Any) -> tuple[Any, list[Any]]:
    """(the unit that the values share, the plain numbers in it); each must be known and fit the size of `source`."""
    name = type(source).__name__
    for key, value in values.items():
        if value is None:
            raise ValueError(f"{name}: {key} must be a number or an array; given None.")
    check_finite(name, **values)
    unit, numbers = common_unit(name, **values)
    arrays = [jnp.asarray(number, environ.dftype()) for number in numbers]
    for key, array in zip(values, arrays, strict=True):
        if not fits(array.shape, source.varshape):
            raise ShapeError(f"{name}: {key} of shape {array.shape} does not fit in_size {source.varshape}.")
    return unit, arrays


def named(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """{'name[0]': values[0], …}."""
    return {f"{name}[{k}]": value for k, value in enumerate(values)}
