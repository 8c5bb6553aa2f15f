"""The record of what a traced function reads and writes besides its arguments.

While a transformation runs the user's function, a `Trace` stands on a stack that belongs to the thread. The function
sees the values that the trace holds, never those of the State objects, which keep their value until the compiled
program has run. So an exception needs no clean-up, and two threads do not see each other's traces.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import TraceContextError
from ._jax import Aval, aval_of, bind_inputs, current_trace, is_staging, is_tracer, strong

if TYPE_CHECKING:
    from ._state import State


class _Unset:
    """The only one of its kind, also in copies."""

    def __repr__(self) -> str:
        return "<unset>"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


class Spec(NamedTuple):
    """The structure (with units), shapes and dtypes of a value."""

    tree: Any
    avals: tuple[Aval, ...]

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return sum(aval.size * aval.dtype.itemsize for aval in self.avals)

    def __str__(self) -> str:
        return repr(jax.tree.unflatten(self.tree, [Short(aval) for aval in self.avals]))


class Short(str):
    """An array's dtype and shape, printed without quotes: `float32[100]`."""

    def __new__(cls, array: Any) -> Short:
        return super().__new__(cls, f"{array.dtype.name}[{','.join(map(str, array.shape))}]")

    def __repr__(self) -> str:
        return str(self)


def spec_of(value: Any, where: str | State) -> Spec:
    """The Spec of `value`, which stands at `where` in the model."""
    leaves, tree = jax.tree.flatten(value)
    try:
        return Spec(tree, tuple(aval_of(leaf) for leaf in leaves))
    except TypeError as error:
        place = getattr(where, "path", where)
        msg = f"{place} holds {value!r}, which is no array: a compiled function can only use States of numbers."
        raise TypeError(msg) from error


def form_of(state: State) -> Spec | None:
    """The Spec that a new value of `state` must have; None if it may have any, as it holds no numbers yet."""
    trace = current()
    return _form_of(state, state._value) if trace is None else trace.form(state)


def _form_of(state: State, value: Any) -> Spec | None:
    try:
        spec = spec_of(value, state)
    except TypeError:  # UNSET, a text or some other object
        return None
    return spec if spec.avals else None


def _one_lane(spec: Spec, axis: int) -> Spec:
    shapes = [list(aval.shape) for aval in spec.avals]
    for shape in shapes:
        del shape[axis]
    return Spec(spec.tree, tuple(Aval(tuple(s), a.dtype) for s, a in zip(shapes, spec.avals, strict=True)))


class Trace:
    """What one traced function has read and written so far."""

    shows_parts = False  # whether States that it has not read yet look different around it

    def __init__(self, parent: Trace | None, lanes: Mapping[State, int] | None = None, unformed: Container[State] = ()):
        self.parent = parent
        self.lanes = {} if lanes is None else lanes
        self.unformed = unformed  # States that may be given another form than they have outside
        self.base: Any = None  # the JAX trace that records the function
        self.values: dict[State, Any] = {}
        self.inputs: dict[State, Spec] = {}
        self.written: dict[State, None] = {}
        self.forms: dict[State, Spec | None] = {}  # of States that were first written, not read
        self.created: list[weakref.ref[State]] = []
        self.settings: dict[str, Any] = {}
        self.setting_inputs: dict[str, Spec] = {}
        self.setting_keys: dict[str, Any] = {}
        self._tokens: dict[int, int] = {}  # id of a Spec in `inputs` or `setting_inputs`: number of its equation

    def read(self, state: State) -> Any:
        """The value of `state` as the traced function sees it."""
        try:
            return self.values[state]
        except KeyError:
            spec = self._seen(state, spec_of(self.outer_value(state), state))
            self.inputs[state] = spec
            self.values[state] = value = self._bind(spec)
            return value

    def write(self, state: State, value: Any) -> None:
        """Give `state` a new value, seen only by the traced function until its program has run."""
        if current_trace() is not self.base:
            raise TraceContextError(_written_in_raw_jax(state))
        self.values[state] = value
        self.written[state] = None

    def form(self, state: State) -> Spec | None:
        """The Spec that a new value of `state` must have; None if it may have any."""
        if state in self.values:
            return _form_of(state, self.values[state])
        if state in self.unformed and state not in self.lanes:
            return None
        if state not in self.forms:
            form = _form_of(state, state._value) if self.parent is None else self.parent.form(state)
            self.forms[state] = None if form is None else self._seen(state, form)
        return self.forms[state]

    def _seen(self, state: State, spec: Spec) -> Spec:
        """What the traced function sees of a State whose value around it has this Spec."""
        return _one_lane(spec, self.lanes[state]) if state in self.lanes else spec

    def overwritten(self) -> dict[State, Spec]:
        """{State: its Spec before} of the States that the function writes, but does not read."""
        return {s: form for s, form in self.forms.items() if form is not None and s not in self.inputs}

    def create(self, state: State, value: Any) -> None:
        """Take up a State that the traced function has made."""
        self.values[state] = value
        self.created.append(weakref.ref(state))

    def read_setting(self, key: str, value: Any) -> Any:
        """The setting `key`, whose value outside is the array `value`."""
        if key not in self.settings:
            self.setting_inputs[key] = spec = spec_of(value, f"environ {key!r}")
            self.settings[key] = self._bind(spec)
        return self.settings[key]

    def note_setting(self, key: str, identity: Any) -> None:
        """Remember that the program holds only while the setting `key` is `identity`."""
        self.setting_keys[key] = identity

    def outer_value(self, state: State) -> Any:
        """The value of `state` around this trace."""
        trace = self.parent
        while trace is not None:
            if state in trace.values or trace.shows_parts:
                return trace.read(state)
            trace = trace.parent
        return outside(state)

    def input_specs(self) -> list[tuple[int, Spec]]:
        """The (token, Spec) of all inputs: first the States, then the settings."""
        return [(self._tokens[id(spec)], spec) for spec in (*self.inputs.values(), *self.setting_inputs.values())]

    def _bind(self, spec: Spec) -> Any:
        token = self._tokens[id(spec)] = len(self._tokens)
        return jax.tree.unflatten(spec.tree, bind_inputs(self.base, token, spec.avals))


