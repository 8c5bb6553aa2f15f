"""Morris-Lecar neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import init
from .._form import param, variable
from ..kernels import Drive
from ._math import exp_euler, relax
from ._neuron import Neuron


class MorrisLecar(Neuron):
    r"""Barnacle muscle fibre of Morris and Lecar: a fast calcium and a slow potassium current.

    $$\begin{gathered}
    C \dot V = g_{Ca} M_\infty (V_{Ca} - V) + g_K W (V_K - V) + g_\mathrm{leak} (V_\mathrm{leak} - V) + I, \qquad
    \dot W = \phi \cosh\!\left(\tfrac{V - V_3}{2 V_4}\right) (W_\infty - W) \\
    M_\infty = \tfrac12 \left(1 + \tanh \tfrac{V - V_1}{V_2}\right), \qquad
    W_\infty = \tfrac12 \left(1 + \tanh \tfrac{V - V_3}{V_4}\right)
    \end{gathered}$$

    It spikes where V rises above V_th, and is not reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `V_Ca`, `V_K`, `V_leak` | reversal potentials | mV | 130, −84, −60 |
    | `g_Ca`, `g_K`, `g_leak` | greatest conductances | mS | 4.4, 8, 2 |
    | `C` | capacitance | µF | 20 |
    | `V1`, `V3` | where half the channels are open | mV | −1.2, 2 |
    | `V2`, `V4` | widths of the openings | mV | 18, 30 |
    | `phi` | rate of W | 1/ms | 0.04 |
    | `V_th` | what counts as a spike | mV | 10 |
    | `V_initializer` | initial V | mV | uniform in (−70, −60) |
    | `W_initializer` | initial W | | 0.02 |
    | `spk_fun`, `spk_reset` | as in `HH` | | |

    Morris C, Lecar H (1981) Biophys. J. 35:193.
    """

    V_Ca = param(130.0 * u.mV)
    g_Ca = param(4.4 * u.mS)
    V_K = param(-84.0 * u.mV)
    g_K = param(8.0 * u.mS)
    V_leak = param(-60.0 * u.mV)
    g_leak = param(2.0 * u.mS)
    C = param(20.0 * u.uF, positive=True)
    V1 = param(-1.2 * u.mV)
    V2 = param(18.0 * u.mV, positive=True)
    V3 = param(2.0 * u.mV)
    V4 = param(30.0 * u.mV, positive=True)
    phi = param(0.04 / u.ms)
    V_th = param(10.0 * u.mV)
    V = variable(init.Uniform(-70.0 * u.mV, -60.0 * u.mV), u.mV)
    W = variable(0.02)

    edge = True
    current_unit = u.uA
    operands = (
        *("V_Ca", "g_Ca", "V_K", "g_K", "V_leak", "g_leak", "V1", "V2", "V3", "V4", "V_th"),
        *("dt_phi", "dt_C"),
    )

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        channels = p.V_Ca, p.g_Ca, p.V_K, p.g_K, p.V_leak, p.g_leak, p.V1, p.V2, p.V3, p.V4, p.V_th
        return *channels, dt * p.phi, dt / p.C

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V - p.V_th) / (p.V_th - p.V_K)

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        q = jnp.exp(-(s.V - p.V3) / (2 * p.V4))  # W_inf = 1/(1 + q⁴), cosh = (q + 1/q)/2
        W = relax(s.W, 1 / (1 + q * q * q * q), jnp.exp(-0.5 * p.dt_phi * (q + 1 / q)))
        g_Ca, g_K = p.g_Ca / (1 + jnp.exp(-2 * (s.V - p.V1) / p.V2)), p.g_K * s.W
        ionic = g_Ca * (p.V_Ca - s.V) + g_K * (p.V_K - s.V) + p.g_leak * (p.V_leak - s.V)
        rate = ionic + drive.current + drive.synaptic
        s.V = exp_euler(s.V, p.dt_C, rate, drive.slope - g_Ca - g_K - p.g_leak)
        s.W = W
