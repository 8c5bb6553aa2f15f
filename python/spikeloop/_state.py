"""State: a named, mutable container that transformations can follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import jax
import numpy as np

from . import _trace
from ._owned import Owned
from ._same_form import in_form_of
from ._trace import UNSET, Short, store, stored

_MUST_USE_VALUE = "A State takes no part in arithmetic; use its .value"


class State(Owned):
    """A value that changes while a model runs.

    Read and write `.value`. It may be any pytree of arrays, with or without units. Transformations of
    `spikeloop.transform` pass the States that a function touches in and out of its compiled program.

    A new value has the structure, dimension, shape and kind of number of the old one and takes its unit and dtype;
    else StateChangedError is raised and the old value stays. The form is free in `init_state` and `reset_state`, for
    `reinit`, and as long as the State holds no numbers, such as None.

    | name | meaning |
    |---|---|
    | `value` | the initial value; a State is unwrapped |
    | `name` | shown in messages; by default the attribute it is assigned to |
    | `tag` | a string or several, to select States with `Module.states` |
    | `**metadata` | become attributes |

    >>> v = sl.State(-65.0 * u.mV)
    >>> v.value = v.value + 5.0 * u.mV
    >>> v
    State(-60. mV)
    """

    kind: ClassVar[type[State]]  # the type, whatever a back end does with the values of some of its States

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.kind = vars(cls).get("kind", cls)

    def __init__(self, value: Any, name: str | None = None, *, tag: str | Iterable[str] | None = None, **metadata: Any):
        value = value.value if isinstance(value, State) else value
        self._check_kind(value)
        self._name = name
        self.tag: set[str] = {tag} if isinstance(tag, str) else set(tag or ())
        self.__dict__.update(metadata)
        trace = _trace.current()
        if trace is None:
            self._value = value
        else:
            self._value = UNSET
            trace.create(self, value)

    @property
    def value(self) -> Any:
        """The present value; inside a transformation, the value at this point of the function."""
        return stored(self)

    @value.setter
    def value(self, value: Any) -> None:
        self._check(value)
        store(self, in_form_of(self, value))

    def reinit(self, value: Any) -> None:
        """Begin anew with `value`, which may have another structure, unit, shape and dtype than the present one."""
        self._check(value)
        store(self, value)

    @property
    def path(self) -> str:
        """Where the State stands in its model, such as `COBA.N.V`."""
        owner = self._owner[0]() if self._owner else None
        if owner is None:
            return self._name or f"{type(self).__name__} (unnamed)"
        return f"{owner.path}.{self._owner[1]}" if self._owner else ""

    def value_call(self, fun: Callable[..., Any]) -> Any:
        """`fun` applied to every array of the value."""
        return jax.tree.map(fun, self.value)

    def numel(self) -> int:
        """The number of elements in all arrays of the value."""
        return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(self.value))

    def copy(self) -> Self:
        """A State of the same type with the same value and metadata, and no owner."""
        new = object.__new__(type(self))
        own = ("_value", "_owner", "tag")
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in own})
        State.__init__(new, self.value, self._name, tag=self.tag)
        return new

    def copy_from(self, other: State) -> None:
        """Take over the value of `other`, which must be of the same type."""
        if other.kind is not self.kind:
            raise TypeError(f"{self.path} is a {type(self).__name__}; cannot copy from a {type(other).__name__}.")
        self.value = other.value

    def restore_value(self, value: Any) -> None:
        """Assign `value`."""
        self.value = value

    def replace(self, value: Any) -> Self:
        """Assign `value`; returns the State."""
        self.value = value
        return self

    def __getstate__(self) -> dict[str, Any]:
        """The attributes; by whom the State is owned is for its owner to say."""
        return {**vars(self), "_owner": None}

    def add_tag(self, tag: str) -> None:
        """Add one tag."""
        self.tag.add(tag)

    def _check(self, value: Any) -> None:
        if isinstance(value, State):
            raise ValueError(f"State {self.path} cannot hold a State. Assign its .value instead.")
        self._check_kind(value)

    def _check_kind(self, value: Any) -> None:
        """Refuse values that this kind of State cannot hold."""

    def __repr__(self) -> str:
        trace = _trace.current()
        value = trace.values.get(self, self._value) if trace is not None else self._value
        return f"{type(self).__name__}({jax.tree.map(_short, value)})"

    def _no_arithmetic(self, *_: Any) -> Any:
        raise TypeError(f"{_MUST_USE_VALUE}: {self.path}.value")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _no_arithmetic
    __truediv__ = __rtruediv__ = __pow__ = __matmul__ = __neg__ = __lt__ = __gt__ = __le__ = __ge__ = _no_arithmetic
    __getitem__ = __float__ = __int__ = __bool__ = __len__ = __array__ = _no_arithmetic


State.kind = State


def value_of(value: Any) -> Any:
    """The value of a State, or the value itself."""
    return value.value if isinstance(value, State) else value


def _short(leaf: Any) -> Any:
    return Short(leaf) if getattr(leaf, "ndim", 0) else leaf


class ShortTermState(State):
    """A variable that evolves every step and is reset between runs."""


class LongTermState(State):
    """A variable that outlives a run."""


class ParamState(LongTermState):
    """A trainable parameter; `grad` differentiates with respect to these by default.

    >>> w = sl.ParamState(3.0)
    >>> sl.transform.grad(lambda: w.value**2, w)().item()
    6.0
    """


class BatchState(LongTermState):
    """A long-term variable with one value for each sample of a batch."""


class DelayState(ShortTermState):
    """The past of a variable."""


class HiddenState(ShortTermState):
    """A dynamical variable of a neuron or synapse: one array, with or without a unit."""

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of the array, with batch."""
        return np.shape(jax.tree.leaves(self.value)[0])

    def _check_kind(self, value: Any) -> None:
        leaves = jax.tree.leaves(value)
        if len(leaves) != 1 or not isinstance(leaves[0], (np.ndarray, np.generic, jax.Array, float, int)):
            raise TypeError(f"A HiddenState holds one array or Quantity; given {type(value).__name__}: {value!r}.")
