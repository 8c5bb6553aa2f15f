"""Binary neurons, which take a new state at random times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._form import param, variable
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class _Binary(NestNeuron):
    """Base of neurons with the states 0 and 1; `gain` is the probability of 1, given the summed input."""

    tau_m = param(10.0 * u.ms, positive=True)
    theta = param(0.0 * u.mV)
    S = variable(0.0)
    h = variable(0.0 * u.mV, u.mV)

    draws = True
    holds = ()
    current_unit: ClassVar[Any] = u.mV
    ports: ClassVar[dict[str, Port]] = {"h": Port("h", u.mV)}

    @staticmethod
    def gain(p: SimpleNamespace, h: Any = 0.0) -> Any:
        """The probability of the state 1."""
        raise NotImplementedError

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        s.h = s.h + p.arrived.get("h", 0.0)
        new = jnp.where(p.uniform(0) < cls.gain(p, s.h + drive.current + drive.synaptic), 1.0, 0.0)
        before, s.S = s.S, jnp.where(p.uniform(1) < p.dt / p.tau_m, new, s.S)
        return s.S - before

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        del p, s  # `integrate` has done it


class ginzburg_neuron(_Binary):
    r"""Binary neuron with a sigmoid gain function.

    $$P(S = 1) = c_1 h + \frac{c_2}{2} (1 + \tanh(c_3 (h - \theta))), \qquad h = \sum_j w_j S_j$$

    It takes a new state at random times, tau_m apart in the mean. It sends 1 where its state becomes 1 and −1 where it
    becomes 0, and nothing in between, so h is the sum over the states of its sources; NEST sends two spikes and one. A
    step holds one update at most, of the probability dt/tau_m. Projections need to name no port.

    >>> neurons = sl.nest.ginzburg_neuron(100, c_3=0.5 / u.mV)
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(10, -0.3 * u.mV))

    Ginzburg I, Sompolinsky H (1994) Phys. Rev. E 50:3171.
    """

    c_1 = param(0.0 / u.mV)
    c_2 = param(1.0)
    c_3 = param(1.0 / u.mV)

    @staticmethod
    def gain(p: SimpleNamespace, h: Any = 0.0) -> Any:
        return p.c_1 * h + p.c_2 * 0.5 * (1 + jnp.tanh(p.c_3 * (h - p.theta)))


class mcculloch_pitts_neuron(_Binary):
    r"""`ginzburg_neuron` whose state becomes 1 where h > θ, else 0.

    McCulloch WS, Pitts W (1943) Bull. Math. Biophys. 5:115.
    """

    @staticmethod
    def gain(p: SimpleNamespace, h: Any = 0.0) -> Any:
        return jnp.where(h > p.theta, 1.0, 0.0)


class erfc_neuron(_Binary):
    r"""`ginzburg_neuron` with $P(S = 1) = \frac{1}{2} \mathrm{erfc}(-(h - \theta) / \sqrt{2} \sigma)$.

    The probability is right to 1e-7.
    """

    sigma = param(1.0 * u.mV, positive=True)

    @staticmethod
    def gain(p: SimpleNamespace, h: Any = 0.0) -> Any:
        return 0.5 * _erfc((p.theta - h) / (np.sqrt(2) * p.sigma))


# Press WH et al. (1992) Numerical Recipes in C, 6.2: relative error 1.2e-7.
_ERFC = (
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
)  # fmt: skip


def _erfc(x: Any) -> Any:
    """The complementary error function."""
    z = jnp.abs(x)
    t = 1 / (1 + 0.5 * z)
    exponent = 0.0
    for coefficient in _ERFC[::-1]:
        exponent = exponent * t + coefficient
    tail = t * jnp.exp(exponent - z * z)
    return jnp.where(x >= 0, tail, 2 - tail)
