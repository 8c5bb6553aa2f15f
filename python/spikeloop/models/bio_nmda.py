"""Receptors that transmitter opens through a second process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ._math import exp_euler
from ._pulsed import PulsedSynapse, bind


class BioNMDA(PulsedSynapse):
    r"""Synapse of a source neuron: its channels open in two stages, x and then g.

    $$\dot x = \alpha_2 T(t) (1 - x) - \beta_2 x, \qquad \dot g = \alpha_1 x (1 - g) - \beta_1 g$$

    T(t) is T during a pulse and 0 otherwise; 1 is one unit of g. x is integrated exactly, g to second order
    with the mean of x over the step. Spikes start or renew a pulse; g after a step is that of its end.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `alpha1` | rate at which x opens channels | 1/ms | 2 |
    | `beta1` | rate at which channels close | 1/ms | 0.01 |
    | `alpha2` | rate of binding | 1/(mM ms) | 1 |
    | `beta2` | rate of unbinding | 1/ms | 0.5 |
    | `T` | concentration during a pulse | mM | 1 |
    | `T_dur` | length of a pulse | ms | 0.5 |
    | `T_left_initializer` | time that is left of a pulse at the start | ms | 0 |
    | `g_initializer` | initial g; its unit is that of g | any | 0 mS |
    | `x_initializer` | initial x | | 0 |

    Destexhe A, Mainen ZF, Sejnowski TJ (1994) J. Comput. Neurosci. 1:195.
    """

    alpha1 = param(2.0 / u.ms)
    beta1 = param(0.01 / u.ms)
    alpha2 = param(1.0 / (u.ms * u.mM))
    beta2 = param(0.5 / u.ms)
    T = param(1.0 * u.mM)
    T_dur = param(0.5 * u.ms)
    g = variable(0.0 * u.mS, u.mS)
    x = variable(0.0)

    operands = ("alpha1", "beta1", "binding", "beta2")

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.alpha1, p.beta1, p.alpha2 * p.T, p.beta2

    @staticmethod
    def open(p: SimpleNamespace, s: SimpleNamespace, on: Any, off: Any) -> None:
        before, s.x = s.x, bind(s.x, p.binding, p.beta2, on, off)
        opening = p.alpha1 * (before + s.x) / 2
        s.g = exp_euler(s.g, on + off, opening * (1 - s.g) - p.beta1 * s.g, -(opening + p.beta1))
