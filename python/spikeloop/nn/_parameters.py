"""Numbers of parameters and the size of their gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .._module import Module
from .._state import ParamState


def count_parameters(module: Module, precision: int = 2, return_table: bool = False) -> Any:
    """The number of trainable numbers in `module`, those of its ParamStates.

    | name | meaning | default |
    |---|---|---|
    | `precision` | digits after the point in the table, where 1,234,000 is 1.23M | 2 |
    | `return_table` | return (a text with one line for each State, the number) | False |
    """
    if not isinstance(module, Module):
        raise TypeError(f"count_parameters takes a Module; given {module!r}.")
    counts = {".".join(map(str, path)): state.numel() for path, state in module.states(ParamState).items()}
    total = sum(counts.values())
    if not return_table:
        return total
    rows = {**counts, "Total": total}
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {_short(n, precision)}" for name, n in rows.items()), total


def clip_grad_norm(grad: Any, max_norm: Any, norm_type: float | str | None = 2.0, return_norm: bool = False) -> Any:
    r"""Gradients, scaled down together so that their norm is at most `max_norm`.

    $$g \leftarrow g \, \min(1, \text{max_norm} / \lVert g \rVert_p)$$

    The norm is that of all numbers in one vector; each keeps its unit.

    | name | meaning | default |
    |---|---|---|
    | `grad` | a pytree of gradients | |
    | `max_norm` | the largest norm | |
    | `norm_type` | p, at least 1, or 'inf'; None is 2 | 2 |
    | `return_norm` | return (gradients, norm before scaling) | False |
    """
    order = 2.0 if norm_type is None else float(norm_type)
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(grad)]
    norm = jnp.linalg.norm(jnp.concatenate(leaves), ord=order) if leaves else jnp.zeros(())
    factor = jnp.where(norm > max_norm, max_norm / norm, 1.0)
    clipped = jax.tree.map(lambda g: g * factor.astype(g.dtype), grad)
    return (clipped, norm) if return_norm else clipped


def _short(n: int, precision: int) -> str:
    """1234 as 1.23K."""
    number, exponent = float(n), 0
    while exponent < len(_SUFFIXES) - 1 and round(number, precision) >= 1000:
        number, exponent = number / 1000, exponent + 1
    return f"{number:.{precision}f}{_SUFFIXES[exponent]}" if exponent else str(n)


_SUFFIXES = ("", "K", "M", "G", "T")
