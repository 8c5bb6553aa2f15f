"""Hodgkin-Huxley neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import init
from .._form import param, variable
from ._channels import Channels
from ._math import exprel


class HH(Channels):
    r"""Hodgkin and Huxley's neuron.

    $$C \dot V = g_{Na} m^3 h (E_{Na} - V) + g_K n^4 (E_K - V) + g_L (E_L - V) + I, \qquad
    \dot x = \alpha_x (1 - x) - \beta_x x$$

    It spikes where V rises above V_th, and is not reset. The leak of 1952 is 0.3 mS.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `ENa`, `EK`, `EL` | reversal potentials | mV | 50, −77, −54.387 |
    | `gNa`, `gK`, `gL` | greatest conductances | mS | 120, 36, 0.03 |
    | `V_th` | what counts as a spike | mV | 20 |
    | `C` | capacitance | µF | 1 |
    | `V_initializer` | initial V | mV | uniform in (−70, −60) |
    | `m_initializer`, `h_initializer`, `n_initializer` | initial gates | | steady state |
    | `spk_fun` | surrogate gradient of the spike | | `ReluGrad()` |
    | `spk_reset` | without effect | | 'soft' |

    >>> neuron = sl.nn.init_all_states(sl.HH(1, V_initializer=-65 * u.mV))
    >>> with sl.environ.context(dt=0.01 * u.ms):
    ...     spikes = sl.transform.for_loop(lambda: neuron(10 * u.uA), length=5000)  # 50 ms
    >>> int(spikes.sum())
    4

    Hodgkin AL, Huxley AF (1952) J. Physiol. 117:500.
    """

    ENa = param(50.0 * u.mV)
    gNa = param(120.0 * u.mS)
    EK = param(-77.0 * u.mV)
    gK = param(36.0 * u.mS)
    EL = param(-54.387 * u.mV)
    gL = param(0.03 * u.mS)
    V_th = param(20.0 * u.mV)
    C = param(1.0 * u.uF, positive=True)
    V = variable(init.Uniform(-70.0 * u.mV, -60.0 * u.mV), u.mV)
    m = variable(None)
    h = variable(None)
    n = variable(None)

    current_unit = u.uA

    @staticmethod
    def rates(p: SimpleNamespace, V: Any) -> dict[str, tuple[Any, Any]]:
        e = jnp.exp(-(V + 65) / 80)
        e4 = e * e * e * e
        return {
            "m": (1 / exprel(-(V + 40) / 10), 4 * jnp.exp(-(V + 65) / 18)),
            "h": (0.07 * e4, 1 / (1 + 20.085536923187668 * e4 * e4)),  # e³ e^(−(V + 65)/10)
            "n": (0.1 / exprel(-(V + 55) / 10), 0.125 * e),
        }
