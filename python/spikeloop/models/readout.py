"""Readouts: weights and leaky units, at the end of a network."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import environ, init, surrogate
from .._errors import ShapeError, UnitError
from .._math import exp
from .._state import HiddenState, ParamState, State, value_of
from .._units import check_positive, check_unit, number_in, time_step
from ..nn import Linear, Module
from ..nn._linear import Dense
from ..nn._run_steps import RunsSteps
from ..random._units import attach, split
from .if_ import IF

_KAIMING = init.KaimingNormal()
_KAIMING_MV = init.KaimingNormal(unit=u.mV)


class LeakyRateReadout(RunsSteps, Dense):
    r"""Leaky integrators of weighted spikes.

    $$r \leftarrow e^{-\Delta t/\tau} r + x W$$

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size`, `out_size` | shapes of input and output, alike but for the last axis | | |
    | `tau` | time constant: a number, an array of shape `out_size`, an initializer or a ParamState | ms | 5 |
    | `w_init` | W: an initializer or an array (in, out); its unit is that of r | any | `KaimingNormal()` |
    | `r_initializer` | initial r | that of W | 0 |

    >>> readout = sl.nn.init_all_states(sl.LeakyRateReadout(3, 2, w_init=sl.init.Constant(0.5)))
    >>> readout(jnp.ones(3)).tolist()
    [1.5, 1.5]
    """

    r: HiddenState

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        tau: Any = 5.0 * u.ms,
        w_init: Any = _KAIMING,
        r_initializer: Any = None,
        name: str | None = None,
    ):
        super().__init__(in_size, out_size, name)
        where = f"{type(self).__name__}: tau"
        self.tau = init.param(tau, self.out_size, allow_none=False, name=where)
        check_unit(value_of(self.tau), u.ms, where)
        check_positive(self.tau, where)
        self.weight = ParamState(self._parameters(w_init, None, ()))
        self._unit = split(self.weight.value["weight"])[1]
        self._start = attach(0.0, self._unit) if r_initializer is None else r_initializer
        if not callable(self._start):
            check_unit(value_of(self._start), self._unit, f"{type(self).__name__}: r_initializer")

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Set r to its initial value, for a batch of `batch_size` samples if given."""
        start = init.param(self._start, self.out_size, batch_size, name=f"{self.path}: r_initializer")
        numbers = jnp.asarray(number_in(value_of(start), self._unit, f"{self.path}: r_initializer"), environ.dftype())
        batch = () if batch_size is None else (batch_size,)
        self.r = HiddenState(attach(jnp.zeros((*batch, *(self.out_size or ())), numbers.dtype) + numbers, self._unit))

    def update(self, x: Any) -> Any:
        """One step with the input `x`, such as spikes; returns r."""
        added, unit = split(Dense.update(self, x))
        r, r_unit = split(self.r.value)
        if not unit.has_same_dim(r_unit):
            raise UnitError(f"{self.path}: x W is in {unit}, but r, like W, in {r_unit}; x must have no unit.")
        if added.shape != r.shape:
            raise ShapeError(
                f"{self.path} holds values of shape {r.shape}; this input gives {added.shape}. "
                "For a batch, call init_all_states(model, batch_size=...)."
            )
        decay = exp(-time_step(self.path) / number_in(value_of(self.tau), u.ms, f"{self.path}.tau"))
        self.r.value = attach((decay * r + number_in(attach(added, unit), r_unit, "x W")).astype(r.dtype), r_unit)
        return self.r.value


class LeakySpikeReadout(RunsSteps, Module):
    r"""Weights and integrate-and-fire neurons that rest and are reset at 0.

    $$\tau \dot V = -V + x W, \qquad V \ge V_\mathrm{th}: \text{spike, reset}$$

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size`, `out_size` | shapes of input and output, alike but for the last axis | | |
    | `tau` | membrane time constant | ms | 5 |
    | `V_th` | threshold | mV | 1 |
    | `w_init` | W: an initializer or an array (in, out) | mV | `KaimingNormal(unit=mV)` |
    | `V_initializer` | initial V | mV | 0 |
    | `spk_fun`, `spk_reset` | as in `LIF` | | |

    Its parts are `linear`, which holds W, and `neuron`, an `IF`.
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        tau: Any = 5.0 * u.ms,
        V_th: Any = 1.0 * u.mV,
        w_init: Any = _KAIMING_MV,
        V_initializer: Any = None,
        spk_fun: Any = surrogate.ReluGrad(),  # noqa: B008  immutable
        spk_reset: str = "soft",
        name: str | None = None,
    ):
        super().__init__(name)
        self.linear = Linear(in_size, out_size, w_init, b_init=None)
        self.neuron = IF(
            out_size, tau=tau, V_th=V_th, V_initializer=V_initializer, spk_fun=spk_fun, spk_reset=spk_reset
        )
        self.in_size, self.out_size = in_size, out_size
        check_unit(self.weight.value["weight"], u.mV, f"{type(self).__name__}: w_init")

    @property
    def weight(self) -> State:
        """The State that holds {'weight': W}."""
        return self.linear.weight

    @property
    def V(self) -> HiddenState:
        """The membrane potential."""
        return self.neuron.V

    def get_spike(self, V: Any = None) -> Any:
        """1 where the last step spiked, else 0; or the same for a potential `V`."""
        return self.neuron.get_spike(V)

    def update(self, x: Any) -> Any:
        """One step with the input `x`, such as spikes; returns the spikes (0 or 1)."""
        return self.neuron(self.linear(x) / (1.0 * u.ohm))
