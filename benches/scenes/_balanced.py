"""The balanced networks of Brette et al. 2007: numbers for every simulator, and their one Python form.

`network` takes the namespace that it builds from, so that this library and brainpy.state run one text.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Balanced:
    """Times in ms, voltages in mV, weights in units of the leak conductance (or in mV if current-based).

    With `hodgkin_huxley` the neurons are those of Traub and Miles, and weights in nS.
    """

    E_L: float
    w_e: float
    w_i: float
    drive: float  # R * I
    E_e: float | None  # None: current-based
    E_i: float | None
    v_init: tuple[str, float, float]  # ("normal", mean, sd) or ("uniform", low, high)
    tau: float = 20.0
    V_th: float = -50.0
    V_reset: float = -60.0
    t_ref: float = 5.0
    tau_e: float = 5.0
    tau_i: float = 10.0
    out_degree: int = 80
    hodgkin_huxley: bool = False

    def n_exc(self, n: int) -> int:
        return n * 4 // 5


def v_initializer(api: Any, v_init: tuple[str, float, float], mV: Any) -> Any:
    kind, a, b = v_init
    return (api.init.Normal if kind == "normal" else api.init.Uniform)(a * mV, b * mV)


def projection(api: Any, p: Balanced, n: int, post: Any, excitatory: bool, g_start: float = 0.0) -> Any:
    """One projection; R of LIF is 1 ohm, so a weight in siemens is in units of the leak conductance."""
    u = import_module("brainunit")
    n_pre = p.n_exc(n) if excitatory else n - p.n_exc(n)
    weight, tau, E = (p.w_e, p.tau_e, p.E_e) if excitatory else (p.w_i, p.tau_i, p.E_i)
    if E is None:
        weight, out = weight * u.mS, api.CUBA.desc(scale=u.volt)
    else:
        weight, out = weight * (u.nS if p.hodgkin_huxley else u.siemens), api.COBA.desc(E=E * u.mV)
    return api.AlignPostProj(
        comm=api.nn.EventFixedNumConn(n_pre, n, conn_num=p.out_degree, conn_weight=weight),
        syn=api.Expon.desc(n, tau=tau * u.ms, g_initializer=api.init.Constant(g_start * weight)),
        out=out,
        post=post,
    )


def population(api: Any, p: Balanced, n: int) -> Any:
    u = import_module("brainunit")
    start = v_initializer(api, p.v_init, u.mV)
    if p.hodgkin_huxley:
        return api.TraubMilesHH(n, V_initializer=start)
    return api.LIFRef(
        n, V_rest=p.E_L * u.mV, V_th=p.V_th * u.mV, V_reset=p.V_reset * u.mV, tau=p.tau * u.ms,
        tau_ref=p.t_ref * u.ms, V_initializer=start,
    )  # fmt: skip


def network(api: Any, p: Balanced, n: int) -> Any:
    u = import_module("brainunit")

    class Net(api.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = population(api, p, n)
            self.E = projection(api, p, n, self.N, excitatory=True)
            self.I = projection(api, p, n, self.N, excitatory=False)

        def init_state(self, *args, **kwargs):
            self.n_spk = api.ShortTermState(u.math.zeros(n))

        def reset_state(self, *args, **kwargs):
            self.n_spk.value = u.math.zeros(n)

        def update(self, t):
            with api.environ.context(t=t):
                spk = self.N.get_spike()
                self.E(spk[: p.n_exc(n)])
                self.I(spk[p.n_exc(n) :])
                self.n_spk.value += self.N() if p.hodgkin_huxley else self.N(p.drive * u.mA)

    return Net()
