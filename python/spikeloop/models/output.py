"""Synaptic outputs: from conductance to current."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .._form import param
from ._synapse import SynOut


class COBA(SynOut):
    r"""Conductance-based output: $I = g (E - V)$.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `E` | reversal potential | mV | |

    >>> sl.COBA(E=0 * u.mV)(2.0 * u.nS, -60.0 * u.mV)
    Quantity(120., "pA")
    """

    E = param(0.0 * u.mV)

    output = "coba"

    def constants(self) -> tuple[Any, ...]:
        return (self.number("E"),)


class CUBA(SynOut):
    r"""Current-based output: $I = g \cdot \mathrm{scale}$.

    | parameter | meaning | default |
    |---|---|---|
    | `scale` | a unit or Quantity that turns the unit of g into a current | `u.volt` |

    >>> sl.CUBA(scale=u.volt)(2.0 * u.mS)
    Quantity(2., "mA")
    """

    options: ClassVar[dict[str, Any]] = {"scale": u.volt}

    output = "cuba"

    @property
    def factor(self) -> Any:
        return self.scale
