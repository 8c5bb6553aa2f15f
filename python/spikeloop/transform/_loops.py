"""Loops over time: the whole loop becomes one program, with the States as its carry."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .. import _trace
from .._jax import slice_struct, strong
from .._trace import store, stored
from ..kernels import plan
from ..kernels._fold_slices import fold_slices
from ..kernels.plan import as_step
from . import _eager, _step_by_step
from ._by_layer import scan_by_layer
from ._clocked import clocked
from ._progress import ProgressBar, Report, as_progress_bar, scan_with_progress
from ._step_by_step import Steps, step_of
from ._traced import Traced, trace_function

_GPU_UNROLL = 8  # steps that XLA can capture in one CUDA graph


def for_loop(
    f: Callable[..., Any],
    *xs: Any,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool | None = None,
    pbar: ProgressBar | int | bool | None = None,
    fused: bool = False,
    memory: Literal["auto", "save", "recompute"] = "auto",
) -> Any:
    """Call `f` once for each slice of `xs`, or `length` times, and return its results stacked over time.

    States that `f` writes are carried from step to step. Outside `jit` the compiled loop is kept, and used again when
    the loop is called with the same function.

    | name | meaning | default |
    |---|---|---|
    | `xs` | pytrees whose arrays share the length of their first axis; `f` gets one slice of each | |
    | `length` | the number of steps, needed if there are no `xs` | from `xs` |
    | `reverse` | from the last step to the first; results keep the order of `xs` | False |
    | `unroll` | steps per iteration of the compiled loop | 1 on CPU, 8 on GPU |
    | `pbar` | a `ProgressBar`, or the number of steps between its updates, or True | no bar |
    | `fused` | all steps of a layer before those of the next one; a population whose input is known for all steps is \
    one native call, a product with weights one product. What cannot be taken apart runs step by step, and a warning \
    says so once. The results are the same; `f` must not print or call back | False |
    | `memory` | with `fused`, how gradients get the states of a population: "save" keeps those of all steps, \
    "recompute" those of every √steps-th step, and the others are computed again; "auto" keeps up to 256 MiB | 'auto' |

    >>> count = sl.State(jnp.zeros((), int))
    >>> def step(x):
    ...     count.value = count.value + x
    ...     return count.value
    >>> sl.transform.for_loop(step, jnp.arange(5)).tolist()
    [0, 1, 3, 6, 10]
    """
    steps = Steps(check_length(xs, length), reverse, as_progress_bar(pbar), _unroll(unroll))
    if fused:
        if reverse or steps.bar or unroll is not None:
            raise ValueError("for_loop: fused=True takes no `reverse`, `unroll` or `pbar`; leave them out.")
        steps = steps._replace(fused=memory)
    if memory not in ("auto", "save", "recompute") or (memory != "auto" and not fused):
        raise ValueError(f"for_loop: memory is 'auto' or, with fused=True, 'save' or 'recompute'; given {memory!r}.")
    return _eager.run(_for_loop, (f,), steps, xs, _step_by_step.for_loop)


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

    >>> carry, doubled = sl.transform.scan(lambda c, x: (c + x, 2 * x), 0, jnp.arange(4))
    >>> int(carry), doubled.tolist()
    (6, [0, 2, 4, 6])
    """
    steps = Steps(check_length((xs,), length), reverse, as_progress_bar(pbar), _unroll(unroll))
    return _eager.run(_scan, (f,), steps, (init, xs), _step_by_step.scan)


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
    """Apply `body_fun` to the carry, at first `init_val`, while `cond_fun` holds.

    `cond_fun` may read States but not write them.

    >>> int(sl.transform.while_loop(lambda x: x < 100, lambda x: 2 * x, 3))
    192
    """
    return _eager.run(_while_loop, (cond_fun, body_fun), (), (init_val,), _step_by_step.while_loop)


def _for_loop(functions: tuple[Any], steps: Steps, xs: tuple) -> Any:
    return _scan((step_of(functions[0]),), steps, (None, xs))[1]


