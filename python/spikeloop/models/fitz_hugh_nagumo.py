"""FitzHugh-Nagumo neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._math import exp, exp_euler, relax
from ._neuron import Neuron


class FitzHughNagumo(Neuron):
    r"""Excitable oscillator of FitzHugh and Nagumo; V, w and the input are plain numbers.

    $$\tau \dot V = V - V^3/3 - w + I, \qquad \tau_w \dot w = V + a - b w$$

    It spikes where V rises above V_th, and is not reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `a` | excitability | | 0.7 |
    | `b` | damping of w | | 0.8 |
    | `tau` | time constant of V | ms | 1 |
    | `tau_w` | time constant of w | ms | 12.5 |
    | `V_th` | what counts as a spike | | 1 |
    | `V_initializer` | initial V | | −1.2 |
    | `w_initializer` | initial w | | −0.62 |
    | `spk_fun`, `spk_reset` | as in `HH` | | |

    FitzHugh R (1961) Biophys. J. 1:445; Nagumo J et al. (1962) Proc. IRE 50:2061.
    """

    a = param(0.7)
    b = param(0.8, positive=True)
    tau = param(1.0 * u.ms, positive=True)
    tau_w = param(12.5 * u.ms, positive=True)
    V_th = param(1.0)
    V = variable(-1.2)
    w = variable(-0.62)

    edge = True
    current_unit = u.UNITLESS
    operands = ("a", "b", "V_th", "dt_tau", "decay_w")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.a, p.b, p.V_th, dt / p.tau, exp(-dt * p.b / p.tau_w)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.V - p.V_th

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        w = relax(s.w, (s.V + p.a) / p.b, p.decay_w)
        square = s.V * s.V
        rate = s.V - square * s.V / 3 - s.w + drive.current + drive.synaptic
        s.V = exp_euler(s.V, p.dt_tau, rate, 1 - square + drive.slope)
        s.w = w
