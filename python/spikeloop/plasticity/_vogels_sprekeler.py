"""VogelsSprekeler: inhibition that learns to balance excitation."""

from __future__ import annotations

from types import SimpleNamespace

import brainunit as u

from .._form import param
from ._plasticity import Change, Plasticity, trace


class VogelsSprekeler(Plasticity):
    r"""Near pairs of spikes in either order strengthen an inhibitory synapse, lone presynaptic spikes weaken it.

    $$\text{post: } w \mathrel{+}= \eta W x, \qquad
    \text{pre: } w \mathrel{+}= \eta W (y - 2 \rho_0 \tau), \qquad W = w_{max} - w_{min}$$

    with traces x of the sources and y of the targets, which come to fire at the rate ρ0.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau` | time constant of the traces | ms | 20 |
    | `eta` | learning rate, as a part of w_max − w_min; not negative | | 1e-3 |
    | `rate` | target rate ρ0; not negative | Hz | 3 |
    | `w_max`, `w_min`, `delay_in` | as in `Plasticity` | | |

    Weights are conductances, 0 or more. Of a negative weight the strength is its distance from 0, so that `eta` would
    act the other way; give such a projection positive weights and an output of negative sign.

    Vogels TP, Sprekeler H, Zenke F, Clopath C, Gerstner W (2011) Science 334:1569.
    """

    tau = param(20.0 * u.ms, positive=True)
    eta = param(1e-3)
    rate = param(3.0 * u.Hz)
    x = trace("pre", "tau")
    y = trace("post", "tau")

    rates = ("eta", "rate")
    lazy_trace = "x"

    @staticmethod
    def change(p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:
        alpha = 2e-3 * p.rate * p.tau  # Hz ms
        return Change(pre.spikes, p.eta * p.range * (post.y - alpha), post.spikes, p.eta * p.range * pre.x)
