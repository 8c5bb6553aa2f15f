"""Leaky neurons whose membrane decays by a factor in each step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .._form import param, variable
from ..kernels import Drive
from ._cell import ARCTAN, Cell


class Leaky(Cell):
    r"""Leaky integrate-and-fire neuron, snnTorch's `Leaky`.

    $$V_t = \beta V_{t-1} + x_t - \vartheta\, s_{t-1}, \qquad s_t = 1 \text{ where } V_t \ge \vartheta$$

    | parameter | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `beta` | what is left of V after a step | 0.9 |
    | `threshold` | ϑ | 1 |
    | `reset_mechanism` | "subtract", "zero" or "none", see `Cell` | "subtract" |
    | `spike_grad` | surrogate gradient | `Arctan(alpha=2)` |

    A constant is a number, one number for each neuron, or a ParamState, which is trained. With a time constant of n
    steps, beta = exp(−1/n).

    >>> neuron = sl.nn.init_all_states(sl.snn.Leaky(2, beta=0.5))
    >>> sl.transform.for_loop(neuron, jnp.array([[0.9, 0.9], [0.9, 0.0]])).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """

    beta = param(0.9)

    operands = ("beta", "V_th", "drop")

    def __init__(
        self,
        in_size: Any,
        beta: Any = 0.9,
        threshold: Any = 1.0,
        reset_mechanism: str = "subtract",
        spike_grad: Any = ARCTAN,
        name: str | None = None,
    ):
        super().__init__(
            in_size, beta=beta, V_th=threshold, reset_mechanism=reset_mechanism, spk_fun=spike_grad, name=name
        )

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.beta, p.V_th, p.drop

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.V = p.beta * s.V + drive.current - s.fall


class ALIF(Cell):
    r"""Leaky neuron whose threshold rises with its own spikes.

    $$V_t = \beta V_{t-1} + x_t - \vartheta\, s_{t-1}, \qquad a_t = \rho\, a_{t-1} + s_{t-1}, \qquad
    s_t = 1 \text{ where } V_t \ge \vartheta + \kappa\, a_t$$

    | parameter | meaning | default |
    |---|---|---|
    | `rho` | ρ, what is left of a after a step | 0.97 |
    | `strength` | κ, rise of the threshold per spike | 0.1 |
    | others | as in `Leaky` | |

    Derivatives go through a, but not through the reset.

    Bellec G et al. (2020) Nat. Commun. 11:3625.
    """

    beta = param(0.9)
    rho = param(0.97)
    strength = param(0.1)
    a = variable(0.0)

    operands = ("beta", "V_th", "drop", "rho", "strength")

    def __init__(
        self,
        in_size: Any,
        beta: Any = 0.9,
        threshold: Any = 1.0,
        rho: Any = 0.97,
        strength: Any = 0.1,
        reset_mechanism: str = "subtract",
        spike_grad: Any = ARCTAN,
        name: str | None = None,
    ):
        super().__init__(
            in_size, beta=beta, V_th=threshold, rho=rho, strength=strength, reset_mechanism=reset_mechanism,
            spk_fun=spike_grad, name=name,
        )  # fmt: skip

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.beta, p.V_th, p.drop, p.rho, p.strength

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.V - p.V_th - p.strength * s.a

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        Cell.reset(p, s, spike, hard)
        s.a = p.rho * s.a + spike

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.V = p.beta * s.V + drive.current - s.fall