def _scan(functions: tuple[Any], steps: Steps, args: tuple) -> tuple[Any, Any]:
    loop, bar = Loop(functions[0], *args, in_order=not steps.fused), steps.bar
    options = {"length": steps.length, "reverse": steps.reverse, "unroll": steps.option}
    if steps.fused and steps.length:
        carry, ys = scan_by_layer(loop.step, loop.start, loop.xs, steps.length, steps.fused)
    elif bar is None:
        carry, ys = loop.scan(loop.step, loop.start, loop.xs, **options)
    else:
        size = bar.chunk(steps.length) if steps.length else 1
        report = loop.report(bar, steps.length)
        carry, ys = scan_with_progress(loop.step, loop.start, loop.xs, report, size, loop.scan, **options)
    return loop.finish(carry, ys)


class Loop:
    """The traced step of a loop, as a pure function of carry and slice that `jax.lax.scan` understands.

    Steps that run `in_order`, one after the other, are planned.
    """

    def __init__(self, f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, *, in_order: bool = True):
        f, xs = clocked(f, xs)
        self._in_order = in_order
        self.xs = jax.tree.leaves(xs)
        self._trace(f, jax.tree.map(strong, init), xs)
        promoted = self._promoted(jax.tree.leaves(init))
        if promoted is not None:
            self._trace(f, promoted, xs)
        self._check_carry()
        self.traced.check_unchanged(f"the loop over {self.name}")
        self._values = self.traced.state_values()
        self._settings = self.traced.setting_values()
        self._slots = {s: i for i, s in enumerate(self.traced.states)}
        self.start = (self._init_leaves, [stored(state) for state in self.traced.written])

    def _trace(self, f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any) -> None:
        self._init_leaves, self._init_tree = jax.tree.flatten(init)
        traced = trace_function(f, (init, jax.tree.map(slice_struct, xs)))
        jaxpr = fold_slices(traced.jaxpr)
        jaxpr = as_step(jaxpr, _fixed(traced)) if self._in_order else jaxpr
        self.traced = dataclasses.replace(traced, jaxpr=jaxpr)
        self.name, tree = traced.name, traced.out_tree
        if not is_pair(tree):
            raise TypeError(f"{self.name} must return (carry, y) from every step of a scan; it returns {tree}.")
        self._carry_tree, self._ys_tree = tree.children()
        self._num_carry = self._carry_tree.num_leaves
        self._carry_avals = self.traced.jaxpr.out_avals[: self._num_carry]

    def _promoted(self, given: Sequence[Any]) -> Any:
        """The carry with numbers that have no type of their own, such as 0, in the type that the step returns."""
        if self._carry_tree != self._init_tree:
            return None
        dtypes = [
            jnp.promote_types(leaf.dtype, aval.dtype) if jax.typeof(start).weak_type else leaf.dtype
            for start, leaf, aval in zip(given, self._init_leaves, self._carry_avals, strict=True)
        ]
        if dtypes == [leaf.dtype for leaf in self._init_leaves]:
            return None
        leaves = [jax.lax.convert_element_type(x, dtype) for x, dtype in zip(self._init_leaves, dtypes, strict=True)]
        return jax.tree.unflatten(self._init_tree, leaves)

    def _check_carry(self) -> None:
        avals = [jax.typeof(leaf) for leaf in self._init_leaves]
        given, got = _describe(self._init_tree, avals), _describe(self._carry_tree, self._carry_avals)
        if given != got or self._init_tree != self._carry_tree:
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

    @property
    def scan(self) -> Callable[..., Any]:
        """`jax.lax.scan`, planned as a whole if the step has native calls that run as one."""
        return plan.scan if plan.has_step(self.traced.jaxpr.jaxpr) else jax.lax.scan

    def reader(self, fun: Callable[..., Any], args: tuple, what: str) -> tuple[Traced, Callable[[Any, Any], Any]]:
        """`fun`, which may read States, and as a function of (carry of the loop, leaves of `args`) that returns leaves.

        It sees the States as the carry holds them.
        """
        traced = trace_function(fun, args)
        if traced.written:
            raise ValueError(f"{what} writes {traced.written[0].path}, but may only read States.")
        fixed = dict(zip(traced.states, traced.state_values(), strict=True))
        settings = traced.setting_values()

        def read(carry: Any, leaves: Sequence[Any]) -> Any:
            values = {**fixed, **dict(zip(self.traced.written, carry[1], strict=True))}
            return traced.run(leaves, [values[s] for s in traced.states], settings)[0]

        return traced, read

    def report(self, bar: ProgressBar, length: int) -> Report:
        """What moves `bar` while the loop runs."""
        if not isinstance(bar.desc, tuple):
            return Report(bar, length)
        ys = jax.tree.unflatten(self._ys_tree, self.traced.jaxpr.out_avals[self._num_carry : self.traced.num_out])
        example = {"i": jax.ShapeDtypeStruct((), jnp.int32), "carry": self.init(), "y": ys}
        traced, read = self.reader(bar.desc[1], (example,), "The function in `desc` of a ProgressBar")
        if not isinstance(shown := traced.result([0] * traced.num_out), dict):
            raise TypeError(f"The function in `desc` of a ProgressBar must return a dict; it returns {shown!r}.")

        def describe(carry: Any, ys: Any, i: Any) -> Any:
            data = {"i": jnp.asarray(i, jnp.int32), "carry": carry[0], "y": ys}
            return traced.result(read(carry, jax.tree.leaves(data)))

        return Report(bar, length, describe)

    def init(self) -> Any:
        """The carry at the start as the user knows it."""
        return jax.tree.unflatten(self._init_tree, self._init_leaves)

    def finish(self, carry: Any, ys: Sequence[Any]) -> tuple[Any, Any]:
        """Commit the States and return (carry, ys) as the user knows them."""
        leaves, new = carry
        for state, value in zip(self.traced.written, new, strict=True):
            store(state, value)
        return jax.tree.unflatten(self._init_tree, leaves), jax.tree.unflatten(self._ys_tree, ys)


