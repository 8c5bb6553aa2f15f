"""The neuron of the COBAHH benchmark."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ._channels import Channels
from ._math import exprel


class TraubMilesHH(Channels):
    r"""Hodgkin-Huxley neuron with the channels of Traub and Miles: that of the COBAHH benchmark.

    $$C \dot V = g_{Na} m^3 h (E_{Na} - V) + g_K n^4 (E_K - V) + g_L (E_L - V) + I, \qquad
    \dot x = \alpha_x (1 - x) - \beta_x x$$

    It spikes where V rises above V_th, and is not reset. With the benchmark's constants it fires without input, at
    14 Hz; with EL = −65 mV it rests.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `ENa`, `EK`, `EL` | reversal potentials | mV | 50, −90, −60 |
    | `gNa`, `gK`, `gL` | greatest conductances | nS | 20000, 6000, 10 |
    | `V_T` | shift of the channels, sets the threshold | mV | −63 |
    | `V_th` | what counts as a spike | mV | −20 |
    | `C` | capacitance | pF | 200 |
    | `V_initializer` | initial V | mV | `EL` |
    | `m_initializer`, `h_initializer`, `n_initializer` | initial gates | | steady state |
    | `spk_fun`, `spk_reset` | as in `HH` | | |

    Brette R et al. (2007) J. Comput. Neurosci. 23:349; Traub RD, Miles R (1991) Neuronal Networks of the Hippocampus.
    """

    ENa = param(50.0 * u.mV)
    gNa = param(20000.0 * u.nS)
    EK = param(-90.0 * u.mV)
    gK = param(6000.0 * u.nS)
    EL = param(-60.0 * u.mV)
    gL = param(10.0 * u.nS)
    V_T = param(-63.0 * u.mV)
    V_th = param(-20.0 * u.mV)
    C = param(200.0 * u.pF, positive=True)
    V = variable("EL", u.mV)
    m = variable(None)
    h = variable(None)
    n = variable(None)

    current_unit = u.pA
    operands = (*Channels.operands, "V_T")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return *Channels.derive(p, dt), p.V_T

    @staticmethod
    def rates(p: SimpleNamespace, V: Any) -> dict[str, tuple[Any, Any]]:
        v = V - p.V_T
        e = jnp.exp((10 - v) / 40)
        e4 = e * e * e * e
        return {
            "m": (1.28 / exprel((13 - v) / 4), 1.4 / exprel((v - 40) / 5)),
            "h": (0.128 * jnp.exp((17 - v) / 18), 4 / (1 + 403.4287934927351 * e4 * e4)),  # e⁶ e^((10 − v)/5)
            "n": (0.16 / exprel((15 - v) / 5), 0.5 * e),
        }
