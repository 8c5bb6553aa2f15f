"""Leaky neurons with exact gradients through spike times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp

from .. import surrogate
from .._form import param, variable
from .._math import exp
from ..kernels import Drive
from ._cell import Cell


class _Given(surrogate.Surrogate):
    """Spikes whose tangent is that of their argument, which `threshold` gives."""

    def derivative(self, x: Any) -> Any:
        return jnp.ones_like(x)


class EventPropLIF(Cell):
    r"""`CubaLIF` with a reset to 0 and the gradients of EventProp: exact ones of spike times, no surrogate.

    $$I_t = e^{-1/\tau_\mathrm{syn}} I_{t-1} + x_t, \qquad V_t = \beta V_{t-1} + (1 - \beta)\, I_t, \qquad
    \beta = e^{-1/\tau}$$

    A spike is at the time $t^*$ where V reaches ϑ. Where V changes by δV, the spike moves by
    $\delta t^* = -\delta V / \dot V$ with $\dot V = (I - \vartheta) / \tau$, and V after the reset changes by
    $\delta V I / (I - \vartheta)$. A spike that moves by δt is to the next layer one that is less by δt in its own step
    and more by δt in the next step. Backward, these are the adjoint equations and jumps of EventProp with steps of one:
    errors of the gradients fall in proportion to the step. Spikes that come or go have no gradient, so neurons that
    never spike do not learn; the loss should not jump in time, as the potential of a `LeakyIntegrator` does not.

    | parameter | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `tau_syn`, `tau` | time constants of I and V, in steps | 5, 10 |
    | `threshold` | ϑ | 1 |
    | `least_slope` | smaller slopes $\dot V$ count as this one, in ϑ per step, which bounds gradients | 1e-3 |

    Wunderlich TC, Pehle C (2021) Sci. Rep. 11:12829.

    >>> neuron = sl.nn.init_all_states(sl.snn.EventPropLIF(1, tau_syn=5.0, tau=10.0, threshold=0.3))
    >>> sl.transform.for_loop(neuron, jnp.array([[2.0], [0.0], [0.0], [0.0]]))[:, 0].tolist()
    [0.0, 1.0, 0.0, 0.0]
    """

    tau_syn = param(5.0, positive=True)
    tau = param(10.0, positive=True)
    least_slope = param(1e-3, positive=True)
    I = variable(0.0)  # noqa: E741  the symbol of a current

    operands = ("alpha", "beta", "V_th", "rate", "least")

    def __init__(
        self,
        in_size: Any,
        tau_syn: Any = 5.0,
        tau: Any = 10.0,
        threshold: Any = 1.0,
        least_slope: Any = 1e-3,
        name: str | None = None,
    ):
        super().__init__(
            in_size, tau_syn=tau_syn, tau=tau, V_th=threshold, least_slope=least_slope, reset_mechanism="zero",
            spk_fun=_Given(), name=name,
        )  # fmt: skip

    def _checked_option(self, name: str, value: Any) -> Any:
        if name == "reset_mechanism" and value != "zero":
            raise ValueError(f"{self.path}: EventProp has the reset to 0; given reset_mechanism={value!r}.")
        return super()._checked_option(name, value)

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return exp(-1 / p.tau_syn), exp(-1 / p.tau), p.V_th, 1 / p.tau, p.least_slope * p.V_th

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """V − ϑ, with the tangent of the spike: what the last one has moved by into this step, less what this one has.

        Only a step that has been reset knows `moved`; before, nothing asks for a tangent.
        """
        return _with_tangent(s.V - p.V_th, vars(s).get("moved", 0.0) - _moved(p, s))

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.moved = _moved(p, s)
        x, slope = s.V - p.V_th, _slope(p, s)
        spike = jax.lax.stop_gradient(spike)
        s.V = s.V * (1 - spike) + _scaled(x, spike * (1 + p.V_th * p.rate / slope))

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        s.I = p.alpha * s.I + drive.current
        s.V = p.beta * s.V + (1 - p.beta) * s.I


def _slope(p: SimpleNamespace, s: SimpleNamespace) -> Any:
    """dV/dt where V reaches the threshold."""
    return jnp.maximum((s.I - p.V_th) * p.rate, p.least)


def _moved(p: SimpleNamespace, s: SimpleNamespace) -> Any:
    """0, with the tangent of the time of the spike."""
    x = s.V - p.V_th
    return _scaled(x, jnp.where(x >= 0, -1 / _slope(p, s), 0.0))


@jax.custom_jvp
def _scaled(x: Any, factor: Any) -> Any:
    """0, with the tangent `factor` dx."""
    return jnp.zeros_like(x)


@_scaled.defjvp
def _scaled_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    x, factor = primals
    return jnp.zeros_like(x), factor * tangents[0]


@jax.custom_jvp
def _with_tangent(x: Any, path: Any) -> Any:
    """x, with the tangent of `path`."""
    return x


@_with_tangent.defjvp
def _with_tangent_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    return primals[0], tangents[1]
