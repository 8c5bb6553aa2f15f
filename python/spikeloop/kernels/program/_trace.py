"""Functions of whole populations as programs: they are traced for one neuron, after a look at the whole.

For one neuron a sum over neurons is no sum: so a function is traced for its population first, and every primitive
there must be elementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..._jax import is_tracer, jaxpr_of, run_jaxpr
from ._assemble import assemble
from ._builder import Builder
from ._ir import Program, Value
from ._lower import CUSTOM, INLINED, RULES, SHAPES, NoProgram, inner, lower

Function = Callable[..., Sequence[Any]]


def program_of(
    function: Function,
    dtype: Any,
    uniform: Sequence[bool],
    sums: Sequence[bool],
    aliases: Mapping[int, int],
    population: int = 0,
    expands: bool = True,
    words: Collection[int] = (),
) -> Program:
    """The program of `function`, for operands that are `uniform` or not, and `words` or floats.

    The rest is as in `assemble` and `Builder`.
    """
    closed = traced(function, [()] * len(uniform), dtype, words)
    builder = Builder(np.dtype(dtype).name, expands)
    operands = [
        builder.input_word(k) if k in words else builder.input(k, is_uniform) for k, is_uniform in enumerate(uniform)
    ]
    results = lower(closed.jaxpr, closed.consts, operands, builder)
    floats = [x for x in results if isinstance(x, Value) and x.type == "f"]
    if len(floats) < len(results):
        raise NoProgram("a result is no float")
    return assemble(floats, sums, aliases, population)


def traced(function: Function, shapes: Sequence[tuple[int, ...]], dtype: Any, words: Collection[int] = ()) -> Any:
    """The closed jaxpr of `function`, in which no number is promoted to another width; some operands are `words`."""
    dtypes = [np.uint32 if k in words else dtype for k in range(len(shapes))]
    with jax.enable_x64(np.dtype(dtype) == np.float64):
        return jax.make_jaxpr(function)(*map(jax.ShapeDtypeStruct, shapes, dtypes))


def check_elementwise(closed: Any) -> None:
    """Raise `NoProgram` if an operation of a traced population or its derivative mixes neurons, or is unknown.

    The derivatives of elementwise operations are elementwise; those of functions with rules of their own are traced.
    """
    if any(map(is_tracer, closed.consts)):
        raise NoProgram("the model holds a value of an outer trace")
    _check_equations(closed.jaxpr, derivatives=True)


def _check_equations(jaxpr: Any, derivatives: bool) -> None:
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in CUSTOM and derivatives:
            _check_equations(_cotangents(jaxpr_of(equation, jaxpr)).jaxpr, derivatives=False)
        if name in INLINED or name == "scan":
            _check_equations(inner(equation.params)[0], derivatives)
        elif name == "cond":
            for branch in equation.params["branches"]:
                _check_equations(branch.jaxpr, derivatives)
        elif not (_repeats(equation) if name in SHAPES else name in RULES or not equation.invars):
            raise NoProgram.at(equation)


def _cotangents(closed: Any) -> Any:
    """The traced derivative of a function, in reverse mode."""
    avals = closed.in_avals
    floats = [k for k, aval in enumerate(avals) if np.issubdtype(aval.dtype, np.floating)]

    def run(*args: Any) -> Any:
        def smooth(*values: Any) -> Any:
            return run_jaxpr(closed, [dict(zip(floats, values, strict=True)).get(k, x) for k, x in enumerate(args)])

        results, pull = jax.vjp(smooth, *(args[k] for k in floats))
        return pull([jax.numpy.ones_like(x) for x in results])

    with jax.enable_x64(any(aval.dtype == np.float64 for aval in avals)):
        return jax.make_jaxpr(run)(*avals)


def _repeats(equation: Any) -> bool:
    """Whether an operand keeps its last axes, and is at most repeated along others."""
    before, after = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    if equation.primitive.name == "broadcast_in_dim":
        added = len(after) - len(before)
        axes = enumerate(equation.params["broadcast_dimensions"])
        return all(axis == k + added or before[k] == 1 for k, axis in axes)
    return _without_leading_ones(before) == _without_leading_ones(after)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape
