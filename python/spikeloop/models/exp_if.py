"""Exponential integrate-and-fire neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ..kernels import Drive
from ._upswing import Upswing

_LARGEST_EXPONENT = 20.0


class ExpIF(Upswing):
    r"""Exponential integrate-and-fire neuron.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + \Delta_T e^{(V - V_T)/\Delta_T} + R I,
    \qquad V \ge V_\mathrm{th}: \text{spike, reset}$$

    The exponent is limited to 20, and V to 2 V_th − V_reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | Ω | 1 |
    | `tau` | membrane time constant | ms | 10 |
    | `V_th` | threshold | mV | −30 |
    | `V_reset` | reset potential | mV | −68 |
    | `V_rest` | resting potential | mV | −65 |
    | `V_T` | where the upswing begins | mV | −59.9 |
    | `delta_T` | sharpness of the upswing | mV | 3.48 |
    | `V_initializer` | initial V | mV | `V_rest` |
    | `spk_fun` | surrogate gradient of the spike | | `ReluGrad()` |
    | `spk_reset` | 'soft' and 'hard' set V_reset, with the derivative of a soft or a hard reset | | 'soft' |

    Fourcaud-Trocmé N et al. (2003) J. Neurosci. 23:11628.
    """

    R = param(1.0 * u.ohm)
    tau = param(10.0 * u.ms, positive=True)
    V_th = param(-30.0 * u.mV)
    V_reset = param(-68.0 * u.mV)
    V_rest = param(-65.0 * u.mV)
    V_T = param(-59.9 * u.mV)
    delta_T = param(3.48 * u.mV, positive=True)
    V = variable("V_rest", u.mV)

    operands = ("V_rest", "V_th", "V_reset", "V_T", "delta_T", "R", "dt_tau")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.V_rest, p.V_th, p.V_reset, p.V_T, p.delta_T, p.R, dt / p.tau

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        return p.R

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        exponent = (s.V - p.V_T) / p.delta_T
        e = jnp.exp(jnp.minimum(exponent, _LARGEST_EXPONENT))
        rate = p.V_rest - s.V + p.delta_T * e + p.R * drive.current + drive.synaptic
        slope = jnp.where(exponent < _LARGEST_EXPONENT, e, 0.0) - 1 + drive.slope
        Upswing.rise(p, s, p.dt_tau, rate, slope)


class ExpIFRef(ExpIF):
    """`ExpIF` with a refractory period.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 1.7 |
    """

    tau_ref = param(1.7 * u.ms)
