"""Connection: synapses stored as compressed rows, one row for each source neuron."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._errors import ShapeError, UnitError
from ..kernels._event import Rows, scatter
from ._stored import Stored


class Connection(Stored):
    """Synapses from `n_pre` sources to `n_post` targets with event-driven propagation.

    `connection(spikes)` is the input of each target. Work grows with the number of spikes. Spikes may be bool, 0/1 or
    graded numbers, with any batch axes in front.

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

    def update(self, spikes: Any) -> Any:
        """The input of each target."""
        unit = getattr(self.weight.value, "unit", u.UNITLESS)
        shape = (*jnp.shape(spikes)[:-1], self.n_post)
        zero = jnp.zeros(shape, self._numbers(unit).dtype)
        return self.accumulate(spikes, zero if unit.is_unitless else u.Quantity(zero, unit=unit))

    def accumulate(self, spikes: Any, target: Any) -> Any:
        """`target` plus the input of each target, in place where the compiler lets it."""
        if self.longest_delay:
            raise ValueError(
                f"{self.path} has delays, and one call remembers nothing. Give it to a projection, as in "
                "sl.AlignPostProj(comm=connection, ...)."
            )
        unit = getattr(target, "unit", u.UNITLESS)
        numbers = target.mantissa if isinstance(target, u.Quantity) else jnp.asarray(target)
        spikes = _plain_spikes(spikes, self.n_pre, self.path)
        weight = self._numbers(unit).reshape(-1).astype(numbers.dtype)
        out_shape = numbers.shape
        flat = numbers if numbers.shape[-1:] == (self.n_post,) else numbers.reshape(*spikes.shape[:-1], self.n_post)
        out = scatter(_as_events(spikes, flat.dtype), weight, self.indices, self.indptr, flat, Rows(0, self.n_pre))
        out = out.reshape(out_shape)
        return u.Quantity(out, unit=unit) if isinstance(target, u.Quantity) else out

    def _numbers(self, unit: Any) -> Any:
        weight = self.weight.value
        own = getattr(weight, "unit", u.UNITLESS)
        if not own.has_same_dim(unit):
            raise UnitError(f"{self.path}.weight is in {own}, but the target takes {unit}.")
        if not isinstance(weight, u.Quantity):
            return jnp.asarray(weight)
        return weight.mantissa if own == unit else weight.to_decimal(unit)


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
