"""Compiled programs and the cache that finds the right one for a call."""

from __future__ import annotations

import dataclasses
import sys
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import _trace, environ
from .._state import State
from .._trace import Spec
from ._traced import Traced, trace_function

# From this size on, the buffer of a State that a program replaces is handed over instead of kept beside the new one.
DONATE_BYTES = 1 << 20


class _Stale(Exception):
    """The program was made for other shapes, dtypes or units."""


class Program:
    """One traced function, compiled by XLA, with the States it reads and writes.

    It holds the States weakly: a program does not keep a model alive, and one whose model is gone no longer fits.
    """

    def __init__(self, traced: Traced, options: dict[str, Any]):
        self.reads = tuple(weakref.ref(s) for s in traced.states)
        self.writes = tuple(weakref.ref(s) for s in traced.written)
        self.consts = traced.jaxpr.consts
        self.seen: dict[str, Any] = {}
        self.donates = tuple(
            s in traced.written and _nbytes(spec) >= DONATE_BYTES
            for s, spec in zip(traced.states, traced.state_specs, strict=True)
        )
        self.traced = dataclasses.replace(traced, states=(), written=())
        self.compiled = jax.jit(self._pure, donate_argnums=(0, 1), **options)

    def settings_fit(self) -> bool:
        """Whether the settings that were read by value still have these values."""
        for key, expected in self.traced.setting_keys.items():
            value = environ.get(key, _trace.UNSET)
            if value is not self.seen.get(key):  # identity first: comparing values costs microseconds
                if environ.identity(value) != expected:
                    return False
                self.seen[key] = value
        return True

    def states(self) -> list[State] | None:
        """The States that are read, or None if one no longer exists."""
        states = [ref() for ref in self.reads]
        return None if any(state is None for state in states) else states  # pyright: ignore[reportReturnType]

    def inputs(self, states: Sequence[State], args: tuple, kwargs: dict, donated_args: dict) -> tuple:
        """The arguments of `compiled`."""
        if True not in self.donates:
            values: list[Any] = [state.raw_value for state in states]
            given: list[Any] = []
        else:
            values, given = self._hand_over(states)
        return given, donated_args, values, self.traced.setting_values(), self.consts, args, kwargs

    def commit(self, values: Sequence[Any]) -> None:
        """Give the States their new values."""
        for ref, value in zip(self.writes, values, strict=True):
            state = ref()
            if state is not None:
                state._value = value

    def _hand_over(self, states: Sequence[State]) -> tuple[list[Any], list[Any]]:
        values, given = [], []
        for state, donate in zip(states, self.donates, strict=True):
            if donate:
                given.append(_unshared(state))
            values.append(None if donate else state.raw_value)
        return values, given

    def _pure(self, given: Any, donated: dict, kept: Any, settings: Any, consts: Any, args: Any, kwargs: Any) -> Any:
        handed = iter(given)
        states = [next(handed) if donate else value for donate, value in zip(self.donates, kept, strict=True)]
        leaves, tree = jax.tree.flatten((merge_args(args, donated), kwargs))
        self._check(leaves, tree, states, settings)
        states = jax.tree.map(_strengthen, states)
        outs, new = self.traced.run(leaves, states, settings, consts)
        return self.traced.result(outs), self.traced.unpack(new)

    def _check(self, leaves: Sequence[Any], tree: Any, states: Sequence[Any], settings: Sequence[Any]) -> None:
        traced = self.traced
        specs = [*traced.state_specs, *traced.settings.values()]
        if tree != traced.in_tree or any(
            _trace.spec_of(value, "") != spec for value, spec in zip([*states, *settings], specs, strict=True)
        ):
            raise _Stale
        for leaf, aval in zip(leaves, traced.jaxpr.in_avals, strict=False):
            if jax.typeof(leaf) != aval:
                raise _Stale


