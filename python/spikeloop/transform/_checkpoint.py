"""Trading time for memory in reverse mode: keep few values of the forward pass and compute the others again."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from . import _eager, _step_by_step
from ._loops import Loop, WhileLoop, check_length
from ._progress import ProgressBar, as_progress_bar, no_report
from ._static import fix_static, resolve
from ._step_by_step import Steps, step_of
from ._traced import trace_function


def checkpoint(
    fun: Callable[..., Any] | None = None,
    *,
    prevent_cse: bool = True,
    policy: Any = None,
    static_argnums: int | Sequence[int] | None = None,
) -> Any:
    """`fun`, whose intermediate values are computed again in the backward pass instead of being kept.

    `prevent_cse` and `policy` are those of `jax.checkpoint`; `static_argnums` are arguments used by value, as in `jit`.
    """
    if fun is None:
        options = {"prevent_cse": prevent_cse, "policy": policy, "static_argnums": static_argnums}
        return functools.partial(checkpoint, **options)
    nums, names = resolve(fun, (static_argnums, None), "static")

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        dynamic, _, args, kwargs = fix_static(fun, nums, names, args, kwargs)
        return _eager.run(_checkpoint, (dynamic,), (prevent_cse, policy), (args, kwargs), _step_by_step.call)

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

    >>> sl.transform.checkpointed_for_loop(lambda x: x**2, jnp.arange(4)).tolist()
    [0, 1, 4, 9]
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
    report = loop.report(bar, length) if bar else no_report
    return loop.finish(*_nested(loop.step, loop.start, loop.xs, length, base, loop.scan, report))


def _nested(
    step: Any, carry: Any, xs: Any, length: int, base: int, scan: Any, report: Any = no_report
) -> tuple[Any, Any]:
    """`jax.lax.scan` in at most `base` pieces and a rest, each one run again in the backward pass.

    `scan` runs the shortest pieces.
    """
    if length <= base:
        carry, ys = scan(step, carry, xs, length=length)
        report(carry, ys, length, length)
        return carry, ys
    size = base ** (math.ceil(round(math.log(length, base), 9)) - 1)
    pieces = length // size
    head = jax.tree.map(lambda x: x[: pieces * size].reshape(pieces, size, *x.shape[1:]), xs)
    tail = jax.tree.map(lambda x: x[pieces * size :], xs)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def piece(carry: Any, part: Any) -> tuple[Any, Any]:
        return _nested(step, carry, part, size, base, scan)

    def reported(carry: Any, part: Any) -> tuple[Any, Any]:
        done, part = part
        carry, ys = piece(carry, part)
        report(carry, ys, size, done)  # outside of what runs again
        return carry, ys

    done = size * (1 + jnp.arange(pieces, dtype=jnp.int32))
    carry, ys = jax.lax.scan(reported, carry, (done, head), length=pieces)
    ys = jax.tree.map(lambda y: y.reshape(pieces * size, *y.shape[2:]), ys)
    if rest := length - pieces * size:
        last = jax.checkpoint(lambda c, x: _nested(step, c, x, rest, base, scan))
        carry, more = last(carry, tail)
        report(carry, more, rest, length)
        ys = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ys, more)
    return carry, ys


def bounded_while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, max_steps: int, base: int = 16
) -> Any:
    """`while_loop` that ends after `max_steps` steps at the latest and can be differentiated in reverse mode.

    The backward pass keeps and computes again as in `checkpointed_for_loop`. Steps after the end are skipped, in
    pieces where possible; inside `vmap` they are computed and thrown away.

    | name | meaning | default |
    |---|---|---|
    | `cond_fun`, `body_fun`, `init_val` | as in `while_loop` | |
    | `max_steps` | the greatest number of steps, at least 0 | |
    | `base` | pieces per level, at least 2 | 16 |
    """
    if isinstance(max_steps, bool) or not hasattr(max_steps, "__index__") or max_steps < 0:
        raise ValueError(f"bounded_while_loop: max_steps must be a whole number, at least 0; given {max_steps!r}.")
    config = int(max_steps), _check_base(base)
    return _eager.run(_bounded_while_loop, (cond_fun, body_fun), config, (init_val,), _step_by_step.bounded_while_loop)


def _bounded_while_loop(functions: tuple[Any, Any], config: tuple, args: tuple) -> Any:
    loop = WhileLoop(functions, args[0])
    max_steps, base = config
    return loop.finish(_bounded(loop, loop.start, max_steps, base))


def _bounded(loop: WhileLoop, carry: Any, steps: int, base: int) -> Any:
    """At most `steps` steps, in at most `base` pieces and a rest, each one run again in the backward pass."""
    size = 1
    while size * base < steps:
        size *= base

    def piece(carry: Any) -> Any:
        return loop.step(carry) if size == 1 else jax.checkpoint(lambda c: _bounded(loop, c, size, base))(carry)

    def unless_done(carry: Any, _: None) -> tuple[Any, None]:
        return jax.lax.cond(loop.goes_on(carry), piece, lambda c: c, carry), None

    carry, _ = jax.lax.scan(unless_done, carry, None, length=steps // size)
    rest = steps % size
    return _bounded(loop, carry, rest, base) if rest else carry


def _check_base(base: int | None) -> int | None:
    if base is not None and (not isinstance(base, int) or base < 2):
        raise ValueError(f"base must be a whole number of at least 2; given {base!r}.")
    return base
