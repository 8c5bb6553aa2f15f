"""Neurons whose steps do not depend on each other."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import environ
from .._module import Module
from .._state import ParamState, ShortTermState
from ..nn._run_steps import RunsSteps
from ..surrogate._function import spike_function
from ._cell import ARCTAN


class ParallelSpikingNeuron(RunsSteps, Module):
    r"""Sliding parallel spiking neuron: trained weights of the last inputs take the place of decay and reset.

    $$h_t = \sum_{k=0}^{K-1} w_k\, x_{t-k}, \qquad s_t = 1 \text{ where } h_t \ge \vartheta$$

    | parameter | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `order` | K, the number of inputs that count | 4 |
    | `threshold` | the first ϑ | 1 |
    | `spike_grad` | surrogate gradient | `Arctan(alpha=2)` |

    `weight` (K,), first 2⁻ᵏ, and `threshold` are ParamStates. Over time it runs all steps at once.

    Fang W et al. (2023) Adv. Neural Inf. Process. Syst. 36, 53674.

    >>> neuron = sl.nn.init_all_states(sl.snn.ParallelSpikingNeuron(1, order=2))
    >>> neuron.run_steps(jnp.array([[0.7], [0.7], [0.6]]))[:, 0].tolist()
    [0.0, 1.0, 0.0]
    """

    past: ShortTermState

    def __init__(
        self,
        in_size: Any,
        order: int = 4,
        threshold: Any = 1.0,
        spike_grad: Any = ARCTAN,
        name: str | None = None,
    ):
        super().__init__(name)
        if order < 1:
            raise ValueError(f"ParallelSpikingNeuron: order must be 1 or more; given {order}.")
        self.in_size = self.out_size = in_size
        self.order, self.spike_grad = order, spike_function(spike_grad, type(self).__name__)
        dtype = environ.dftype()
        self.weight = ParamState(jnp.asarray(0.5 ** np.arange(order), dtype))
        self.threshold = ParamState(jnp.asarray(threshold, dtype))

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Set the past inputs to 0."""
        shape = (*(() if batch_size is None else (batch_size,)), *(self.in_size or ()))
        self.past = ShortTermState(tuple(jnp.zeros(shape, environ.dftype()) for _ in range(self.order - 1)))

    def update(self, x: Any) -> Any:
        """One step with the input `x`; returns the spikes."""
        inputs = (jnp.asarray(x), *self.past.value)
        self.past.value = inputs[:-1]
        weight = self.weight.value
        h = sum(weight[k] * inputs[k] for k in range(self.order))
        return self.spike_grad(h - self.threshold.value)
