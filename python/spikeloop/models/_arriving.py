"""What projections have left for a neuron: for its own step, and for models that write their own `update`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from ._form import number_in, with_unit
from ._inputs import CurrentOfV

if TYPE_CHECKING:
    from ._neuron import Neuron


def collect(owner: Any, receiver: Any) -> None:
    """Let `receiver` have what arrives now at `owner`, a receptor or population, after the delay of each synapse."""
    if owner.arrivals is not None:
        owner.arrivals.collect(receiver)


def currents(neuron: Neuron, V: Any) -> Any:
    """The sum of all currents but the external one at the potential `V`; takes the receptors one step further."""
    V, dt = jnp.asarray(number_in(V, neuron.state_unit("V"), f"{neuron.path}: V")), neuron.dt()
    total = CurrentOfV(neuron.current_functions, V, neuron).current
    for receptor in neuron.receptors:
        collect(receptor, receptor.syn)
        kind, states = receptor.kind, receptor.state_numbers()
        operands = receptor.operands(neuron, 1.0, dt)
        total = total + kind.drive(operands, states, V)[0]
        receptor.take(
            iter([new.astype(old.dtype) for new, old in zip(kind.decay(operands, states), states, strict=True)])
        )
    return with_unit(total, neuron.current_unit)


def jumps(neuron: Neuron) -> Any:
    """The jumps in V that wait for the end of this step; clears them."""
    collect(neuron, neuron)
    waiting = neuron.delta.value
    neuron.delta.value = 0 * waiting
    return waiting
