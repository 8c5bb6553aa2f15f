"""Compiled programs and the cache that finds the right one for a call."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import _trace, environ
from .._jax import EAGER, consts_to_arguments, is_jit_disabled, is_wide, strong, tracing
from ._donate import DONATE_BYTES, unshared
from ._traced import Traced, trace_function

_MUTABLE = (dict, list, set)
NOTHING: dict[Any, Any] = {}  # never changed


class _Stale(Exception):
    """The program was made for other shapes, dtypes, units or settings.

    `jax.jit` finds that as it traces again, so a call that fits pays nothing; only an exception leads out.
    """


class _JitDisabled(Exception):
    """`jax.disable_jit` holds."""


class Call(NamedTuple):
    """The arguments of one call; those whose buffers may be overwritten are told apart, and leave None in their places.

    A NamedTuple, as one is made in every call: a dataclass takes three times as long.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    donated: Mapping[int, Any] = NOTHING
    donated_kwargs: Mapping[str, Any] = NOTHING

    def whole(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the user gave them."""
        if not self.donated and not self.donated_kwargs:
            return self.args, self.kwargs
        args = tuple(self.donated.get(i, arg) for i, arg in enumerate(self.args))
        return args, {**self.kwargs, **self.donated_kwargs}


class Program:
    """One traced function, compiled by XLA, with the States it reads and writes.

    It holds the States weakly: a program does not keep a model alive, and one whose model is gone no longer fits.
    Arrays that the function captured are arguments of the compiled program.
    """

    def __init__(self, traced: Traced, options: dict[str, Any]):
        self.reads: list[Callable[[], Any]] = [weakref.ref(s) for s in traced.states]
        self.writes: list[Callable[[], Any]] = [weakref.ref(s) for s in traced.written]
        self.donates = [
            s in traced.written and spec.nbytes >= DONATE_BYTES
            for s, spec in zip(traced.states, traced.state_specs, strict=True)
        ]
        self._overwritten = [(weakref.ref(s), spec) for s, spec in traced.overwritten.items()]
        self._consts = [_hold(c) for c in traced.jaxpr.consts]
        self._extras = any(self.donates) or bool(self._consts or traced.settings or traced.setting_keys)
        self._in_avals = traced.jaxpr.in_avals[: traced.in_tree.num_leaves]
        self._seen: dict[str, Any] = {}
        self._wide = is_wide()
        held = {"states": (), "written": (), "overwritten": {}}
        self.traced = dataclasses.replace(traced, jaxpr=consts_to_arguments(traced.jaxpr), **held)
        self.compiled = jax.jit(self._pure, donate_argnums=0, **options)

    def run(self, call: Call) -> Any:
        """Call the program on the present values of its States and settings, and give the States their new values."""
        args, kwargs, donated, donated_kwargs = call
        eager = tracing.trace is EAGER
        if not eager:
            self._check_outside()
        if self._overwritten:
            self._check_overwritten()
        # From here to the end every microsecond counts: this is the cost of a call beside that of jax.jit.
        given: Any = ()
        try:
            found = self._find(given := []) if self._extras else [ref()._value for ref in self.reads]
        except AttributeError:  # one of the States is gone
            raise _Stale from None
        overwritten = (given, donated, donated_kwargs) if given or donated or donated_kwargs else ()
        try:
            result, values = self.compiled(overwritten, found, args, kwargs)
        except TypeError:
            for ref in self.reads:
                _trace.outside(ref())  # is there a value?
            raise
        if not eager:
            self._check_values(values)
        for ref, value in zip(self.writes, values, strict=True):
            state = ref()
            if state is not None:
                state._value = value
        return result

    def lower(self, call: Call) -> Any:
        """The program before XLA compiles it."""
        args, kwargs, *donated = call
        if not self.is_alive():
            raise _Stale
        given: list[Any] = []
        found = self._find(given) if self._extras else [ref()._value for ref in self.reads]
        return self.compiled.lower((given, *donated) if given or any(donated) else (), found, args, kwargs)

    def is_alive(self) -> bool:
        """Whether everything that the program reads still exists."""
        return not any(ref() is None for ref in self.reads)

    def takes(self, call: Call) -> bool:
        """Whether the program was made for arguments like these."""
        leaves, tree = jax.tree.flatten(call.whole())
        return tree == self.traced.in_tree and self._takes_leaves(leaves)

    def _takes_leaves(self, leaves: Sequence[Any]) -> bool:
        return all(jax.typeof(leaf) == aval for leaf, aval in zip(leaves, self._in_avals, strict=True))

    def _find(self, given: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """(values of States, settings, captured arrays); States that the program may overwrite go to `given`."""
        states = [ref() for ref in self.reads]
        kept = [None if donate else s._value for s, donate in zip(states, self.donates, strict=True)]
        settings = self._settings()
        given += [unshared(state) for state, donate in zip(states, self.donates, strict=True) if donate]
        return kept, settings, self._consts

    def _settings(self) -> list[Any]:
        """The settings that are inputs, if those that were read by value still have their values."""
        for key, expected in self.traced.setting_keys.items():
            value = environ.peek(key)
            known = self._seen.get(key)  # identity first: comparing values costs microseconds
            if value is not known or isinstance(value, _MUTABLE):
                if environ.identity(value) != expected:
                    raise _Stale
                self._seen[key] = value
        values = [environ.peek(key) for key in self.traced.settings]
        if any(value is _trace.UNSET for value in values):
            raise _Stale
        return values

    def _check_outside(self) -> None:
        for ref in self.reads:
            if (state := ref()) is not None:
                _trace.check_readable(state)

    def _check_overwritten(self) -> None:
        """Trace again if a State that is only written has another form now; that finds what fits, or says why not."""
        for ref, spec in self._overwritten:
            if (state := ref()) is not None and _trace.form_of(state) != spec:
                raise _Stale

    def _check_values(self, values: Sequence[Any]) -> None:
        for ref, value in zip(self.writes, values, strict=True):
            if (state := ref()) is not None:
                _trace.check_writable(state, value)

    def _pure(self, overwritten: Any, found: Any, args: Any, kwargs: Any) -> Any:
        if is_jit_disabled():
            raise _JitDisabled
        given, donated, donated_kwargs = overwritten or ((), {}, {})
        handed, (kept, settings, consts) = iter(given), found if self._extras else (found, (), ())
        states = [next(handed) if donate else value for donate, value in zip(self.donates, kept, strict=True)]
        leaves, tree = jax.tree.flatten(Call(args, kwargs, donated, donated_kwargs).whole())
        self._check(leaves, tree, states, settings)
        outs, new = self.traced.run([*consts, *leaves], jax.tree.map(strong, states), settings)
        return self.traced.result(outs), self.traced.unpack(new)

    def _check(self, leaves: Sequence[Any], tree: Any, states: Sequence[Any], settings: Sequence[Any]) -> None:
        traced = self.traced
        specs = [*traced.state_specs, *traced.settings.values()]
        if (
            is_wide() != self._wide
            or tree != traced.in_tree
            or not self._takes_leaves(leaves)
            or any(_trace.spec_of(v, "") != spec for v, spec in zip([*states, *settings], specs, strict=True))
        ):
            raise _Stale


class ProgramCache:
    """The programs of one function, one for each signature that it was called with."""

    def __init__(self, options: dict[str, Any] | None = None, limit: int = 64):
        self.options = options or {}
        self.programs: dict[Hashable, tuple[Program, ...]] = {}
        self.limit = limit
        self.num_traces = 0

    def clear(self) -> None:
        """Forget every program."""
        self.programs.clear()

    def call(self, fun: Callable[..., Any], key: Hashable, call: Call) -> Any:
        """`fun` called as a compiled program; `key` tells apart what the arguments do not show."""
        if _trace.stack.top is not None:
            return inline(fun, *call.whole())
        programs = self.programs.get(key, ())
        try:
            if len(programs) == 1:
                return programs[0].run(call)
        except _Stale:
            programs = ()
        except _JitDisabled:
            args, kwargs = call.whole()
            return fun(*args, **kwargs)
        return self._search(programs, fun, key, call)

    def _search(self, programs: Sequence[Program], fun: Callable[..., Any], key: Hashable, call: Call) -> Any:
        for program in programs:
            if program.takes(call):
                try:
                    return program.run(call)
                except _Stale:
                    continue
        if is_jit_disabled():
            args, kwargs = call.whole()
            return fun(*args, **kwargs)
        return self.new_program(fun, key, call).run(call)

    def lower(self, fun: Callable[..., Any], key: Hashable, call: Call) -> Any:
        """The lowered program for a call, without running it."""
        for program in self.programs.get(key, ()):
            try:
                return program.lower(call)
            except _Stale:
                continue
        return self.new_program(fun, key, call).lower(call)

    def new_program(self, fun: Callable[..., Any], key: Hashable, call: Call) -> Program:
        """Trace `fun` and put its program first under `key`."""
        traced = trace_function(fun, *call.whole(), keep_created=True)
        self.num_traces += 1
        for state in traced.states:
            _trace.check_readable(state)
            state._value = jax.tree.map(strong, _trace.outside(state))
        program = Program(traced, self.options)
        others = [p for p in self.programs.pop(key, ()) if p.is_alive()]
        self.programs[key] = (program, *others[: self.limit - 1])
        if len(self.programs) > self.limit:
            self.programs.pop(next(iter(self.programs)))
        return program


def inline(fun: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
    """Run `fun` as a part of the program that is being traced."""
    traced = trace_function(fun, args, kwargs, keep_created=True)
    return traced.call(jax.tree.leaves((args, kwargs)))


def _hold(const: Any) -> Any:
    """The captured array `const`; one of NumPy is copied, because its owner may write into it."""
    return const if isinstance(const, jax.Array) else jnp.array(np.asarray(const))