def _while_loop(functions: tuple[Any, Any], _config: tuple, args: tuple) -> Any:
    loop = WhileLoop(functions, args[0])
    return loop.finish(jax.lax.while_loop(loop.goes_on, loop.step, loop.start))


class WhileLoop:
    """The traced condition and body of a loop, as pure functions of its carry."""

    def __init__(self, functions: tuple[Any, Any], init: Any):
        cond_fun, body_fun = functions

        def body(carry: Any, _: None) -> tuple[Any, tuple[()]]:
            return body_fun(carry), ()

        body.__name__ = getattr(body_fun, "__name__", "body")
        self._loop = Loop(body, init, None)
        test, self._read = self._loop.reader(cond_fun, (self._loop.init(),), "cond_fun of a while loop")
        _check_condition(test)
        self.start = self._loop.start

    def goes_on(self, carry: Any) -> Any:
        """Whether the condition holds."""
        return self._read(carry, carry[0])[0]

    def step(self, carry: Any) -> Any:
        """The carry after one run of the body."""
        return self._loop.step(carry, ())[0]

    def finish(self, carry: Any) -> Any:
        """Commit the States and return the carry as the user knows it."""
        return self._loop.finish(carry, ())[0]


def _check_condition(test: Traced) -> None:
    avals = test.jaxpr.out_avals
    if len(avals) != 1 or avals[0].shape != () or avals[0].dtype != bool:
        raise TypeError(
            f"cond_fun of a while loop must return one truth value; it returns {_describe(test.out_tree, avals)}."
        )


def is_pair(tree: Any) -> bool:
    """Whether `tree` is the structure of a tuple or list of two."""
    return tree.node_data() is not None and tree.node_data()[0] in (tuple, list) and len(tree.children()) == 2


def check_length(xs: Any, length: int | None) -> int:
    if length is not None:
        if not hasattr(length, "__index__") or length < 0:
            raise ValueError(f"length must be a whole number, at least 0; given {length!r}.")
        length = operator.index(length)
    sizes = []
    for leaf in jax.tree.leaves(xs):
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
    return length if length is not None else sizes[0]


def _unroll(unroll: int | bool | None) -> int | bool:
    if unroll is None:
        return 1 if jax.default_backend() == "cpu" else _GPU_UNROLL
    return unroll


def _fixed(traced: Traced) -> list[bool]:
    """For each input of a step whether it is the same in all: States that it only reads, and settings."""
    fixed = [False] * traced.in_tree.num_leaves
    for state, spec in zip(traced.states, traced.state_specs, strict=True):
        fixed += [state not in traced.written] * len(spec.avals)
    return fixed + [True] * (len(traced.jaxpr.in_avals) - len(fixed))


def _describe(tree: Any, avals: Any) -> str:
    return str(_trace.Spec(tree, tuple(avals)))


__all__ = ["Loop", "Traced", "WhileLoop", "for_loop", "scan", "while_loop"]
