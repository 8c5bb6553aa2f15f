"""Connectivity: what all connections do with spikes, whether their synapses are stored or not."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._errors import ShapeError, UnitError
from .._module import Module
from .._state import State
from .._tree import size_text
from ..delays._steps import is_other_step


class Connectivity(Module):
    """Base of connections: weights and delays by which spikes of `n_pre` sources become input of `n_post` targets."""

    weight: State
    delay: Any
    dt: float | None
    longest_delay: int

    __array_ufunc__ = None  # NumPy leaves `spikes @ connection` to the connection

    def update(self, spikes: Any) -> Any:
        """The input of each target."""
        self._refuse_delays()
        return self.undelayed(spikes)

    def __rmatmul__(self, spikes: Any) -> Any:
        return self(spikes)

    def undelayed(self, spikes: Any, weight: Any = None) -> Any:
        """The input of each target, by `weight` or else the present ones, for a caller who takes care of the delay."""
        weight = self.weight.value if weight is None else weight
        unit = getattr(weight, "unit", u.UNITLESS)
        shape = (*jnp.shape(spikes)[:-1], self.n_post)
        zero = jnp.zeros(shape, self._numbers(weight, unit).dtype)
        return self.add_undelayed(spikes, zero if unit.is_unitless else u.Quantity(zero, unit=unit), weight)

    def add_into(self, spikes: Any, target: Any) -> Any:
        """`target` plus the input of each target, in place where the compiler lets it."""
        self._refuse_delays()
        return self.add_undelayed(spikes, target)

    def _refuse_delays(self) -> None:
        if self.longest_delay:
            raise ValueError(
                f"{self.path} has delays, so it needs a projection, which stores past spikes: "
                "sl.AlignPostProj(comm=connection, ...)."
            )

    def add_undelayed(self, spikes: Any, target: Any, weight: Any = None) -> Any:
        """`add_into`, by `weight` or else the present ones, for a caller who takes care of the delay."""
        weight = self.weight.value if weight is None else weight
        numbers, unit = split(target)
        spikes, weight = self._operands(spikes, weight, numbers, unit)
        flat = numbers if numbers.shape[-1:] == (self.n_post,) else numbers.reshape(*spikes.shape[:-1], self.n_post)
        return join(self._add(spikes, weight, flat), target)

    def relay(self, spikes: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        """(past, target): stores the spikes in a ring of past ones, and delivers the oldest of these to `target`.

        `past` has the axes (slots, ..., n_pre), one slot more than the delay has steps. The spikes go into the slot
        `cursor`; the oldest stand in the slot after it.
        """
        numbers, unit = split(target)
        spikes, weight = self._operands(spikes, self.weight.value, numbers, unit)
        batch = past.shape[1:-1]
        spikes = jnp.broadcast_to(spikes, (*batch, self.n_pre))
        flat = jnp.broadcast_to(numbers.reshape(*numbers.shape[: numbers.ndim - len(self.out_size or ())], self.n_post),
                                (*batch, self.n_post))  # fmt: skip
        past, out = self._add_oldest(spikes, weight, cursor, past, flat)
        return past, join(out, target)

    def add_later(self, spikes: Any, cursor: Any, ring: Any, weight: Any = None) -> Any:
        """`ring`, with the axes (slots, ..., targets), plus the input of each target when its delay has passed.

        The weights are `weight`, or else the present ones.
        """
        weight = self.weight.value if weight is None else weight
        numbers, unit = split(ring)
        spikes, weight = self._operands(spikes, weight, numbers, unit)
        batch = numbers.shape[1 : numbers.ndim - len(self.out_size or ())]
        spikes = jnp.broadcast_to(spikes, (*batch, self.n_pre))
        flat = numbers.reshape(numbers.shape[0], *batch, self.n_post)
        return join(self._add_later(spikes, weight, cursor, flat), ring)

    def check_dt(self, dt: Any) -> None:
        """Refuse a time step (in ms) other than that in which delays were counted."""
        if is_other_step(dt, self.dt):
            raise ValueError(
                f"{self.path}: delays were counted in steps of dt = {self.dt:g} ms, but dt is {float(dt):g} ms now. "
                "Set dt before the connection is built, and build it again to change it."
            )

    # What a kind of connection defines, on numbers: spikes (..., n_pre), weight (1,) or (synapses,).

    def _add(self, spikes: Any, weight: Any, target: Any) -> Any:
        """`target` (..., n_post) plus what the spikes deliver."""
        raise NotImplementedError(f"{type(self).__name__} does not define _add(spikes, weight, target).")

    def _add_oldest(self, spikes: Any, weight: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        """(past, target): the spikes are put into the ring `past`, and its oldest delivered."""
        raise NotImplementedError(f"{type(self).__name__} does not define _add_oldest(...).")

    def _add_later(self, spikes: Any, weight: Any, cursor: Any, ring: Any) -> Any:
        """A ring (slots, ..., n_post) plus what the spikes deliver, each synapse after its delay."""
        raise NotImplementedError(f"{type(self).__name__} does not define _add_later(...).")

    @property
    def num_synapses(self) -> int:
        """Number of synapses."""
        raise NotImplementedError(f"{type(self).__name__} does not define num_synapses.")

    def about(self) -> str:
        """Sizes and number of synapses."""
        return f"{size_text(self.in_size)} → {size_text(self.out_size)}, {self.num_synapses:,} synapses"

    @property
    def n_pre(self) -> int:
        """Number of sources."""
        return math.prod(self.in_size or ())

    @property
    def n_post(self) -> int:
        """Number of targets."""
        return math.prod(self.out_size or ())

    @property
    def has_own_delays(self) -> bool:
        """Whether each synapse has a delay of its own."""
        return self.delay is not None and not isinstance(self.delay, int)

    def _operands(self, spikes: Any, weight: Any, target: Any, unit: Any) -> tuple[Any, Any]:
        spikes = plain_spikes(spikes, self.n_pre, self.path)
        return _as_events(spikes, target.dtype), self.plain_weight(weight, target, unit)

    def plain_weight(self, weight: Any, target: Any, unit: Any) -> Any:
        """Weights as plain numbers in the unit and dtype of a target."""
        return self._numbers(weight, unit).reshape(-1).astype(target.dtype)

    def _numbers(self, weight: Any, unit: Any) -> Any:
        own = getattr(weight, "unit", u.UNITLESS)
        if not own.has_same_dim(unit):
            raise UnitError(f"{self.path}.weight is in {own}, but the target takes {unit}.")
        if not isinstance(weight, u.Quantity):
            return jnp.asarray(weight)
        return weight.mantissa if own == unit else weight.to_decimal(unit)


def split(target: Any) -> tuple[Any, Any]:
    """(numbers, unit)."""
    return (target.mantissa, target.unit) if isinstance(target, u.Quantity) else (jnp.asarray(target), u.UNITLESS)


def join(numbers: Any, target: Any) -> Any:
    """New numbers in the shape and unit of `target`."""
    if numbers.size == target.size:
        numbers = numbers.reshape(target.shape)
    return u.Quantity(numbers, unit=target.unit) if isinstance(target, u.Quantity) else numbers


def plain_spikes(spikes: Any, n_pre: int, where: str) -> Any:
    """Spikes of `n_pre` sources as an array without a unit."""
    if isinstance(spikes, u.Quantity):
        if not spikes.unit.is_unitless:
            raise UnitError(f"{where} takes spikes without a unit; given {spikes.unit}.")
        spikes = spikes.mantissa
    spikes = jnp.asarray(spikes)
    if spikes.shape[-1:] != (n_pre,):
        raise ShapeError(f"{where} takes spikes of {n_pre} sources on the last axis; given shape {spikes.shape}.")
    return spikes


def _as_events(spikes: Any, dtype: Any) -> Any:
    """Spikes as bool or in the dtype of the target, which is what the kernels take."""
    return spikes if spikes.dtype == jnp.bool_ else spikes.astype(dtype)
