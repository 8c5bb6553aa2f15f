"""Loops and branches in plain Python, for debugging: what `jax.disable_jit()` asks for.

Every step calls the function on actual values, so that `print`, a debugger and an exception show where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._clocked import clocked
from ._progress import ProgressBar, open_display


class Steps(NamedTuple):
    """The form of a loop."""

    length: int
    reverse: bool = False
    bar: ProgressBar | None = None
    option: Any = None  # of the compiled loop: how many steps to unroll, or the base of a checkpointed one
    fused: str | None = None  # part by part; how gradients get the states: "auto", "save" or "recompute"


def step_of(f: Callable[..., Any]) -> Callable[[Any, tuple], tuple[Any, Any]]:
    """The step function of a scan that calls `f` with each slice."""

    def step(carry: Any, x: tuple) -> tuple[Any, Any]:
        return carry, f(*x)

    step.__name__ = getattr(f, "__name__", "step")
    return step


def for_loop(functions: tuple[Any], steps: Steps, xs: tuple) -> Any:
    """The results of the function for each slice of `xs`, stacked."""
    return scan((step_of(functions[0]),), steps, (None, xs))[1]


def scan(functions: tuple[Any], steps: Steps, args: tuple[Any, Any]) -> tuple[Any, Any]:
    """(the last carry, the stacked results) of at least one step; results keep the order of the slices."""
    if not steps.length:
        raise ValueError(
            "A loop without steps cannot run under jax.disable_jit(): only tracing shows the form of its results."
        )
    (carry, xs), ys = args, []
    f, xs = clocked(functions[0], xs)
    order = range(steps.length)
    with open_display(steps.bar, steps.length) as advance:
        for k in reversed(order) if steps.reverse else order:
            carry, y = f(carry, jax.tree.map(lambda x, k=k: x[k], xs))
            ys.append(y)
            advance(1, steps.bar and steps.bar.text(k, carry, y))
    return carry, jax.tree.map(lambda *parts: jnp.stack(parts), *(ys[::-1] if steps.reverse else ys))


def while_loop(functions: tuple[Any, Any], _config: Any, args: tuple[Any]) -> Any:
    """The carry after `body_fun` was applied to it as long as `cond_fun` held."""
    cond_fun, body_fun = functions
    (carry,) = args
    while cond_fun(carry):
        carry = body_fun(carry)
    return carry


def bounded_while_loop(functions: tuple[Any, Any], config: tuple[int, Any], args: tuple[Any]) -> Any:
    """`while_loop`, of at most `config[0]` steps."""
    cond_fun, body_fun = functions
    (carry,) = args
    for _ in range(config[0]):
        if not cond_fun(carry):
            break
        carry = body_fun(carry)
    return carry


def switch(functions: Sequence[Callable[..., Any]], _config: Any, args: tuple[Any, Sequence[Any]]) -> Any:
    """The chosen branch, applied to the operands."""
    index, operands = args
    return functions[min(max(int(index), 0), len(functions) - 1)](*operands)


def call(functions: tuple[Any], _config: Any, args: tuple[Sequence[Any], dict[str, Any]]) -> Any:
    """The function itself."""
    return functions[0](*args[0], **args[1])
