"""Branches: every branch is traced, and States written in one of them pass through the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._jax import strong
from .._state import State
from .._trace import Spec, spec_of, store, stored
from . import _eager, _step_by_step
from ._traced import Traced, trace_function


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """`true_fun(*operands)` if `pred`, else `false_fun(*operands)`.

    >>> sl.transform.cond(jnp.array(2.0) > 1.0, lambda x: x + 1, lambda x: x, 10.0).item()
    11.0
    """
    index = jnp.asarray(pred, bool)
    if index.shape != ():
        raise TypeError(f"cond needs one truth value; given shape {index.shape}. Use jnp.where or vmap.")
    return _eager.run(_switch, (false_fun, true_fun), "cond", (index, operands), _step_by_step.switch)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; the index is clamped to the number of branches."""
    if not branches:
        raise ValueError("switch needs at least one branch.")
    index = jnp.asarray(index)
    if index.shape != () or not jnp.issubdtype(index.dtype, jnp.integer):
        raise TypeError(f"switch needs one integer index; given {index.dtype}{list(index.shape)}.")
    return _eager.run(_switch, tuple(branches), "switch", (index, operands), _step_by_step.switch)


def ifelse(conditions: Sequence[Any], branches: Sequence[Any], *operands: Any, check_cond: bool = True) -> Any:
    """The branch of the first condition that holds; the last branch if none holds.

    `branches` may be values instead of functions. With `check_cond`, the numbers of conditions and branches must be
    equal.
    """
    if check_cond and len(conditions) != len(branches):
        raise ValueError(f"ifelse: {len(conditions)} conditions for {len(branches)} branches; they must be as many.")
    if not branches:
        raise ValueError("ifelse needs at least one branch.")
    functions = [branch if callable(branch) else _constant(branch) for branch in branches]
    first = jnp.argmax(jnp.stack([jnp.asarray(c, bool) for c in (*conditions, True)]))
    return switch(first, functions, *operands)


def _constant(value: Any) -> Callable[..., Any]:
    return lambda *_: value


def _switch(functions: tuple[Any, ...], kind: str, args: tuple) -> Any:
    index, operands = args
    leaves = jax.tree.leaves((tuple(operands), {}))
    traced = [trace_function(fun, operands) for fun in functions]
    written = _common_states(traced, kind)
    _check_results(traced, kind)
    outside = [stored(state) for state in written]
    branches = [_branch(t, written, outside) for t in traced]
    index = index.astype(jnp.int32) if kind == "cond" else index
    outs, new = jax.lax.switch(index, branches, leaves)
    for state, value in zip(written, new, strict=True):
        store(state, value)
    return traced[0].result(outs)


def _branch(traced: Traced, written: Sequence[State], outside: Sequence[Any]) -> Callable[[Any], Any]:
    states, settings = traced.state_values(), traced.setting_values()

    def branch(leaves: Any) -> Any:
        outs, new = traced.run(leaves, states, settings)
        own = dict(zip(traced.written, traced.unpack(new), strict=True))
        return [strong(out) for out in outs], [own.get(s, v) for s, v in zip(written, outside, strict=True)]

    return branch


def _common_states(traced: Sequence[Traced], kind: str) -> list[State]:
    specs: dict[State, Spec] = {}
    for t in traced:
        t.check_unchanged(f"a branch of {kind}")
        specs.update(zip(t.written, t.written_specs, strict=True))
    for state, spec in specs.items():
        assert spec == spec_of(stored(state), state.path)
    return list(specs)


def _check_results(traced: Sequence[Traced], kind: str) -> None:
    names = ("false_fun", "true_fun") if kind == "cond" else [f"branch {i}" for i in range(len(traced))]
    specs = [_result_spec(t) for t in traced]
    for name, spec in zip(names, specs, strict=True):
        if spec != specs[0]:
            both = f"{names[0]} returns {specs[0]}, {name} returns {spec}"
            raise TypeError(f"The branches of {kind} must return the same type: {both}.")


def _result_spec(traced: Traced) -> Spec:
    avals = (aval.update(weak_type=False) for aval in traced.jaxpr.out_avals[: traced.num_out])
    return Spec(traced.out_tree, tuple(avals))
