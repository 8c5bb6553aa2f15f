"""Errors that depend on values that are known only when the compiled program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import is_tracer


def jit_error_if(pred: Any, error: Callable[..., Any] | str, *err_args: Any, **err_kwargs: Any) -> None:
    """Raise an error if `pred` holds, also inside compiled functions, loops and `vmap`.

    | name | meaning |
    |---|---|
    | `pred` | one truth value, or an array of them: the error is raised if any is true |
    | `error` | a function that raises the error, or the text of a ValueError, with places as in `str.format` or `%` |
    | `*err_args`, `**err_kwargs` | values for the function or for the places in the text |

    Outside of compiled functions the error itself is raised. A compiled function fails with the error of JAX's
    runtime, a RuntimeError whose text holds that of the error, as late as a result of it is looked at.
    """
    raise_error = error if callable(error) else _ValueError(error)
    leaves, tree = jax.tree.flatten((err_args, err_kwargs))
    traced = [i for i, leaf in enumerate(leaves) if is_tracer(leaf)]

    def check(pred: Any, *values: Any) -> None:
        if np.any(pred):
            known = dict(zip(traced, values, strict=True))
            args, kwargs = tree.unflatten([known.get(i, leaf) for i, leaf in enumerate(leaves)])
            raise_error(*args, **kwargs)

    if not traced and not is_tracer(pred):
        check(pred)
        return

    def report(*operands: Any) -> None:
        jax.debug.callback(check, *operands)

    # Python is called in case of an error only, also where `vmap` turns a choice between branches into both.
    operands = jax.lax.stop_gradient([jnp.asarray(pred, bool), *(leaves[i] for i in traced)])
    jax.lax.cond(_any_lane(operands[0]), report, lambda *_: None, *operands)


class _ValueError:
    """Raises a ValueError with this text."""

    def __init__(self, text: str):
        self._text = text

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        percent = args and "{" not in self._text
        raise ValueError(self._text % args if percent else self._text.format(*args, **kwargs))


@jax.custom_batching.custom_vmap
def _any_lane(pred: Any) -> Any:
    """Whether any value is true, in any lane of the `vmap`s around."""
    return pred.any()


@_any_lane.def_vmap
def _any_of_all_lanes(size: int, batched: list[bool], pred: Any) -> tuple[Any, bool]:
    del size, batched
    return _any_lane(pred), False
