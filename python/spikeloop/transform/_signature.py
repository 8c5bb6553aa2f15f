"""What tells two traced programs apart: the key under which a compiled program is found again.

Two programs with equal keys compute the same results from the same inputs, because the key names every operation with
its parameters, every shape and dtype, and every number that stands in the program. It is read off the traced program
(jaxpr) alone, never off the Python objects that the program was traced from. What cannot be compared makes a key
that is equal to no other, so that the program is compiled again.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

# JAX keeps the rules of custom derivatives in these operations. A program that is ready to be compiled is past all
# differentiation: only the parameters that hold programs matter.
_CUSTOM_DERIVATIVES = frozenset({"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"})


class Signature(NamedTuple):
    """The key of a program, in three parts, so that a message can say which of them differs."""

    operations: tuple[Hashable, ...]
    shapes: tuple[Hashable, ...]
    numbers: tuple[Hashable, ...]


def signature(jaxpr: ClosedJaxpr, *more: Hashable) -> Signature:
    """The key of `jaxpr`, whose own constants are not part of it; `more` also tells two programs apart."""
    reader = _Reader()
    reader.operations += more
    reader.read(jaxpr.jaxpr)
    return Signature(tuple(reader.operations), tuple(reader.shapes), tuple(reader.numbers))


class _Reader:
    def __init__(self) -> None:
        self.operations: list[Hashable] = []
        self.shapes: list[Hashable] = []
        self.numbers: list[Hashable] = []

    def read(self, jaxpr: Jaxpr) -> None:
        """Note the operations of `jaxpr` in their order; variables are numbered as they appear."""
        names: dict[Any, int] = {}

        def define(variables: Sequence[Any]) -> None:
            for v in variables:
                names[v] = len(names)
                self.shapes.append(v.aval)

        def use(atoms: Sequence[Any]) -> None:
            for atom in atoms:
                if isinstance(atom, Literal):
                    self._literal(atom)
                else:
                    self.operations.append(names[atom])

        define(jaxpr.constvars)
        define(jaxpr.invars)
        for eqn in jaxpr.eqns:
            self.operations.append(eqn.primitive)
            use(eqn.invars)
            only_programs = eqn.primitive.name in _CUSTOM_DERIVATIVES
            for name, value in eqn.params.items():
                if not only_programs or isinstance(value, (ClosedJaxpr, Jaxpr)):
                    self.operations.append(name)
                    self._parameter(value)
            define(eqn.outvars)
        self.operations.append("return")
        use(jaxpr.outvars)

    def _literal(self, literal: Any) -> None:
        self.operations.append("number")
        self.shapes.append(literal.aval)
        self.numbers.append(_content(literal.val))

    def _parameter(self, value: Any) -> None:
        if isinstance(value, ClosedJaxpr):
            self.read(value.jaxpr)
            self._parameter(tuple(value.consts))
        elif isinstance(value, Jaxpr):
            self.read(value)
        elif isinstance(value, (tuple, list)):
            self.operations += type(value), len(value)
            for item in value:
                self._parameter(item)
        elif isinstance(value, dict):
            self._parameter(tuple(value.items()))
        elif isinstance(value, functools.partial):
            self._parameter((value.func, value.args, value.keywords))
        elif isinstance(value, types.FunctionType) and _is_made_by_jax(value):
            self._parameter((value.__code__, *(cell.cell_contents for cell in value.__closure__ or ())))
        elif isinstance(value, jax.Array):
            self.operations += "array", _Same(value)
        else:
            self.operations.append(_content(value))


class _Same:
    """A key that is equal to that of the same object alone, and keeps it alive."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def _content(value: Any) -> Hashable:
    """A key of a plain value; two that print or compare alike but differ, such as 0.0 and -0.0, have other keys."""
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        return "array", value.shape, value.dtype, value.tobytes()
    if isinstance(value, (float, complex)):
        return type(value), repr(value)
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return type(value), value


def _is_made_by_jax(fun: types.FunctionType) -> bool:
    """Whether JAX makes `fun` anew in every trace, so that its identity says nothing."""
    return fun.__module__.partition(".")[0] == "jax" and "<locals>" in fun.__qualname__
