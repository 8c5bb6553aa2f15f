"""Errors that depend on values that are known only when the compiled program runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import Aval, batching, is_tracer, new_primitive


def jit_error_if(pred: Any, error: Callable[..., Any] | str, *err_args: Any, **err_kwargs: Any) -> None:
    """Raise an error if `pred` holds, also inside compiled functions, loops and `vmap`.

    | name | meaning |
    |---|---|
    | `pred` | one truth value, or an array of them: the error is raised if any is true |
    | `error` | a function that raises the error, or the text of a ValueError, with places as in `str.format` or `%` |
    | `*err_args`, `**err_kwargs` | values for the function or for the places in the text |

    Outside of compiled functions the error itself is raised. A compiled function fails with a RuntimeError of
    JAX's runtime that contains the text of the error, when one of its results is read.
    """
    leaves, tree = jax.tree.flatten((err_args, err_kwargs))
    values = tuple(i for i, leaf in enumerate(leaves) if is_tracer(leaf) or isinstance(leaf, _ARRAYS))
    fixed = tuple((i, leaf) for i, leaf in enumerate(leaves) if i not in values)
    check = _Check(error if callable(error) else _ValueError(error), tree, values, fixed)
    operands = [pred, *(leaves[i] for i in values)]
    if not any(map(is_tracer, operands)):
        check(*operands)
        return

    def report(*operands: Any) -> None:
        jax.debug.callback(check, *operands)

    # Python is called in case of an error only, also where `vmap` turns a choice between branches into both.
    operands = jax.lax.stop_gradient([jnp.asarray(pred, bool), *operands[1:]])
    jax.lax.cond(_any_lane(operands[0]), report, lambda *_: None, *operands)


_ARRAYS = (jax.Array, np.ndarray, np.generic)


@dataclass(frozen=True)
class _Check:
    """Raises the error with the values, put into their places. Equal ones are interchangeable in a program."""

    error: Callable[..., Any]
    tree: Any
    values: tuple[int, ...]
    fixed: tuple[tuple[int, Any], ...]

    def __call__(self, pred: Any, *values: Any) -> None:
        if np.any(pred):
            known = {**dict(self.fixed), **dict(zip(self.values, values, strict=True))}
            args, kwargs = self.tree.unflatten([known[i] for i in range(len(known))])
            self.error(*args, **kwargs)


@dataclass(frozen=True)
class _ValueError:
    """Raises a ValueError with this text."""

    text: str

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        percent = args and "{" not in self.text
        raise ValueError(self.text % args if percent else self.text.format(*args, **kwargs))


def _any_lane(pred: Any) -> Any:
    """Whether any value is true, in any lane of the `vmap`s around."""
    return _any_lane_p.bind(pred)[0]


_any_lane_p = new_primitive("spikeloop_any_lane", lambda pred: [Aval((), np.dtype(bool))], lambda pred: [jnp.any(pred)])
batching.primitive_batchers[_any_lane_p] = lambda args, _axes: (_any_lane_p.bind(*args), [None])
