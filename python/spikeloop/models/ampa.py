"""Receptors that transmitter opens directly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ._pulsed import PulsedSynapse, bind


class AMPA(PulsedSynapse):
    r"""Synapse of a source neuron: a pulse of transmitter opens its channels.

    $$\dot g = \alpha T(t) (1 - g) - \beta g$$

    T(t) is T during a pulse and 0 otherwise; 1 is one unit of g. Integrated exactly. Spikes start or renew a
    pulse; g after a step is that of its end.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `alpha` | rate of binding | 1/(mM ms) | 0.98 |
    | `beta` | rate of unbinding | 1/ms | 0.18 |
    | `T` | concentration during a pulse | mM | 0.5 |
    | `T_dur` | length of a pulse | ms | 0.5 |
    | `T_left_initializer` | time that is left of a pulse at the start | ms | 0 |
    | `g_initializer` | initial g; its unit is that of g | any | 0 mS |

    Destexhe A, Mainen ZF, Sejnowski TJ (1994) J. Comput. Neurosci. 1:195.
    """

    alpha = param(0.98 / (u.ms * u.mM))
    beta = param(0.18 / u.ms)
    T = param(0.5 * u.mM)
    T_dur = param(0.5 * u.ms)
    g = variable(0.0 * u.mS, u.mS)

    operands = ("binding", "beta")

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.alpha * p.T, p.beta

    @staticmethod
    def open(p: SimpleNamespace, s: SimpleNamespace, on: Any, off: Any) -> None:
        s.g = bind(s.g, p.binding, p.beta, on, off)


class GABAa(AMPA):
    """`AMPA` with the constants of GABA_A receptors.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `alpha` | rate of binding | 1/(mM ms) | 0.53 |
    | `T` | concentration during a pulse | mM | 1 |
    | `T_dur` | length of a pulse | ms | 1 |
    | others | as in `AMPA` | | |

    Destexhe A, Mainen ZF, Sejnowski TJ (1994) J. Comput. Neurosci. 1:195.
    """

    alpha = param(0.53 / (u.ms * u.mM))
    T = param(1.0 * u.mM)
    T_dur = param(1.0 * u.ms)