class _Stack(threading.local):
    top: Trace | None = None


stack = _Stack()


def current() -> Trace | None:
    """The innermost trace of this thread."""
    return stack.top


class running:
    """Context in which `trace` is the innermost one."""

    def __init__(self, trace: Trace | None):
        self.trace = trace

    def __enter__(self) -> None:
        self.outer, stack.top = stack.top, self.trace

    def __exit__(self, *exc: object) -> None:
        stack.top = self.outer


def outside(state: State) -> Any:
    """The value that `state` stores outside of every transformation."""
    if state._value is UNSET:
        msg = (
            f"State {state.path} was made inside a transformed function that did not hand its value out "
            "(a loop, a branch, or a call that failed). Make it before the call, or assign its .value."
        )
        raise TraceContextError(msg)
    return state._value


def stored(state: State) -> Any:
    """The stored value; inside a transformation, that at this point of the function."""
    trace = current()
    if trace is not None:
        return trace.read(state)
    value = outside(state)
    check_readable(state)
    return value


def store(state: State, value: Any) -> None:
    """Store a value, of whatever form."""
    trace = current()
    if trace is not None:
        trace.write(state, value)
    else:
        check_writable(state, value)
        state._value = _without_weak_types(state._value, value)


def check_readable(state: State) -> None:
    """Refuse to read `state` where raw JAX records a program: the value would be frozen into it."""
    if is_staging(current_trace()):
        msg = (
            f"State {state.path} is read inside a function that jax itself traces (jax.jit, jax.lax.scan, "
            "jax.make_jaxpr), where its present value would be frozen into the program.\n"
            "Use the same transformation from spikeloop.transform: it passes States in and out."
        )
        raise TraceContextError(msg)


def check_writable(state: State, value: Any) -> None:
    """Refuse to leave a tracer of raw JAX in `state`, or to write it only while raw JAX records a program."""
    if is_staging(current_trace()) or any(is_tracer(leaf) for leaf in jax.tree.leaves(value)):
        raise TraceContextError(_written_in_raw_jax(state))


def _written_in_raw_jax(state: State) -> str:
    return (
        f"State {state.path} is written inside a function that jax itself transforms (jax.jit, jax.grad, jax.vmap, "
        "jax.lax.scan); the new value would be lost or leak. The State keeps its value.\n"
        "Use the same transformation from spikeloop.transform: it passes States in and out."
    )


def _without_weak_types(old: Any, new: Any) -> Any:
    """`new` without the weak types that would make a program that has used `old` compile again."""
    leaves, tree = jax.tree.flatten(new)
    before, old_tree = jax.tree.flatten(old)
    known = before if tree == old_tree else [None] * len(leaves)
    typed = [_typed(a, b) for a, b in zip(known, leaves, strict=True)]
    return new if all(a is b for a, b in zip(typed, leaves, strict=True)) else jax.tree.unflatten(tree, typed)


def _typed(old: Any, new: Any) -> Any:
    if isinstance(new, jax.Array):
        return strong(new) if getattr(new, "weak_type", False) else new
    if isinstance(old, jax.Array) and isinstance(new, (np.ndarray, np.generic)):
        return jnp.array(new)  # a copy: who gave the array may write into it
    if isinstance(old, jax.Array) and isinstance(new, (bool, int, float, complex)):
        return jnp.asarray(new, jnp.result_type(old, new))  # a number takes the dtype of the array, if it can hold it
    return new
