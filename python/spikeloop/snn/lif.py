"""Leaky neurons with a time constant in steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from .. import environ, surrogate
from .._form import param
from .._math import exp
from .._state import ParamState
from ..kernels import Drive
from ._cell import Cell

_SIGMOID = surrogate.Sigmoid(alpha=4.0)


class _Decaying(Cell):
    """Base of neurons that are reset before they decay, with derivatives through the reset."""

    options: ClassVar[dict[str, Any]] = {"decay_input": True}
    decay_input: bool
    operands = ("rate", "V_th", "drop", "gain")

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V = s.V * (1 - spike) if hard else s.V - p.drop * spike

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.V = s.V - p.rate * s.V + p.gain * drive.current

    def numbers(self) -> SimpleNamespace:
        p = super().numbers()
        p.rate = self.rate(p)
        p.gain = p.rate if self.decay_input else 1.0
        return p

    def rate(self, p: SimpleNamespace) -> Any:
        """The part of V that is lost in a step."""
        raise NotImplementedError

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.rate, p.V_th, p.drop, p.gain


class LIF(_Decaying):
    r"""Leaky integrate-and-fire neuron, SpikingJelly's `LIFNode`.

    $$V_t = V + \frac{x_t - V}{\tau}, \qquad s_t = 1 \text{ where } V_t \ge \vartheta$$

    Here V is the potential of the step before, after its reset.

    | parameter | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `tau` | membrane time constant, in steps | 2 |
    | `threshold` | ϑ | 1 |
    | `reset_mechanism` | "zero", SpikingJelly's `v_reset=0.0`; "subtract", its `v_reset=None`; or "none" | "zero" |
    | `spike_grad` | surrogate gradient | `Sigmoid(alpha=4)` |
    | `decay_input` | whether x, too, is divided by tau | True |

    Derivatives go through the reset.

    >>> neuron = sl.nn.init_all_states(sl.snn.LIF(1, tau=2.0))
    >>> sl.transform.for_loop(neuron, jnp.full((3, 1), 1.5))[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """

    tau = param(2.0, positive=True)

    def __init__(
        self,
        in_size: Any,
        tau: Any = 2.0,
        threshold: Any = 1.0,
        reset_mechanism: str = "zero",
        spike_grad: Any = _SIGMOID,
        decay_input: bool = True,
        name: str | None = None,
    ):
        super().__init__(
            in_size, tau=tau, V_th=threshold, reset_mechanism=reset_mechanism, spk_fun=spike_grad,
            decay_input=decay_input, name=name,
        )  # fmt: skip

    def rate(self, p: SimpleNamespace) -> Any:
        return 1 / p.tau


class PLIF(_Decaying):
    r"""`LIF` with a trained time constant, SpikingJelly's `ParametricLIFNode`.

    $$V_t = V + \sigma(w)\, (x_t - V), \qquad \sigma(w) = \frac{1}{\tau}$$

    `tau` is the first time constant, above 1; w is the ParamState `w`, one number for all neurons, or one each if `tau`
    is an array. The rest is as in `LIF`.

    Fang W et al. (2021) IEEE/CVF Int. Conf. Comput. Vis., 2661.
    """

    w = param(0.0)

    def __init__(
        self,
        in_size: Any,
        tau: Any = 2.0,
        threshold: Any = 1.0,
        reset_mechanism: str = "zero",
        spike_grad: Any = _SIGMOID,
        decay_input: bool = True,
        name: str | None = None,
    ):
        if not (np.asarray(tau) > 1).all():
            raise ValueError(f"PLIF: tau must be above 1 step; given {tau!r}.")
        w = ParamState(jnp.asarray(-np.log(np.asarray(tau, float) - 1), environ.dftype()))
        super().__init__(
            in_size, w=w, V_th=threshold, reset_mechanism=reset_mechanism, spk_fun=spike_grad,
            decay_input=decay_input, name=name,
        )  # fmt: skip

    def rate(self, p: SimpleNamespace) -> Any:
        return 1 / (1 + exp(-p.w))
