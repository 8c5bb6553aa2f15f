"""Transformations called outside every compiled function.

Each call traces the function again, which costs milliseconds and sees everything as it is now; the compiled program is
found by the traced program itself. So nothing is compiled twice, and no result is out of date, whatever the function
captures: models, lambdas written anew, generators, new arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax

from .. import _mesh, _trace
from .._jax import EAGER, consts_to_arguments, is_jit_disabled, strong, tracing
from .._state import State
from . import _recompilation
from ._donate import DONATE_BYTES, unshared
from ._executables import store
from ._traced import trace_function

Transform = Callable[[Any, Any, Any], Any]  # (functions, config, args) -> result


def run(
    transform: Transform, functions: tuple[Any, ...], config: Hashable, args: tuple, plain: Transform | None = None
) -> Any:
    """`transform(functions, config, args)` as one compiled program, or as a part of the one that is being traced.

    Under `jax.disable_jit()` nothing is compiled; `plain` then takes the place of `transform`, if there is one.
    """
    if _trace.current() is not None:
        return transform(functions, config, args)
    if is_jit_disabled():
        return (plain or transform)(functions, config, args)
    return TracedCall(transform, functions, config, args)(*args)


class TracedCall:
    """`transform(functions, config, args)`, traced once, as a function of `args` of the same shapes."""

    def __init__(self, transform: Transform, functions: tuple[Any, ...], config: Hashable, args: tuple):
        self._whole = lambda *args: transform(functions, config, args)
        self._traced = traced = trace_function(self._whole, args, keep_created=True)
        for state in traced.states:
            _trace.check_readable(state)
            state._value = jax.tree.map(strong, _trace.outside(state))
        self._donated = [
            state in traced.written and spec.nbytes >= DONATE_BYTES
            for state, spec in zip(traced.states, traced.state_specs, strict=True)
        ]
        donates = [False] * (len(traced.jaxpr.consts) + traced.in_tree.num_leaves)
        for donated, spec in zip(self._donated, traced.state_specs, strict=True):
            donates += [donated] * len(spec.avals)
        donates += [False] * sum(len(spec.avals) for spec in traced.settings.values())
        self._placement = self._placed(args)
        self._executable, key, is_new = store.find(consts_to_arguments(traced.jaxpr), donates, self._placement)
        if is_new:
            _recompilation.note(functions, traced.states, key)

    def _placed(self, args: tuple) -> _mesh.Placement | None:
        """How the devices of a mesh share the inputs; None without a mesh."""
        mesh, traced = _mesh.current(), self._traced
        if mesh is None:
            return None
        values = [state._value for state in traced.states]
        arrays = [*traced.jaxpr.consts, *jax.tree.leaves((args, {}))]
        return mesh.placement(arrays, traced.states, values, jax.tree.leaves(traced.setting_values()))

    @property
    def written(self) -> Sequence[State]:
        """The States that a call changes."""
        return self._traced.written

    def __call__(self, *args: Any) -> Any:
        if is_jit_disabled():
            return self._whole(*args)
        inside = tracing.trace is not EAGER  # a transformation of JAX itself is running
        traced, outs = self._traced, self._executable(self._inputs(args))
        new = traced.unpack(outs[traced.num_out :])
        for state, value in zip(traced.written, new, strict=True):
            if inside:
                _trace.check_writable(state, value)
            state._value = value
        return traced.result(outs[: traced.num_out])

    def _inputs(self, args: tuple) -> list[Any]:
        """What the program is called with; the buffers of States that it may overwrite belong to nobody else."""
        traced = self._traced
        values = [
            unshared(state) if donated else state._value
            for state, donated in zip(traced.states, self._donated, strict=True)
        ]
        rest = [*jax.tree.leaves((args, {})), *jax.tree.leaves(values), *jax.tree.leaves(traced.setting_values())]
        inputs = [*traced.jaxpr.consts, *rest]
        return inputs if self._placement is None else self._placement.place(inputs)

    def lower(self, *args: Any) -> Any:
        """The program before XLA compiles it."""
        return self._executable.lower(self._inputs(args))


def clear_caches() -> None:
    """Forget the programs of all transformations called outside `jit`."""
    store.clear()
    _recompilation.forget()
