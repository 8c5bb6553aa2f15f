"""What projections have left for a neuron: for its own step, and for models that write their own `update`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import brainunit as u
import jax.numpy as jnp

from .._units import check_input, number_in, unit_of, with_unit
from ._population import Population

if TYPE_CHECKING:
    from ._receptor import Receptor


@dataclass
class OwnStep:
    """A step of a model with an `update` of its own: its receptors as they act in this step."""

    states: list[tuple[Receptor, list[Any]]]
    by_kernel: bool = False  # that `update` calls the one of the form, which takes the receptors a step further


def collect(owner: Any, target: Any) -> None:
    """Let `target` receive what arrives now in the input ring of `owner`, a receptor or population."""
    if owner.input_ring is not None:
        target.received = owner.input_ring.add_into(target.received)


def begin(neuron: Population) -> OwnStep:
    """Start a step: what arrives now acts in it."""
    collect(neuron, neuron)
    return OwnStep(_collected(neuron))


def finish(neuron: Population, step: OwnStep) -> None:
    """End a step: receptors decay, once, however often the step has asked for their currents."""
    if not step.by_kernel:
        for receptor, states in step.states:
            _advance(neuron, receptor, states)


def _advance(neuron: Population, receptor: Receptor, states: list[Any]) -> None:
    decayed = receptor.kind.decay(receptor.operands(neuron, 1.0, neuron.dt()), states)
    receptor.take(iter([new.astype(old.dtype) for new, old in zip(decayed, states, strict=True)]))


def currents(neuron: Population, V: Any, label: str | None) -> Any:
    """The sum of the currents at the potential `V`, of projections with a label if given; None if there are none.

    Outside of a step of the neuron, a call takes the receptors one step further.
    """
    step = neuron.own_step
    chosen = [pair for pair in _present(neuron) if label is None or pair[0].label == label]
    functions = _labelled(neuron, label)
    if not functions and not chosen:
        return None
    total = jnp.zeros_like(u.get_mantissa(V))
    for key, function in functions.items():
        where = f"{neuron.path}: current input {key!r}"
        current = number_in(function(V), neuron.current_unit, where)
        check_input(current, total.shape, where)
        total = total + jnp.asarray(current, total.dtype)
    x = number_in(V, u.mV, "V") if unit_of(V).has_same_dim(u.mV) else u.get_mantissa(V)
    for receptor, numbers in chosen:
        total = total + receptor.kind.drive(receptor.operands(neuron, 1.0, neuron.dt()), numbers, x)[0]
        if step is None:
            _advance(neuron, receptor, numbers)
    return with_unit(total, neuron.current_unit)


def _present(neuron: Population) -> list[tuple[Receptor, list[Any]]]:
    return _collected(neuron) if neuron.own_step is None else neuron.own_step.states


def _collected(neuron: Population) -> list[tuple[Receptor, list[Any]]]:
    """The receptors and their states, after what arrives now."""
    for receptor in neuron.receptors:
        collect(receptor, receptor.syn)
    return [(receptor, receptor.state_numbers()) for receptor in neuron.receptors]


def _labelled(neuron: Population, label: str | None) -> dict[str, Any]:
    return {k: f for k, f in neuron.current_functions.items() if label is None or k.startswith(f"{label} // ")}


def jumps(neuron: Population, keep: bool) -> Any:
    """The jumps in V to come at the end of this step; clears them, unless they are to be kept."""
    if neuron.own_step is None:
        collect(neuron, neuron)
    delta = neuron.delta.value
    if not keep:
        neuron.delta.value = 0 * delta
    return delta
