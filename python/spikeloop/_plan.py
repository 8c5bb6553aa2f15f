"""`plan`: which native calls a step of a network runs as one, and what XLA does beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .kernels.plan import describe
from .nn import Module
from .transform import for_loop, make_jaxpr


def plan(step: Module | Callable[..., Any], *args: Any) -> None:
    """Print how a loop over `step(*args)` runs on the CPU; of a network, over its `update`, at time 0 if it takes one.

    Native calls that follow each other run as one call, since XLA takes as long to set a call up as a thousand neurons
    take to step. A call that needs what XLA makes of earlier results starts a new one. The loop returns what a function
    returns, but not what the `update` of a network does; it is shown as one of 16 steps or more. States and dt must be
    there, as for a step.

    >>> sl.environ.set(dt=0.1 * u.ms)
    >>> net = sl.nn.init_all_states(sl.networks.COBANetwork(400))
    >>> sl.plan(net)
    A step: 3 native calls in 1, 0 operations of XLA
    call 1, 3 joined:
      event_scatter float32[400]
      event_scatter float32[400]
      LIFRef float32[400], and 1 sum with its results, spikes as bits that stay, refractory neurons in a calendar
    bytes a step: 19,200 of states and inputs; rows of neurons that spike, of 64,008 of parameters
    """
    update = step.update if isinstance(step, Module) else step
    if not args and isinstance(step, Module) and inspect.signature(update).parameters:
        args = (0.0 * u.ms,)
    once = jax.tree.map(lambda x: jnp.asarray(x)[None], args)
    body = (lambda *x: _nothing(update(*x))) if isinstance(step, Module) else step
    print(describe(make_jaxpr(lambda *xs: for_loop(body, *xs, length=1))(*once)[0]))


def _nothing(result: Any) -> None:
    del result
