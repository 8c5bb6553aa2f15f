"""Trading time for memory in reverse mode: keep few values of the forward pass and compute the others again."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from . import _eager, _step_by_step
from ._loops import Loop, check_length
from ._progress import ProgressBar, Report, as_progress_bar, no_report
from ._step_by_step import Steps, step_of
from ._traced import trace_function


def checkpoint(fun: Callable[..., Any] | None = None, *, prevent_cse: bool = True, policy: Any = None) -> Any:
    """`fun`, whose intermediate values are computed again in the backward pass instead of being kept."""
    if fun is None:
        return functools.partial(checkpoint, prevent_cse=prevent_cse, policy=policy)

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _eager.run(_checkpoint, (fun,), (prevent_cse, policy), (args, kwargs), _step_by_step.call)

    return wrapped


remat = checkpoint


def _checkpoint(functions: tuple[Any], config: tuple, args: tuple) -> Any:
    prevent_cse, policy = config
    traced = trace_function(functions[0], *args, keep_created=True)
    run = jax.checkpoint(traced.run, prevent_cse=prevent_cse, policy=policy)
    outs, new = run(jax.tree.leaves(args), traced.state_values(), traced.setting_values())
    traced.commit(new)
    return traced.result(outs)


def checkpointed_for_loop(
    f: Callable[..., Any],
    *xs: Any,
    length: int | None = None,
    base: int | None = None,
    pbar: ProgressBar | int | bool | None = None,
) -> Any:
    """`for_loop` with bounded memory in reverse mode; same results and gradients.

    The loop is cut into `base` pieces, and pieces longer than `base` again: the backward pass keeps the State at the
    start of each piece and runs one piece at a time again. A loop of n steps keeps about `base` States for each of
    its log(n)/log(base) levels, and computes the forward pass once more for each level but the last.

    | name | meaning | default |
    |---|---|---|
    | `base` | pieces per level, at least 2 | √n: two levels |
    | `pbar` | as in `for_loop`, but it moves after whole pieces of the top level only | no bar |
    """
    steps = Steps(check_length(xs, length), bar=as_progress_bar(pbar), option=_check_base(base))
    return _eager.run(_checkpointed_for_loop, (f,), steps, xs, _step_by_step.for_loop)


def checkpointed_scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    base: int | None = None,
    pbar: ProgressBar | int | bool | None = None,
) -> tuple[Any, Any]:
    """`scan` with bounded memory in reverse mode; see `checkpointed_for_loop`."""
    steps = Steps(check_length((xs,), length), bar=as_progress_bar(pbar), option=_check_base(base))
    return _eager.run(_checkpointed_scan, (f,), steps, (init, xs), _step_by_step.scan)


def _checkpointed_for_loop(functions: tuple[Any], steps: Steps, xs: tuple) -> Any:
    return _checkpointed_scan((step_of(functions[0]),), steps, (None, xs))[1]


def _checkpointed_scan(functions: tuple[Any], steps: Steps, args: tuple) -> tuple[Any, Any]:
    loop, length, bar = Loop(functions[0], *args), steps.length, steps.bar
    base = steps.option or max(2, math.isqrt(max(length - 1, 0)) + 1)
    report = Report(bar, length) if bar else no_report
    return loop.finish(*_nested(loop.step, loop.start, loop.xs, length, base, report))


def _nested(step: Any, carry: Any, xs: Any, length: int, base: int, report: Any = no_report) -> tuple[Any, Any]:
    """`jax.lax.scan` in at most `base` pieces and a rest, each one run again in the backward pass."""
    if length <= base:
        carry, ys = jax.lax.scan(step, carry, xs, length=length)
        report(carry, ys, length)
        return carry, ys
    size = base ** (math.ceil(round(math.log(length, base), 9)) - 1)
    pieces = length // size
    head = jax.tree.map(lambda x: x[: pieces * size].reshape(pieces, size, *x.shape[1:]), xs)
    tail = jax.tree.map(lambda x: x[pieces * size :], xs)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def piece(carry: Any, part: Any) -> tuple[Any, Any]:
        return _nested(step, carry, part, size, base)

    def reported(carry: Any, part: Any) -> tuple[Any, Any]:
        carry, ys = piece(carry, part)
        report(carry, ys, size)  # outside of what runs again
        return carry, ys

    carry, ys = jax.lax.scan(reported, carry, head, length=pieces)
    ys = jax.tree.map(lambda y: y.reshape(pieces * size, *y.shape[2:]), ys)
    if rest := length - pieces * size:
        last = jax.checkpoint(lambda c, x: _nested(step, c, x, rest, base))
        carry, more = last(carry, tail)
        report(carry, more, rest)
        ys = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ys, more)
    return carry, ys


def _check_base(base: int | None) -> int | None:
    if base is not None and (not isinstance(base, int) or base < 2):
        raise ValueError(f"base must be a whole number of at least 2; given {base!r}.")
    return base
