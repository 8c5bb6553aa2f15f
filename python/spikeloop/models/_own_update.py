"""What makes a neuron model with methods of its own a source and target like the others."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from .._state import HiddenState, State
from ._own_step import begin, finish
from ._population import Population


def stepping(update: Callable[..., Any]) -> Callable[..., Any]:
    """`update`, as one step for what has arrived: receptors act in it with one value and decay once."""

    @functools.wraps(update)
    def step(self: Population, *args: Any, **kwargs: Any) -> Any:
        if self.own_step is not None:  # a subclass has called this one
            return update(self, *args, **kwargs)
        own = begin(self)
        object.__setattr__(self, "own_step", own)
        try:
            output = update(self, *args, **kwargs)
            finish(self, own)
        finally:
            del self.own_step
        self.note_spikes()
        return output

    return step


def with_buffers(init_state: Callable[..., None]) -> Callable[..., None]:
    """`init_state` or `reset_state`, and then the States that projections and recorders need, if it makes none."""

    @functools.wraps(init_state)
    def made(self: Population, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "_has_buffers", False)
        init_state(self, *args, **kwargs)
        if not self._has_buffers and (potential := potential_of(self)) is not None:
            self.make_buffers(potential.value)

    return made


def potential_of(neuron: Population) -> State | None:
    """The State V, or the first HiddenState of a model that names it otherwise; None before it is there."""
    own = vars(neuron)
    first = next((state for state in own.values() if isinstance(state, HiddenState)), None)
    return own["V"] if isinstance(own.get("V"), State) else first


def numbers_like(value: Any, like: Any) -> Any:
    """Spikes in the shape and dtype of a State."""
    return jnp.broadcast_to(jnp.asarray(value), like.shape).astype(like.dtype)
