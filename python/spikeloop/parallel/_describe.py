"""`describe`: what the devices of a mesh hold, what they exchange, and what this costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from .. import _mesh
from .._jax import consts_to_arguments
from .._module import Module
from ..models import Neuron
from ..transform import for_loop
from ..transform._traced import trace_function
from ._cut import CutConnection
from ._exchange import exchange, list_length
from ._partition import Exchanged
from ._value import AXIS, part_size

_MANY = 10_000  # steps, more than delays have
_REPEATS = 5  # of what is timed


def describe(step: Module | Callable[..., Any]) -> None:
    """Print how a loop over `step()`, or over the `update` of a network, runs on the mesh around.

    It runs the loop for some steps to time it; States keep their values. All processes must call it.

    >>> sl.parallel.describe(sl.LIF(10))
    1 device: nothing is exchanged
    """
    mesh: Any = _mesh.current()
    if mesh is None:
        print("1 device: nothing is exchanged")
        return
    found = _Loop(mesh, step, _MANY).exchanges()
    spikes = [x for x in found if x.steps is not None]
    every = max((x.steps for x in spikes if x.steps is not None), default=1)
    whole = _Loop(mesh, step, 2 * every).seconds() / (2 * every)
    print(_held(step, mesh))
    cost = 0.0
    for x in {(x.shape, str(x.dtype), x.steps): x for x in found if x.steps in (every, None)}.values():
        print(_told(x, mesh))
        cost += _seconds(mesh, x) / (x.steps or 1)
    share = max(0.0, 1 - cost / whole)
    print(f"a step {whole * 1e6:.0f} µs, of which exchange {cost * 1e6:.0f} µs: {share:.0%} of the time is spent on "
          "neurons and synapses")  # fmt: skip


class _Loop:
    """A loop over a step as a program for the mesh, which changes no State."""

    def __init__(self, mesh: Any, step: Module | Callable[..., Any], length: int):
        update = step.update if isinstance(step, Module) else step
        traced = trace_function(lambda: for_loop(lambda: update(), length=length), ())
        values, settings = [state._value for state in traced.states], jax.tree.leaves(traced.setting_values())
        self.jaxpr = consts_to_arguments(traced.jaxpr)
        self.placement = mesh.placement(traced.jaxpr.consts, traced.states, values, settings)
        self.inputs = self.placement.place([*traced.jaxpr.consts, *jax.tree.leaves(values), *settings])

    def exchanges(self) -> list[Exchanged]:
        """What the program gathers."""
        return self.placement.local(self.jaxpr, self.inputs)[2].exchanges

    def seconds(self) -> float:
        """The time of one run."""
        return _fastest(jax.jit(lambda *inputs: self.placement.run(self.jaxpr, inputs)), *self.inputs)


def _fastest(fun: Callable[..., Any], *args: Any) -> float:
    jax.block_until_ready(fun(*args))
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(fun(*args))
        taken.append(time.perf_counter() - began)
    return min(taken)


def _seconds(mesh: Any, x: Exchanged) -> float:
    """The time of one exchange without spikes."""
    times = 20

    def once(total: Any, _: Any) -> tuple[Any, None]:
        part = jnp.full(x.shape, total).astype(x.dtype)
        n = x.shape[-1] * mesh.shards
        rows = part.reshape(-1, x.shape[-1])
        spikes = lambda: exchange([(rows, n)], mesh.shards, mesh.list_length)[0]  # noqa: E731
        whole = jax.lax.all_gather(part, AXIS) if x.steps is None else spikes()
        return total + 0 * whole.reshape(-1)[0].astype(total.dtype), None

    run = lambda start: jax.lax.scan(once, start, None, times)[0]  # noqa: E731
    mapped = jax.shard_map(run, mesh=mesh.devices, in_specs=P(), out_specs=P(), check_vma=False)
    return _fastest(jax.jit(mapped), np.float32(0)) / times


def _held(step: Module | Callable[..., Any], mesh: Any) -> str:
    text = f"{mesh.shards} devices on {jax.process_count()} process{'es' if jax.process_count() > 1 else ''}"
    if not isinstance(step, Module):
        return text
    nodes = [*step.nodes().values()]
    sizes = [node.varshape[0] for node in nodes if isinstance(node, Neuron)]
    synapses = [node for node in nodes if isinstance(node, CutConnection)]
    neurons, most = sum(part_size(n, mesh.shards) for n in sizes), sum(c.parts.longest for c in synapses)
    return (
        f"{text}; at most {neurons:,} of {sum(sizes):,} neurons and {most:,} of "
        f"{sum(c.num_synapses for c in synapses):,} synapses each"
    )


def _told(x: Exchanged, mesh: Any) -> str:
    if x.steps is None:
        how = "added up" if x.is_sum else "gathered"
        return f"{how} in a step: {x.dtype}[{','.join(map(str, x.shape))}] of every device"
    neurons = math.prod(x.shape)  # times steps
    length = min(mesh.list_length or list_length(neurons), neurons)
    often = "in every step" if x.steps == 1 else f"once in {x.steps} steps"
    return f"spikes: {often}, a message of {4 * (1 + length):,} bytes for up to {length} spikes of a device"
