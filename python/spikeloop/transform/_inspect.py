"""Looking at the program of a function without running it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

from .._jax import ClosedJaxpr
from .._state import State
from ._traced import trace_function


def make_jaxpr(fun: Callable[..., Any]) -> Callable[..., tuple[ClosedJaxpr, tuple[State, ...]]]:
    """A function that returns (the program of `fun` for these arguments, the States that it reads or writes)."""

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> tuple[ClosedJaxpr, tuple[State, ...]]:
        traced = trace_function(fun, args, kwargs)
        return traced.jaxpr, (*traced.states, *(s for s in traced.written if s not in traced.states))

    return wrapped


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The structure, shapes and dtypes of `fun(*args, **kwargs)`; no State changes."""
    traced = trace_function(fun, args, kwargs)
    avals = traced.jaxpr.out_avals[: traced.num_out]
    return traced.result([jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals])
