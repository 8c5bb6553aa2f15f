"""Connection: synapses stored as compressed rows, one row for each source neuron."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._errors import ShapeError, UnitError
from ..kernels._event import Rows, scatter, scatter_ring
from ..kernels._ring import relay
from ._stored import Stored


class Connection(Stored):
    """Synapses from `n_pre` sources to `n_post` targets with event-driven propagation.

    `connection(spikes)`, or `spikes @ connection`, is the input of each target. Work grows with the number of spikes.
    Spikes may be bool, 0/1 or graded numbers, with any batch axes in front. Synapses with delays need a memory, and
    work in projections only.

    | attribute | meaning |
    |---|---|
    | `weight` | State with one weight for all synapses, or one for each in the order of `indices` |
    | `indices` | target of each synapse, row after row |
    | `indptr` | start of each row, `n_pre + 1` numbers; empty if all rows are equally long |
    | `delay` | None, or in steps of `dt`: one number for all synapses, or one for each in the order of `indices` |
    | `dt` | time step in ms that delays were counted in; None if they were given in steps |

    A row is stored ascending in delay, then in target; given otherwise, synapses are brought into this order together
    with their weights.
    """

    __array_ufunc__ = None  # NumPy leaves `spikes @ connection` to the connection

    def update(self, spikes: Any) -> Any:
        """The input of each target."""
        self._refuse_delays()
        return self.undelayed(spikes)

    def __rmatmul__(self, spikes: Any) -> Any:
        return self(spikes)

    def undelayed(self, spikes: Any) -> Any:
        """The input of each target, for a caller who takes care of the delay."""
        unit = getattr(self.weight.value, "unit", u.UNITLESS)
        shape = (*jnp.shape(spikes)[:-1], self.n_post)
        zero = jnp.zeros(shape, self._numbers(unit).dtype)
        return self._added(spikes, zero if unit.is_unitless else u.Quantity(zero, unit=unit))

    def accumulate(self, spikes: Any, target: Any) -> Any:
        """`target` plus the input of each target, in place where the compiler lets it."""
        self._refuse_delays()
        return self._added(spikes, target)

    def _refuse_delays(self) -> None:
        if self.longest_delay:
            raise ValueError(
                f"{self.path} has delays, and one call remembers nothing. Give it to a projection, as in "
                "sl.AlignPostProj(comm=connection, ...)."
            )

    def _added(self, spikes: Any, target: Any) -> Any:
        numbers, unit = _split(target)
        spikes, weight = self._operands(spikes, numbers, unit)
        flat = numbers if numbers.shape[-1:] == (self.n_post,) else numbers.reshape(*spikes.shape[:-1], self.n_post)
        return _join(scatter(spikes, weight, self.indices, self.indptr, flat, self._rows), target)

    def relay(self, spikes: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        """(past, target): stores the spikes in a ring of past ones, and delivers the oldest of these to `target`.

        `past` has the axes (slots, ..., n_pre), one slot more than the delay has steps. The spikes go into the slot
        `cursor`; the oldest stand in the slot after it.
        """
        numbers, unit = _split(target)
        spikes, weight = self._operands(spikes, numbers, unit)
        batch = past.shape[1:-1]
        spikes = jnp.broadcast_to(spikes, (*batch, self.n_pre))
        flat = jnp.broadcast_to(numbers.reshape(*numbers.shape[: numbers.ndim - len(self.out_size or ())], self.n_post),
                                (*batch, self.n_post))  # fmt: skip
        past, out = relay(spikes, weight, self.indices, self.indptr, cursor, past, flat, self._rows)
        return past, _join(out, target)

    def accumulate_later(self, spikes: Any, cursor: Any, ring: Any) -> Any:
        """`ring`, with the axes (slots, ..., targets), plus the input of each target when its delay has passed."""
        numbers, unit = _split(ring)
        spikes, weight = self._operands(spikes, numbers, unit)
        batch = numbers.shape[1 : numbers.ndim - len(self.out_size or ())]
        spikes = jnp.broadcast_to(spikes, (*batch, self.n_pre))
        flat = numbers.reshape(numbers.shape[0], *batch, self.n_post)
        delay, rows = self.delay, self._rows
        return _join(scatter_ring(spikes, weight, self.indices, self.indptr, delay, cursor, flat, rows), ring)

    def check_dt(self, dt: Any) -> None:
        """Refuse a time step (in ms) other than that in which delays were counted."""
        if self.dt is not None and abs(float(dt) - self.dt) > 1e-6 * self.dt:
            raise ValueError(
                f"{self.path}: delays were counted in steps of dt = {self.dt:g} ms, but dt is {float(dt):g} ms now. "
                "Set dt before the connection is built, and build it again to change it."
            )

    @property
    def _rows(self) -> Rows:
        return Rows(0, self.n_pre, sorted=True)

    def _operands(self, spikes: Any, target: Any, unit: Any) -> tuple[Any, Any]:
        spikes = _plain_spikes(spikes, self.n_pre, self.path)
        return _as_events(spikes, target.dtype), self._numbers(unit).reshape(-1).astype(target.dtype)

    def _numbers(self, unit: Any) -> Any:
        weight = self.weight.value
        own = getattr(weight, "unit", u.UNITLESS)
        if not own.has_same_dim(unit):
            raise UnitError(f"{self.path}.weight is in {own}, but the target takes {unit}.")
        if not isinstance(weight, u.Quantity):
            return jnp.asarray(weight)
        return weight.mantissa if own == unit else weight.to_decimal(unit)


def _split(target: Any) -> tuple[Any, Any]:
    """(numbers, unit)."""
    return (target.mantissa, target.unit) if isinstance(target, u.Quantity) else (jnp.asarray(target), u.UNITLESS)


def _join(numbers: Any, target: Any) -> Any:
    """New numbers in the shape and unit of `target`."""
    if numbers.size == target.size:
        numbers = numbers.reshape(target.shape)
    return u.Quantity(numbers, unit=target.unit) if isinstance(target, u.Quantity) else numbers


def _plain_spikes(spikes: Any, n_pre: int, where: str) -> Any:
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
