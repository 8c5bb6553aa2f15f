"""The neuron of COBAHH for brainpy.state, from its HH: other rates, and a spike that is kept."""

from importlib import import_module
from typing import Any

u = import_module("brainunit")
base = import_module("brainstate")


class TraubMilesHH(import_module("brainpy").state.HH):
    def __init__(self, n: int, V_initializer: Any):
        super().__init__(
            n, ENa=50.0 * u.mV, gNa=20000.0 * u.nS, EK=-90.0 * u.mV, gK=6000.0 * u.nS, EL=-60.0 * u.mV,
            gL=10.0 * u.nS, V_th=-20.0 * u.mV, C=200.0 * u.pF, V_initializer=V_initializer,
        )  # fmt: skip

    def init_state(self, *args: Any, **kwargs: Any) -> None:
        super().init_state(*args, **kwargs)
        self.spike = base.ShortTermState(u.math.zeros(self.varshape))

    def reset_state(self, *args: Any, **kwargs: Any) -> None:
        super().reset_state(*args, **kwargs)
        self.spike.value = u.math.zeros(self.varshape)

    def update(self, x: Any = 0.0 * u.pA) -> Any:
        self.spike.value = super().update(x)
        return self.spike.value

    def get_spike(self, V: Any = None) -> Any:
        return self.spike.value if V is None else self.spk_fun((V - self.V_th) / (20.0 * u.mV))

    # rates of the gates in 1/ms, with v counted from V_T = −63 mV
    m_alpha = staticmethod(lambda V: 1.28 / u.math.exprel((13 - _v(V)) / 4) / u.ms)
    m_beta = staticmethod(lambda V: 1.4 / u.math.exprel((_v(V) - 40) / 5) / u.ms)
    h_alpha = staticmethod(lambda V: 0.128 * u.math.exp((17 - _v(V)) / 18) / u.ms)
    h_beta = staticmethod(lambda V: 4 / (1 + u.math.exp((40 - _v(V)) / 5)) / u.ms)
    n_alpha = staticmethod(lambda V: 0.16 / u.math.exprel((15 - _v(V)) / 5) / u.ms)
    n_beta = staticmethod(lambda V: 0.5 * u.math.exp((10 - _v(V)) / 40) / u.ms)


def _v(V: Any) -> Any:
    return (V + 63.0 * u.mV) / u.mV
