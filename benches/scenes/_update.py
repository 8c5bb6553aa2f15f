"""A population alone, driven by a constant current that differs between neurons: no projection is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benches.scenes._balanced import Balanced, projection

# R * I over the population, mV: every neuron fires, each at its own rate, from one start.
DRIVE = (15.0, 25.0)
V_START = -60.0
G_START = 1.0


def params(conductances: bool) -> Balanced:
    E_e, E_i = (0.0, -80.0) if conductances else (None, None)
    return Balanced(
        E_L=-60.0, w_e=1.0, w_i=1.0, drive=0.0, E_e=E_e, E_i=E_i,
        v_init=("constant", V_START, 0.0), out_degree=1,
    )  # fmt: skip


def network(api: Any, n: int, count: bool, conductances: bool) -> Any:
    u = import_module("brainunit")
    jnp = import_module("jax.numpy")
    p = params(conductances)
    drive = jnp.linspace(*DRIVE, n, dtype=jnp.float32) * u.mA
    start = api.init.Constant(V_START * u.mV)

    class Population(api.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = api.LIFRef(
                n, V_rest=p.E_L * u.mV, V_th=p.V_th * u.mV, V_reset=p.V_reset * u.mV, tau=p.tau * u.ms,
                tau_ref=p.t_ref * u.ms, V_initializer=start,
            )  # fmt: skip
            if conductances:
                self.E = projection(api, p, n, self.N, True, G_START)
                self.I = projection(api, p, n, self.N, False, G_START)

        def init_state(self, *args, **kwargs):
            self.n_spk = api.ShortTermState(u.math.zeros(n))

        def reset_state(self, *args, **kwargs):
            self.n_spk.value = u.math.zeros(n)

        def update(self, t):
            with api.environ.context(t=t):
                spk = self.N(drive)
                if count:
                    self.n_spk.value += spk

    return Population()
