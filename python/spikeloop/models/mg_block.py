"""Output of NMDA receptors."""

from __future__ import annotations

from typing import Any

import brainunit as u

from .._form import param
from ._math import exp
from ._synapse import SynOut


class MgBlock(SynOut):
    r"""Conductance-based output with the voltage-dependent magnesium block of NMDA receptors.

    $$I = \frac{g (E - V)}{1 + \frac{[\mathrm{Mg}]}{\beta} e^{\alpha (V_\mathrm{offset} - V)}}$$

    Plain numbers mean the units of the table.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `E` | reversal potential | mV | 0 |
    | `cc_Mg` | magnesium concentration | mM | 1.2 |
    | `alpha` | steepness of the block | 1/mV | 0.062 |
    | `beta` | concentration that blocks half at V_offset | mM | 3.57 |
    | `V_offset` | potential that V counts from in the block | mV | 0 |

    Jahr CE, Stevens CF (1990) J. Neurosci. 10:3178.
    """

    E = param(0.0 * u.mV, plain=True)
    cc_Mg = param(1.2 * u.mM, plain=True)
    alpha = param(0.062 / u.mV, plain=True)
    beta = param(3.57 * u.mM, positive=True, plain=True)
    V_offset = param(0.0 * u.mV, plain=True)

    output = "mg"

    def constants(self) -> tuple[Any, ...]:
        p = self.numbers()
        return p.E, p.alpha, p.cc_Mg / p.beta * exp(p.alpha * p.V_offset)
