"""Adaptive exponential integrate-and-fire neurons."""

from __future__ import annotations

import brainunit as u

from .._form import param, variable
from ._upswing import adapted
from .exp_if import ExpIF


class AdExIF(ExpIF):
    r"""Adaptive exponential integrate-and-fire neuron: `ExpIF` with an adaptation current w.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + \Delta_T e^{(V - V_T)/\Delta_T} - R w + R I, \qquad
    \tau_w \dot w = a (V - V_\mathrm{rest}) - w, \qquad \text{at a spike } w \leftarrow w + b$$

    A step advances V and w from the same V and w.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `V_th` | threshold | mV | −55 |
    | `tau_w` | time constant of w | ms | 30 |
    | `a` | coupling of w to V | S | 1 |
    | `b` | jump of w at a spike | mA | 1 |
    | `w_initializer` | initial w | mA | 0 |
    | others | as in `ExpIF` | | |

    >>> neuron = sl.nn.init_all_states(sl.AdExIF(1))
    >>> neuron(10 * u.mA).tolist(), sorted(neuron.states())
    ([0.0], [('V',), ('spike',), ('w',)])

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    V_th = param(-55.0 * u.mV)
    tau_w = param(30.0 * u.ms, positive=True)
    a = param(1.0 * u.siemens)
    b = param(1.0 * u.mA)
    w = variable(0.0 * u.mA, u.mA)

    operands = (*ExpIF.operands, "a", "b", "decay_w")
    holds_all = True

    derive, reset, integrate = adapted(ExpIF)


class AdExIFRef(AdExIF):
    """`AdExIF` with a refractory period, in which w is held as well.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 1.7 |
    """

    tau_ref = param(1.7 * u.ms)
