"""TripletSTDP: plasticity by triplets of spikes."""

from __future__ import annotations

from types import SimpleNamespace

import brainunit as u

from .._form import param
from ._plasticity import Change, Plasticity, trace


class TripletSTDP(Plasticity):
    r"""Pairs of spikes change the weight, more if the presynaptic or postsynaptic neuron has fired shortly before.

    $$\text{post: } w \mathrel{+}= W r_1 (A_2^+ + A_3^+ o_2), \qquad
    \text{pre: } w \mathrel{-}= W o_1 (A_2^- + A_3^- r_2), \qquad W = w_{max} - w_{min}$$

    with traces r of the sources and o of the targets. The defaults are those of the visual cortex, all pairs.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_plus`, `tau_minus` | time constants of r1 and o1 | ms | 16.8, 33.7 |
    | `tau_x`, `tau_y` | time constants of r2 and o2 | ms | 101, 125 |
    | `A2_plus`, `A2_minus` | change by a pair, as a part of w_max − w_min; not negative | | 5e-10, 7e-3 |
    | `A3_plus`, `A3_minus` | change by a triplet, as above | | 6.2e-3, 2.3e-4 |
    | `w_max`, `w_min`, `delay_in` | as in `Plasticity` | | |

    Pfister J-P, Gerstner W (2006) J. Neurosci. 26:9673.
    """

    tau_plus = param(16.8 * u.ms, positive=True)
    tau_minus = param(33.7 * u.ms, positive=True)
    tau_x = param(101.0 * u.ms, positive=True)
    tau_y = param(125.0 * u.ms, positive=True)
    A2_plus = param(5e-10)
    A2_minus = param(7e-3)
    A3_plus = param(6.2e-3)
    A3_minus = param(2.3e-4)
    r1 = trace("pre", "tau_plus")
    r2 = trace("pre", "tau_x")
    o1 = trace("post", "tau_minus")
    o2 = trace("post", "tau_y")

    rates = ("A2_plus", "A2_minus", "A3_plus", "A3_minus")
    lazy_trace = "r1"

    @staticmethod
    def change(p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:
        return Change(
            pre.spikes * (p.A2_minus + p.A3_minus * pre.r2),
            -p.range * post.o1,
            post.spikes * (p.A2_plus + p.A3_plus * post.o2),
            p.range * pre.r1,
        )
