"""Input from many Poisson sources to each neuron, drawn as one number of spikes per neuron and step."""

from __future__ import annotations

import operator
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError
from .._jax import is_tracer
from .._module import Module
from .._shapes import fits
from .._state import State, value_of
from .._units import number_in, time_step
from ..models._neuron import Neuron
from ..random._units import attach, split
from ._poisson import add_binomial, binomial, checked_rate


class PoissonInput(Module):
    """`poisson_input` as a Module: each call adds the spikes of one step to the target.

    The arguments may also come in the order of `poisson_input`, as there in this order.

    | name | meaning | unit |
    |---|---|---|
    | `target` | the State to add to, or `model.prefetch('V')` for one that `init_all_states` makes later | |
    | `indices` | the targets, along its last axis; None for all | |
    | `num_input` | independent sources for each target | |
    | `freq` | rate of each source | Hz |
    | `weight` | what a spike adds: one number, or one for each target | that of the target |

    >>> neurons = sl.LIF(10, V_th=10 * u.mV)
    >>> neurons.take_delta()
    >>> _ = sl.nn.init_all_states(neurons)
    >>> noise = sl.PoissonInput(neurons.V, None, 1000, 10 * u.Hz, 0.1 * u.mV)
    >>> noise()  # about one spike per neuron and step
    >>> _ = neurons()
    >>> bool((neurons.V.value > 0 * u.mV).any())
    True
    """

    def __init__(
        self, target: Any, indices: Any, num_input: Any, freq: Any, weight: Any = None, name: str | None = None
    ):
        super().__init__(name)
        if _is_target(freq):
            freq, num_input, weight, target, indices = target, indices, num_input, freq, weight
        if isinstance(target, State):
            module, item = _home(target)
        elif hasattr(target, "module") and hasattr(target, "item"):
            module, item = target.module, target.item
        else:
            raise TypeError(
                f"PoissonInput: target must be a State such as neuron.V; given {target!r}. Write "
                "PoissonInput(target=neuron.V, indices=None, num_input=100, freq=10. * u.Hz, weight=0.1 * u.mV)."
            )
        if isinstance(module, Neuron) and item == "V":
            module.take_delta()
        checked_rate(value_of(freq), "PoissonInput: freq")
        if weight is None:
            raise TypeError("PoissonInput: the weight is missing; write weight=0.1 * u.mV, say.")
        self.target, self.indices = target, indices
        self.num_input = _whole(num_input, "PoissonInput: num_input")
        self.freq, self.weight = freq, weight

    def update(self) -> None:
        """Add the spikes of this step."""
        target = self.target
        if not isinstance(target, State):
            target = getattr(target.module, target.item)
        poisson_input(self.freq, self.num_input, self.weight, target, self.indices)


def poisson_input(
    freq: Any, num_input: Any, weight: Any, target: Any, indices: Any = None, refractory: Any = None
) -> None:
    r"""Add to `target` what `num_input` independent Poisson sources send to each of its elements in a step.

    $$x \leftarrow x + w\, n, \qquad n \sim \mathrm{Binomial}(\mathrm{num\_input},\, f\, \Delta t)$$

    | name | meaning | unit | default |
    |---|---|---|---|
    | `freq` | rate f of each source; f dt must not exceed 1 | Hz | |
    | `num_input` | sources for each target | | |
    | `weight` | w: one number, or one for each target | that of the target | |
    | `target` | the State to add to | | |
    | `indices` | the targets, along its last axis | | all |
    | `refractory` | True for elements that receive nothing | | none |

    The arguments may also come in the order of `PoissonInput`: target, indices, num_input, freq, weight.

    If the target is the V of a neuron, the input is stored in its `delta` and applied at the end of the next step,
    before V is compared with the threshold: call `neuron.take_delta()` before `init_all_states`. Otherwise a V above
    threshold would be reset without a spike.
    """
    if _is_target(freq):
        target, indices, num_input, freq, weight = freq, num_input, weight, target, indices
    if not isinstance(target, State):
        raise TypeError(
            f"poisson_input: target must be a State such as neuron.V, not its value; given {target!r}. Write "
            "poisson_input(freq=10. * u.Hz, num_input=100, weight=0.1 * u.mV, target=neuron.V)."
        )
    where = f"poisson_input to {target.path}"
    target = _receiver(target)
    numbers, unit = split(target.value)
    if not jnp.issubdtype(numbers.dtype, jnp.floating):
        raise TypeError(f"{where}: the target must hold floats; given {numbers.dtype}.")
    chosen = ... if indices is None else (..., _indices(indices, numbers.shape, where))
    shape = numbers[chosen].shape
    weight = jnp.asarray(number_in(value_of(weight), unit, f"{where}: weight"), numbers.dtype)
    if not fits(weight.shape, shape):
        raise ShapeError(f"{where}: weight of shape {weight.shape} does not fit the targets {shape}.")
    p = _probability(value_of(freq), time_step(where), where)
    n = _whole(num_input, f"{where}: num_input")
    if refractory is not None:
        weight = jnp.where(jnp.broadcast_to(jnp.asarray(refractory, bool), numbers.shape)[chosen], 0, weight)
    if indices is None and shape:
        numbers = add_binomial(numbers, weight, [(shape[-1], n)], p)
    else:
        numbers = numbers.at[chosen].add(weight * binomial(n, p, shape).astype(numbers.dtype))
    target.value = attach(numbers, unit)


def _is_target(value: Any) -> bool:
    """Whether this is what input is added to: a State that may hold no rate, or the promise of one."""
    if isinstance(value, State):
        return not _unit(value).has_same_dim(u.Hz)
    return hasattr(value, "module") and hasattr(value, "item")


def _unit(state: State) -> Any:
    return state.value.unit if isinstance(state.value, u.Quantity) else u.UNITLESS


def _home(state: State) -> tuple[Any, str]:
    """(the Module that holds the State, the attribute)."""
    owner, name = state._owner or (lambda: None, "")
    return owner(), name


def _receiver(target: State) -> State:
    """The State where input to `target` belongs."""
    module, name = _home(target)
    if not isinstance(module, Neuron) or name != "V":
        return target
    if not module.takes_delta:
        advice = f"Call {module.path}.take_delta() before init_all_states"
        raise ValueError(
            f"poisson_input to {target.path}: V takes jumps only at the end of a step, where the threshold is looked "
            f"at. {advice if module.delta_into == 'V' else f'Add to its {module.delta_into} instead'}."
        )
    return module.delta


def _probability(freq: Any, dt: Any, where: str) -> Any:
    p = checked_rate(freq, f"{where}: freq") * dt
    if not is_tracer(p) and (p > 1).any():
        raise ValueError(
            f"{where}: a source cannot spike more than once in a step of dt = {dt} ms; given freq = {freq}. "
            "Use more sources with a lower rate."
        )
    return p


def _indices(indices: Any, shape: tuple[int, ...], where: str) -> Any:
    if is_tracer(indices):
        return indices
    given, size = np.asarray(indices), shape[-1] if shape else 0
    given = np.flatnonzero(given) if given.dtype == bool else given
    if given.size and (not np.issubdtype(given.dtype, np.integer) or given.min() < 0 or given.max() >= size):
        raise ValueError(f"{where}: indices must be whole numbers in [0, {size}); given {indices!r}.")
    return given.astype(np.int32)


def _whole(value: Any, where: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or number < 0:
        raise ValueError(f"{where} must be a whole number, not negative; given {value!r}.")
    return number
