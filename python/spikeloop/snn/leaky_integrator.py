"""The readout."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .._form import param
from ._cell import Cell


class LeakyIntegrator(Cell):
    r"""A leaky membrane without spikes, as readout: a call returns V.

    $$V_t = \beta V_{t-1} + x_t$$

    | parameter | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `beta` | what is left of V after a step; 1 adds up the input | 0.9 |

    >>> readout = sl.nn.init_all_states(sl.snn.LeakyIntegrator(1, beta=0.5))
    >>> sl.transform.for_loop(readout, jnp.ones((3, 1)))[:, 0].tolist()
    [1.0, 1.5, 1.75]
    """

    V_th = None
    beta = param(0.9)

    operands = ("beta",)
    releases = True

    def __init__(self, in_size: Any, beta: Any = 0.9, name: str | None = None):
        super().__init__(in_size, beta=beta, reset_mechanism="none", name=name)

    def numbers(self) -> SimpleNamespace:
        """The constants."""
        return SimpleNamespace(beta=self.number("beta"))

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return (p.beta,)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.V

    @staticmethod
    def release(p: SimpleNamespace, s: SimpleNamespace, current: Any) -> tuple[list[Any], Any]:
        """The new potential, as state and as result."""
        V = p.beta * s.V + current
        return [V], V
