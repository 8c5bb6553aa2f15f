"""Optimizer: an optax transformation that updates States in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax

from .._init_states import join
from .._module import Module
from .._state import LongTermState, ParamState, State


class Optimizer(Module):
    """Updates the parameters of a model in place by a transformation of optax, also inside `jit`.

    Optax sees plain numbers, those of parameters and gradients in the unit of the parameter.

    | parameter | meaning |
    |---|---|
    | `transformation` | from optax, such as `optax.adam(1e-3)` |
    | `model` | a Module, all of whose ParamStates are trained, or a dict {name: State} |

    `memory` is a State, so it is saved with the model. `update(gradients)` takes what
    `sl.transform.grad(loss, optimizer.states_to_train)` returns.

    >>> import optax
    >>> layer = sl.nn.Linear(3, 1)
    >>> optimizer = sl.train.Optimizer(optax.sgd(0.1), layer)
    >>> def loss():
    ...     return (layer(jnp.ones(3)) ** 2).sum()
    >>> before = loss()
    >>> optimizer.update(sl.transform.grad(loss, optimizer.states_to_train)())
    >>> bool(loss() < before)
    True
    """

    def __init__(self, transformation: Any, model: Module | Mapping[str, State], name: str | None = None):
        super().__init__(name)
        if not callable(getattr(transformation, "update", None)) or not callable(getattr(transformation, "init", None)):
            raise TypeError(f"Optimizer takes a transformation of optax, such as optax.adam(1e-3); given "
                            f"{transformation!r}.")  # fmt: skip
        self.transformation = transformation
        self._trained = _Trained(_states(model))
        self.memory = LongTermState(transformation.init(self._trained.numbers()))

    @property
    def states_to_train(self) -> dict[str, State]:
        """The States by name, as `grad` takes them."""
        return dict(self._trained.states)

    def update(self, gradients: Mapping[str, Any]) -> None:
        """Change the States by their gradients, a dict with the same names."""
        states = self._trained.states
        if gradients.keys() != states.keys():
            raise ValueError(f"{self.path}: gradients of {', '.join(map(str, gradients))} were given; it trains "
                             f"{', '.join(states)}. Write grad(loss, optimizer.states_to_train).")  # fmt: skip
        present = self._trained.numbers()
        changes, self.memory.value = self.transformation.update(_plain(dict(gradients)), self.memory.value, present)
        for name, state in states.items():
            old, tree = jax.tree.flatten(state.value)
            new = [(a + b).astype(a.dtype) for a, b in zip(old, jax.tree.leaves(changes[name]), strict=True)]
            state.value = jax.tree.unflatten(tree, new)


class _Trained:
    """The States that are trained: they belong to the model, so no Module holds them here."""

    def __init__(self, states: dict[str, State]):
        self.states = states

    def numbers(self) -> dict[str, Any]:
        """Their values as plain numbers."""
        return _plain({name: state.value for name, state in self.states.items()})


def _states(model: Any) -> dict[str, State]:
    found = model.states(ParamState) if isinstance(model, Module) else model
    if not isinstance(found, Mapping) or not all(isinstance(state, State) for state in found.values()):
        raise TypeError(f"Optimizer trains a Module or a dict of States; given {model!r}.")
    if not found:
        raise ValueError("Optimizer: there is no ParamState to train. Weights of layers are ParamStates; write "
                         "LIF(..., tau=sl.ParamState(10 * u.ms)) for a constant of a neuron.")  # fmt: skip
    return {join(name) if isinstance(name, tuple) else str(name): state for name, state in found.items()}


def _plain(values: Any) -> Any:
    return jax.tree.map(u.get_mantissa, values, is_leaf=lambda x: isinstance(x, u.Quantity))
