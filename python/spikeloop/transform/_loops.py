"""Loops over time: the whole loop becomes one program, with the States as its carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import _trace
from ..kernels._fold_slices import fold_slices
from . import _eager
from ._progress import ProgressBar, as_progress_bar, scan_with_progress
from ._traced import Traced, trace_function

_GPU_UNROLL = 8  # steps that XLA can capture in one CUDA graph


def for_loop(
    f: Callable[..., Any],
    *xs: Any,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool | None = None,
    pbar: ProgressBar | int | bool | None = None,
) -> Any:
    """Call `f` once for each slice of `xs`, or `length` times, and return its results stacked over time.

    States that `f` writes are carried from step to step. Called outside `jit`, the loop is compiled, and found again
    when it is called with the same function.

    | name | meaning | default |
    |---|---|---|
    | `xs` | pytrees whose arrays share the length of their first axis; `f` gets one slice of each | |
    | `length` | the number of steps, needed if there are no `xs` | from `xs` |
    | `reverse` | from the last step to the first; results keep the order of `xs` | False |
    | `unroll` | steps per iteration of the compiled loop | 1 on CPU, 8 on GPU |
    | `pbar` | a `ProgressBar`, or the number of steps between its updates, or True | no bar |
    """
    config = (_check_length(xs, length), reverse, _unroll(unroll), as_progress_bar(pbar))
    return _eager.run(_for_loop, (f,), config, xs)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool | None = None,
    pbar: ProgressBar | int | bool | None = None,
) -> tuple[Any, Any]:
    """Thread a carry through `f(carry, x) -> (carry, y)`; return the last carry and the stacked `y`.

    Options as in `for_loop`.
    """
    config = (_check_length((xs,), length), reverse, _unroll(unroll), as_progress_bar(pbar))
    return _eager.run(_scan, (f,), config, (init, xs))


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any) -> Any:
    """Apply `body_fun` to the carry while `cond_fun` holds; `cond_fun` may read States but not write them."""
    return _eager.run(_while_loop, (cond_fun, body_fun), (), (init,))


def _for_loop(functions: tuple[Any], config: tuple, xs: tuple) -> Any:
    (f,) = functions

    def step(carry: Any, x: tuple) -> tuple[Any, Any]:
        return carry, f(*x)

    step.__name__ = getattr(f, "__name__", "step")
    return _scan((step,), config, (None, xs))[1]


def _scan(functions: tuple[Any], config: tuple, args: tuple) -> tuple[Any, Any]:
    length, reverse, unroll, bar = config
    loop = Loop(functions[0], *args)
    options = {"length": length, "reverse": reverse, "unroll": unroll}
    if bar is None:
        carry, ys = jax.lax.scan(loop.step, loop.start, loop.xs, **options)
    else:
        carry, ys = scan_with_progress(loop.step, loop.start, loop.xs, bar, **options)
    return loop.finish(carry, ys)


class Loop:
    """The traced step of a loop, as a pure function of carry and slice that `jax.lax.scan` understands."""

    def __init__(self, f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any):
        init = jax.tree.map(_strong_array, init)
        self.xs, self._xs_tree = jax.tree.flatten(xs)
        traced = trace_function(f, (init, jax.tree.map(_slice_shape, xs)))
        self.traced = dataclasses.replace(traced, jaxpr=fold_slices(traced.jaxpr))
        self.name = self.traced.name
        self._init_leaves, self._init_tree = jax.tree.flatten(init)
        self._split_result()
        self.traced.check_unchanged(f"the loop over {self.name}")
        self._values = self.traced.state_values()
        self._settings = self.traced.setting_values()
        self._slots = {s: i for i, s in enumerate(self.traced.states)}
        self.start = (self._init_leaves, [state.value for state in self.traced.written])

    def _split_result(self) -> None:
        tree = self.traced.out_tree
        if len(children := tree.children()) != 2:
            raise TypeError(f"{self.name} must return (carry, y) from every step of a scan; it returns {tree}.")
        carry_tree, self._ys_tree = children
        self._num_carry = carry_tree.num_leaves
        avals = self.traced.jaxpr.out_avals[: self._num_carry]
        same = carry_tree == self._init_tree and all(
            jax.typeof(leaf).shape == aval.shape and jax.typeof(leaf).dtype == aval.dtype
            for leaf, aval in zip(self._init_leaves, avals, strict=True)
        )
        if not same:
            given, got = _describe(self._init_tree, map(jax.typeof, self._init_leaves)), _describe(carry_tree, avals)
            raise TypeError(f"The carry of {self.name} changes its type: it goes in as {given}, comes out as {got}.")

    def step(self, carry: Any, x: Sequence[Any]) -> tuple[Any, Any]:
        """One step: ((user's carry, written States), slice) -> (the same, result)."""
        leaves, new = carry
        states = list(self._values)
        for state, value in zip(self.traced.written, new, strict=True):
            if state in self._slots:
                states[self._slots[state]] = value
        outs, new = self.traced.run([*leaves, *x], states, self._settings)
        return (outs[: self._num_carry], self.traced.unpack(new)), outs[self._num_carry :]

    def finish(self, carry: Any, ys: Sequence[Any]) -> tuple[Any, Any]:
        """Commit the States and return (carry, ys) as the user knows them."""
        leaves, new = carry
        for state, value in zip(self.traced.written, new, strict=True):
            state.value = value
        return jax.tree.unflatten(self._init_tree, leaves), jax.tree.unflatten(self._ys_tree, ys)


def _while_loop(functions: tuple[Any, Any], _config: tuple, args: tuple) -> Any:
    cond_fun, body_fun = functions
    init = jax.tree.map(_strong_array, args[0])
    test, loop = trace_function(cond_fun, (init,)), Loop(lambda carry, _: (body_fun(carry), ()), init, None)
    if test.written:
        raise ValueError(f"cond_fun of while_loop writes {test.written[0].path}; only body_fun may write States.")
    fixed = dict(zip(test.states, test.state_values(), strict=True))
    settings = test.setting_values()

    def go_on(carry: Any) -> Any:
        leaves, new = carry
        values = {**fixed, **dict(zip(loop.traced.written, new, strict=True))}
        outs, _ = test.run(leaves, [values[s] for s in test.states], settings)
        return outs[0]

    carry = jax.lax.while_loop(go_on, lambda c: loop.step(c, ())[0], loop.start)
    return loop.finish(carry, ())[0]


def _check_length(xs: Any, length: int | None) -> int:
    leaves = jax.tree.leaves(xs)
    sizes = []
    for leaf in leaves:
        if jnp.ndim(leaf) == 0:
            raise ValueError(
                "A loop needs arrays to loop over (their first axis is time); given the scalar "
                f"{leaf!r}. For a fixed number of steps write for_loop(f, length=n); turn a list into an array first."
            )
        sizes.append(jnp.shape(leaf)[0])
    if len({*sizes}) > 1:
        raise ValueError(f"The arrays to loop over differ in the length of their first axis: {sizes}.")
    if length is None and not sizes:
        raise ValueError("Nothing to loop over: give arrays, or length=n.")
    if length is not None and sizes and sizes[0] != length:
        raise ValueError(f"length={length}, but the arrays to loop over have {sizes[0]} slices. Drop one of the two.")
    return int(length) if length is not None else sizes[0]


def _unroll(unroll: int | bool | None) -> int | bool:
    if unroll is None:
        return 1 if jax.default_backend() == "cpu" else _GPU_UNROLL
    return unroll


def _slice_shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf)[1:], jnp.result_type(leaf))


def _strong_array(leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return jax.lax.convert_element_type(leaf, leaf.dtype) if jax.typeof(leaf).weak_type else leaf


def _describe(tree: Any, avals: Any) -> str:
    return str(_trace.Spec(tree, tuple(avals)))


__all__ = ["Loop", "Traced", "for_loop", "scan", "while_loop"]
