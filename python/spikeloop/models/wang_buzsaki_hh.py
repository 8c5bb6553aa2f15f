"""Wang-Buzsáki neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ._channels import Channels
from ._math import exprel


class WangBuzsakiHH(Channels):
    r"""Fast-spiking interneuron of Wang and Buzsáki; its sodium channels open at once, m = α_m/(α_m + β_m).

    $$C \dot V = g_{Na} m^3 h (E_{Na} - V) + g_K n^4 (E_K - V) + g_L (E_L - V) + I, \qquad
    \dot x = \phi\, (\alpha_x (1 - x) - \beta_x x)$$

    It spikes where V rises above V_th, and is not reset.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `ENa`, `EK`, `EL` | reversal potentials | mV | 55, −90, −65 |
    | `gNa`, `gK`, `gL` | greatest conductances | mS | 35, 9, 0.1 |
    | `V_th` | what counts as a spike | mV | 20 |
    | `phi` | speed of the gates | | 5 |
    | `C` | capacitance | µF | 1 |
    | `V_initializer` | initial V | mV | −65 |
    | `h_initializer`, `n_initializer` | initial gates | | 0.6, 0.32 |
    | `spk_fun`, `spk_reset` | as in `HH` | | |

    Wang X-J, Buzsáki G (1996) J. Neurosci. 16:6402.
    """

    ENa = param(55.0 * u.mV)
    gNa = param(35.0 * u.mS)
    EK = param(-90.0 * u.mV)
    gK = param(9.0 * u.mS)
    EL = param(-65.0 * u.mV)
    gL = param(0.1 * u.mS)
    V_th = param(20.0 * u.mV)
    phi = param(5.0)
    C = param(1.0 * u.uF, positive=True)
    V = variable(-65.0 * u.mV, u.mV)
    h = variable(0.6)
    n = variable(0.32)

    current_unit = u.uA
    operands = (*Channels.operands, "phi")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return *Channels.derive(p, dt), p.phi

    @staticmethod
    def rates(p: SimpleNamespace, V: Any) -> dict[str, tuple[Any, Any]]:
        e = jnp.exp(-(V + 44) / 80)
        e4 = e * e * e * e
        return {
            "m": (1 / exprel(-(V + 35) / 10), 4 * jnp.exp(-(V + 60) / 18)),
            # The factors are 0.07 e^(−14/20) and e^(16/10).
            "h": (0.03476097126539867 * p.phi * e4, p.phi / (1 + 4.953032424395115 * e4 * e4)),
            "n": (0.1 * p.phi / exprel(-(V + 34) / 10), 0.125 * p.phi * e),
        }
