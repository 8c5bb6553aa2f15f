"""Hindmarsh-Rose neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._math import exp, exp_euler, relax
from ._neuron import Neuron


class HindmarshRose(Neuron):
    r"""Bursting oscillator of Hindmarsh and Rose; the variables and the input are plain numbers.

    $$\tau \dot V = y - a V^3 + b V^2 - z + I, \qquad \tau \dot y = c - d V^2 - y, \qquad
    \tau \dot z = r\, (s (V - V_r) - z)$$

    It spikes where V rises above V_th, and is not reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `a`, `b` | cubic and quadratic coefficient of V | | 1, 3 |
    | `c`, `d` | constant and quadratic coefficient of y | | 1, 5 |
    | `r` | slowness of z | | 0.006 |
    | `s` | coupling of z to V | | 4 |
    | `V_r` | V at which z rests at 0 | | −1.6 |
    | `tau` | time scale | ms | 1 |
    | `V_th` | what counts as a spike | | 1 |
    | `V_initializer` | initial V | | −1.6 |
    | `y_initializer`, `z_initializer` | initial y, z | | −10, 0 |
    | `spk_fun`, `spk_reset` | as in `HH` | | |

    Hindmarsh JL, Rose RM (1984) Proc. R. Soc. Lond. B 221:87.
    """

    a = param(1.0, positive=True)
    b = param(3.0)
    c = param(1.0)
    d = param(5.0)
    r = param(0.006)
    s = param(4.0)
    V_r = param(-1.6)
    tau = param(1.0 * u.ms, positive=True)
    V_th = param(1.0)
    V = variable(-1.6)
    y = variable(-10.0)
    z = variable(0.0)

    edge = True
    current_unit = u.UNITLESS
    operands = ("a", "b", "c", "d", "s", "V_r", "V_th", "dt_tau", "decay_y", "decay_z")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        x = dt / p.tau
        return p.a, p.b, p.c, p.d, p.s, p.V_r, p.V_th, x, exp(-x), exp(-x * p.r)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.V - p.V_th

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        V = s.V
        rate = s.y + (p.b - p.a * V) * V * V - s.z + drive.current + drive.synaptic
        s.V = exp_euler(V, p.dt_tau, rate, (2 * p.b - 3 * p.a * V) * V + drive.slope)
        s.y = relax(s.y, p.c - p.d * V * V, p.decay_y)
        s.z = relax(s.z, p.s * (V - p.V_r), p.decay_z)
