"""What a population does with the synaptic input it receives: dynamics of a conductance × its current.

A receptor belongs to the kernel of the neuron that owns it. Arrivals are added to its first state before the step;
the step uses the state and leaves it decayed for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp


class Dynamics(NamedTuple):
    """A synapse in the kernel: how its states decay in one step."""

    params: tuple[str, ...]
    states: tuple[str, ...]
    conductance: Callable[[Sequence[Any], Sequence[Any]], Any]  # (params, states) -> g
    decay: Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...]]  # (params, states) -> states of the next step


class Output(NamedTuple):
    """How a conductance g drives the membrane: the drive and its derivative with respect to V."""

    params: tuple[str, ...]
    drive: Callable[[Sequence[Any], Any, Any], tuple[Any, Any]]  # (params, g, V) -> (drive, d drive / dV)


def _mg_block(p: Sequence[Any], g: Any, V: Any) -> tuple[Any, Any]:
    scale, E, alpha, c = p
    open_ = 1 / (1 + c * jnp.exp(-alpha * V))  # the part of the channels that magnesium does not block
    return scale * g * (E - V) * open_, scale * g * open_ * (alpha * (E - V) * (1 - open_) - 1)


DYNAMICS = {
    "expon": Dynamics(("decay",), ("g",), lambda p, s: s[0], lambda p, s: (s[0] * p[0],)),
    "cascade": Dynamics(
        ("decay_h", "decay", "feed"),
        ("h", "g"),
        lambda p, s: s[1],
        lambda p, s: (s[0] * p[0], s[1] * p[1] + s[0] * p[2]),
    ),
}
OUTPUTS = {
    "coba": Output(("scale", "E"), lambda p, g, V: (p[0] * g * (p[1] - V), -p[0] * g)),
    "cuba": Output(("scale",), lambda p, g, V: (p[0] * g, jnp.zeros_like(V))),
    "mg": Output(("scale", "E", "alpha", "c"), _mg_block),
    "port": Output((), lambda p, g, V: (jnp.zeros_like(V), jnp.zeros_like(V))),  # the model itself takes what arrives
}


class ReceptorKind(NamedTuple):
    """One dynamics with one output; `port` is the receptor port of a model that it leads to, if any."""

    dynamics: str
    output: str
    port: str = ""

    @property
    def params(self) -> tuple[str, ...]:
        """The names of its operands that do not change."""
        return (*DYNAMICS[self.dynamics].params, *OUTPUTS[self.output].params)

    @property
    def states(self) -> tuple[str, ...]:
        """The names of its states."""
        return DYNAMICS[self.dynamics].states

    def drive(self, params: Sequence[Any], states: Sequence[Any], V: Any) -> tuple[Any, Any]:
        """(drive, its derivative with respect to V)."""
        dynamics = DYNAMICS[self.dynamics]
        n = len(dynamics.params)
        return OUTPUTS[self.output].drive(params[n:], dynamics.conductance(params[:n], states), V)

    def decay(self, params: Sequence[Any], states: Sequence[Any]) -> tuple[Any, ...]:
        """The states at the start of the next step."""
        return DYNAMICS[self.dynamics].decay(params, states)
