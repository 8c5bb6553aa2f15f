"""Leaky neurons with a current that decays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax

from .._form import param, variable
from .._math import exp
from ..kernels import Drive
from ._cell import ARCTAN, Cell


class Synaptic(Cell):
    r"""Leaky neuron with a synaptic current, snnTorch's `Synaptic`.

    $$I_t = \alpha I_{t-1} + x_t, \qquad V_t = \beta V_{t-1} + I_t - \vartheta\, s_{t-1}$$

    | parameter | meaning | default |
    |---|---|---|
    | `alpha` | what is left of I after a step | 0.8 |
    | others | as in `Leaky` | |

    As in snnTorch, `reset_mechanism="zero"` sets V to 0 at the end of the step that follows a spike.
    """

    alpha = param(0.8)
    beta = param(0.9)
    I = variable(0.0)  # noqa: E741  the symbol of a current

    operands = ("alpha", "beta", "V_th", "drop")

    def __init__(
        self,
        in_size: Any,
        alpha: Any = 0.8,
        beta: Any = 0.9,
        threshold: Any = 1.0,
        reset_mechanism: str = "subtract",
        spike_grad: Any = ARCTAN,
        name: str | None = None,
    ):
        super().__init__(
            in_size, alpha=alpha, beta=beta, V_th=threshold, reset_mechanism=reset_mechanism, spk_fun=spike_grad,
            name=name,
        )  # fmt: skip

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.alpha, p.beta, p.V_th, p.drop

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        spike = jax.lax.stop_gradient(spike)
        s.kept, s.fall = (1 - spike, 0.0) if hard else (1.0, p.drop * spike)

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.I = p.alpha * s.I + drive.current
        s.V = (p.beta * s.V + s.I) * s.kept - s.fall


class CubaLIF(Cell):
    r"""Leaky neuron with a synaptic current, by time constants in steps.

    $$I_t = e^{-1/\tau_\mathrm{syn}} I_{t-1} + x_t, \qquad
    V_t = \beta V_{t-1} + (1 - \beta)\, I_t - \vartheta\, s_{t-1}, \qquad \beta = e^{-1/\tau}$$

    | parameter | meaning | default |
    |---|---|---|
    | `tau_syn`, `tau` | time constants of I and V, in steps | 5, 10 |
    | others | as in `Leaky` | |
    """

    tau_syn = param(5.0, positive=True)
    tau = param(10.0, positive=True)
    I = variable(0.0)  # noqa: E741  the symbol of a current

    operands = ("alpha", "beta", "V_th", "drop")

    def __init__(
        self,
        in_size: Any,
        tau_syn: Any = 5.0,
        tau: Any = 10.0,
        threshold: Any = 1.0,
        reset_mechanism: str = "subtract",
        spike_grad: Any = ARCTAN,
        name: str | None = None,
    ):
        super().__init__(
            in_size, tau_syn=tau_syn, tau=tau, V_th=threshold, reset_mechanism=reset_mechanism, spk_fun=spike_grad,
            name=name,
        )  # fmt: skip

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return exp(-1 / p.tau_syn), exp(-1 / p.tau), p.V_th, p.drop

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.I = p.alpha * s.I + drive.current
        s.V = p.beta * s.V + (1 - p.beta) * s.I - s.fall
