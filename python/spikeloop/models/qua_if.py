"""Quadratic integrate-and-fire neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._upswing import Upswing


class QuaIF(Upswing):
    r"""Quadratic integrate-and-fire neuron.

    $$\tau \dot V = c (V - V_\mathrm{rest}) (V - V_c) + R I, \qquad V \ge V_\mathrm{th}: \text{spike, reset}$$

    V is limited to 2 V_th − V_reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | Ω | 1 |
    | `tau` | membrane time constant | ms | 10 |
    | `V_th` | threshold | mV | −30 |
    | `V_reset` | reset potential | mV | −68 |
    | `V_rest` | resting potential | mV | −65 |
    | `V_c` | critical potential, where the upswing begins | mV | −50 |
    | `c` | curvature | 1/mV | 0.07 |
    | `V_initializer` | initial V | mV | `V_rest` |
    | `spk_fun`, `spk_reset` | as in `ExpIF` | | |

    Latham PE et al. (2000) J. Neurophysiol. 83:808.
    """

    R = param(1.0 * u.ohm)
    tau = param(10.0 * u.ms, positive=True)
    V_th = param(-30.0 * u.mV)
    V_reset = param(-68.0 * u.mV)
    V_rest = param(-65.0 * u.mV)
    V_c = param(-50.0 * u.mV)
    c = param(0.07 / u.mV)
    V = variable("V_rest", u.mV)

    operands = ("V_rest", "V_th", "V_reset", "V_c", "c", "R", "dt_tau")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.V_rest, p.V_th, p.V_reset, p.V_c, p.c, p.R, dt / p.tau

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        return p.R

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        rate = p.c * (s.V - p.V_rest) * (s.V - p.V_c) + p.R * drive.current + drive.synaptic
        Upswing.rise(p, s, p.dt_tau, rate, p.c * (2 * s.V - p.V_rest - p.V_c) + drive.slope)


class QuaIFRef(QuaIF):
    """`QuaIF` with a refractory period.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 1.7 |
    """

    tau_ref = param(1.7 * u.ms)