class ProgramCache:
    """The programs of one function, one for each signature that it was called with."""

    def __init__(self, options: dict[str, Any] | None = None, limit: int = 64):
        self.options = options or {}
        self.programs: dict[Hashable, list[Program]] = {}
        self.limit = limit
        self.num_traces = 0

    def clear(self) -> None:
        """Forget every program."""
        self.programs.clear()

    def call(
        self, fun: Callable[..., Any], key: Hashable, args: tuple, kwargs: dict, donated: dict[int, Any] | None = None
    ) -> Any:
        """`fun(*args, **kwargs)` as a compiled program; `key` tells apart what the arguments do not show."""
        donated = donated or {}
        if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
            return fun(*merge_args(args, donated), **kwargs)
        if _trace.current() is not None:
            return inline(fun, merge_args(args, donated), kwargs)
        key = (key, jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]
        for program in self.programs.get(key, ()):
            try:
                return self._run(program, args, kwargs, donated)
            except _Stale:
                continue
        return self._run(self.new_program(fun, key, merge_args(args, donated), kwargs), args, kwargs, donated)

    def find(self, fun: Callable[..., Any], key: Hashable, args: tuple, kwargs: dict) -> Program:
        """The program for a call, traced if it is new, without running it."""
        key = (key, jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]
        return self.new_program(fun, key, args, kwargs)

    def new_program(self, fun: Callable[..., Any], key: Hashable, args: tuple, kwargs: dict) -> Program:
        """Trace `fun` and put its program first under `key`."""
        traced = trace_function(fun, args, kwargs, keep_created=True)
        self.num_traces += 1
        for state in traced.states:
            state._value = jax.tree.map(_canonical, state.raw_value)
        program = Program(traced, self.options)
        programs = self.programs.setdefault(key, [])
        programs[:] = [p for p in programs if p.states() is not None][: self.limit - 1]
        programs.insert(0, program)
        if len(self.programs) > self.limit:
            self.programs.pop(next(iter(self.programs)))
        return program

    def _run(self, program: Program, args: tuple, kwargs: dict, donated: dict[int, Any]) -> Any:
        states = program.states()
        if states is None or not program.settings_fit():
            raise _Stale
        result, values = program.compiled(*program.inputs(states, args, kwargs, donated))
        program.commit(values)
        return result


def inline(fun: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
    """Run `fun` as a part of the program that is being traced."""
    traced = trace_function(fun, args, kwargs, keep_created=True)
    return traced.call(jax.tree.leaves((args, kwargs)))


def merge_args(args: Sequence[Any], donated: dict[int, Any]) -> tuple:
    """`args` with the donated ones at their places."""
    return tuple(donated.get(i, arg) for i, arg in enumerate(args)) if donated else tuple(args)


def _nbytes(spec: Spec) -> int:
    return sum(aval.size * aval.dtype.itemsize for aval in spec.avals)


def _canonical(leaf: Any) -> Any:
    """A strongly typed JAX array, so that the results of a program fit it as its next inputs."""
    if isinstance(leaf, jax.Array) and not leaf.weak_type:
        return leaf
    return jnp.asarray(leaf, jnp.result_type(leaf))


def _strengthen(leaf: Any) -> Any:
    return jax.lax.convert_element_type(leaf, leaf.dtype) if jax.typeof(leaf).weak_type else leaf


def _unshared(state: State) -> Any:
    """The value of `state`, copied if somebody else holds it: the program may overwrite what it is given."""
    value = state._value
    leaves, tree = jax.tree.flatten(value)
    whole = sys.getrefcount(value) > _WHOLE_REFS
    for i in range(len(leaves)):
        if whole or sys.getrefcount(leaves[i]) > _LEAF_REFS + (leaves[i] is value):
            leaves[i] = jnp.copy(leaves[i])
    return jax.tree.unflatten(tree, leaves)


def _count_references() -> tuple[int, int]:
    """References to the value and to its leaf that `_unshared` itself causes; they depend on the Python version."""
    state = object.__new__(State)
    state._value = (jnp.zeros(()),)
    value = state._value
    leaves, _tree = jax.tree.flatten(value)
    whole = sys.getrefcount(value)
    return whole, sys.getrefcount(leaves[0])


_WHOLE_REFS, _LEAF_REFS = _count_references()
