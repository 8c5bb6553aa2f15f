"""Adaptive quadratic integrate-and-fire neurons."""

from __future__ import annotations

import brainunit as u

from .._form import param, variable
from ._upswing import adapted
from .qua_if import QuaIF


class AdQuaIF(QuaIF):
    r"""Adaptive quadratic integrate-and-fire neuron: `QuaIF` with an adaptation current w.

    $$\tau \dot V = c (V - V_\mathrm{rest}) (V - V_c) - R w + R I, \qquad
    \tau_w \dot w = a (V - V_\mathrm{rest}) - w, \qquad \text{at a spike } w \leftarrow w + b$$

    A step advances V and w from the same V and w.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_w` | time constant of w | ms | 10 |
    | `a` | coupling of w to V | S | 1 |
    | `b` | jump of w at a spike | mA | 0.1 |
    | `w_initializer` | initial w | mA | 0 |
    | others | as in `QuaIF` | | |

    Izhikevich EM (2004) IEEE Trans. Neural Netw. 15:1063.
    """

    tau_w = param(10.0 * u.ms, positive=True)
    a = param(1.0 * u.siemens)
    b = param(0.1 * u.mA)
    w = variable(0.0 * u.mA, u.mA)

    operands = (*QuaIF.operands, "a", "b", "decay_w")
    holds_all = True

    derive, reset, integrate = adapted(QuaIF)


class AdQuaIFRef(AdQuaIF):
    """`AdQuaIF` with a refractory period, in which w is held as well.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 1.7 |
    """

    tau_ref = param(1.7 * u.ms)
