"""Currents that reach a neuron by other ways than synapses aligned to it; to its kernel they are receptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ, random
from .._form import variable
from .._units import check_input, number_in, with_unit
from ..kernels import ReceptorKind
from ..kernels._draws import KEYS
from ._population import Population
from ._synapse import Synapse


class OneStep(Synapse):
    """What arrives acts in the next step of the neuron, and is gone after it."""

    g = variable(0.0 * u.mS, u.mS)

    dynamics = "expon"

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return (0.0,)  # an exponential synapse that keeps nothing


class CurrentOfV:
    """A current I(V), taken as linear in V around its present value V₀.

    I(V₀) goes to the current input of the neuron; the slope is a conductance with the reversal potential V₀.
    """

    kind = ReceptorKind("expon", "coba")
    syn = None

    def __init__(self, functions: Mapping[str, Callable[[Any], Any]], V: Any, neuron: Any):
        unit = neuron.state_unit("V")

        def total(V: Any) -> Any:
            result = jnp.zeros_like(V)
            for key, f in functions.items():
                where = f"{neuron.path}: current input {key!r}"
                current = number_in(f(with_unit(V, unit)), neuron.current_unit, where)
                check_input(current, V.shape, where)
                result = result + jnp.asarray(current, V.dtype)
            return result

        self.V = V
        self.current, self.slope = jax.jvp(total, (V,), (jnp.ones_like(V),))

    def operands(self, neuron: Any, gain: Any, dt: Any) -> tuple[Any, ...]:
        return 0.0, gain, self.V

    def state_numbers(self) -> list[Any]:
        return [-self.slope]

    def take(self, values: Iterator[Any]) -> None:
        next(values)


def current_of(neuron: Population, x: Any) -> Any:
    """The external current of a step as a number."""
    if x is None:
        return jnp.zeros((), environ.dftype())
    x = jnp.asarray(number_in(x, neuron.current_unit, f"{neuron.path}: the input current"))
    if jnp.iscomplexobj(x):
        raise TypeError(f"{neuron.path} takes a real input current; given {x.dtype}, a complex one.")
    check_input(x, neuron.spike.value.shape, neuron.path)
    return x


def key_of(neuron: Population) -> dict[str, Any]:
    """The words of a new key, for a model that draws."""
    return dict(zip(KEYS, random.DEFAULT.next_words(), strict=True)) if neuron.draws else {}
