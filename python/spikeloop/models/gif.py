"""Generalised integrate-and-fire neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from ..kernels import Drive
from ._math import exp, exp_euler, exprel
from ._neuron import Neuron


class Gif(Neuron):
    r"""Generalised integrate-and-fire neuron: two internal currents and a moving threshold.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + R (I_1 + I_2 + I), \qquad \dot I_j = -k_j I_j, \qquad
    \dot V_\mathrm{th} = a (V - V_\mathrm{rest}) - b (V_\mathrm{th} - V_{\mathrm{th},\infty})$$

    At a spike, where V reaches V_th: V is reset, I_j ← R_j I_j + A_j, V_th ← max(V_th, V_th_reset). A step advances
    all variables from the same values.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | Ω | 20 |
    | `tau` | membrane time constant | ms | 20 |
    | `V_rest` | resting potential | mV | −70 |
    | `V_reset` | reset potential | mV | −70 |
    | `V_th_inf` | threshold at rest | mV | −50 |
    | `V_th_reset` | lowest threshold after a spike | mV | −60 |
    | `a` | coupling of the threshold to V | 1/ms | 0 |
    | `b` | rate at which the threshold returns | 1/ms | 0.01 |
    | `k1`, `k2` | rates at which the currents decay | 1/ms | 0.2, 0.02 |
    | `R1`, `R2` | part of a current that a spike leaves | | 0, 1 |
    | `A1`, `A2` | current that a spike adds | mA | 0, 0 |
    | `V_initializer` | initial V | mV | `V_rest` |
    | `I1_initializer`, `I2_initializer` | initial currents | mA | 0 |
    | `V_th_initializer` | initial threshold | mV | `V_th_inf` |
    | `spk_fun` | surrogate gradient of the spike | | `ReluGrad()` |
    | `spk_reset` | 'soft' subtracts V_th − V_reset, 'hard' sets V_reset | | 'soft' |

    Mihalaş Ş, Niebur E (2009) Neural Comput. 21:704.
    """

    R = param(20.0 * u.ohm)
    tau = param(20.0 * u.ms, positive=True)
    V_rest = param(-70.0 * u.mV)
    V_reset = param(-70.0 * u.mV)
    V_th_inf = param(-50.0 * u.mV)
    V_th_reset = param(-60.0 * u.mV)
    a = param(0.0 / u.ms)
    b = param(0.01 / u.ms)
    k1 = param(0.2 / u.ms)
    k2 = param(0.02 / u.ms)
    R1 = param(0.0)
    R2 = param(1.0)
    A1 = param(0.0 * u.mA)
    A2 = param(0.0 * u.mA)
    V = variable("V_rest", u.mV)
    I1 = variable(0.0 * u.mA, u.mA)
    I2 = variable(0.0 * u.mA, u.mA)
    V_th = variable("V_th_inf", u.mV)

    holds_all = True
    operands = (
        *("V_rest", "V_reset", "V_th_inf", "V_th_reset", "R", "a", "b", "R1", "R2", "A1", "A2"),
        *("dt_tau", "dt_th", "decay1", "decay2"),
    )

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        constants = p.V_rest, p.V_reset, p.V_th_inf, p.V_th_reset, p.R, p.a, p.b, p.R1, p.R2, p.A1, p.A2
        return *constants, dt / p.tau, dt * exprel(-dt * p.b), exp(-dt * p.k1), exp(-dt * p.k2)

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        return p.R

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V - s.V_th) / (p.V_th_inf - p.V_reset)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V = hard_reset(s.V, p.V_reset, spike) if hard else s.V - (s.V_th - p.V_reset) * spike
        s.I1 = s.I1 + spike * (p.R1 * s.I1 + p.A1 - s.I1)
        s.I2 = s.I2 + spike * (p.R2 * s.I2 + p.A2 - s.I2)
        s.V_th = s.V_th + spike * (jnp.maximum(s.V_th, p.V_th_reset) - s.V_th)

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        rate = p.V_rest - s.V + p.R * (s.I1 + s.I2 + drive.current) + drive.synaptic
        V_th = s.V_th + p.dt_th * (p.a * (s.V - p.V_rest) - p.b * (s.V_th - p.V_th_inf))
        s.V = exp_euler(s.V, p.dt_tau, rate, drive.slope - 1)
        s.I1, s.I2, s.V_th = s.I1 * p.decay1, s.I2 * p.decay2, V_th


class GifRef(Gif):
    """`Gif` with a refractory period, in which currents and threshold are held as well.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 1.7 |
    """

    tau_ref = param(1.7 * u.ms)
