"""Delay: the past of a variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import NotInitializedError, ShapeError, UnitError
from .._jax import is_tracer
from .._module import Module
from .._state import DelayState
from .._steps import steps_since
from ..kernels._turned_ring import look, put
from ._steps import check_ring, delay_steps, delay_times, nearest

INTERPOLATIONS = {"nearest": "nearest", "round": "nearest", "linear": "linear", "linear_interp": "linear"}


class Entry(NamedTuple):
    time: Any  # one delay, or one for each neuron; None is the latest value
    index: Any  # of the neurons that are looked at; None for all


class Delay(Module):
    r"""The past of a variable, in a ring buffer that `update` writes once per step.

    $$\text{at}(\text{entry})(t) = x(t - d)$$

    where t is the time of the last `update`. `update` also reads the values of all entries, so `at` copies no ring and
    may be called anywhere in a step.

    | parameter | meaning | default |
    |---|---|---|
    | `target_info` | one value of the variable without batch, or a `jax.ShapeDtypeStruct` | |
    | `time` | longest delay, if it is longer than those of the entries | |
    | `init` | past before the first `update`: a value, or a function of the shape | `target_info`, 0 for a struct |
    | `entries` | {name: delay} to register | |
    | `interpolation` | between steps: 'nearest' (or 'round'), or 'linear' | `interp_method` |
    | `interp_method` | the same, also as 'linear_interp' | 'nearest' |
    | `take_aware_unit`, `delay_method` | for call compatibility: units are always kept, the ring is never copied | |
    | `update_every` | for call compatibility: must be None | None |

    A delay is one time or one for each neuron. Nearest means the nearest step, at least one for a delay above 0, with
    a warning if it is no multiple of dt. Delays need dt when states are initialised.
    """

    call_level = 3
    state_names = ("past", "cursor", "latest", "values")
    past: DelayState
    cursor: DelayState
    latest: DelayState
    values: dict[str, DelayState]
    _dt: float | None = None

    def __init__(
        self,
        target_info: Any,
        time: Any = None,
        init: Any = None,
        entries: Mapping[str, Any] | None = None,
        interpolation: str | None = None,
        take_aware_unit: bool = True,
        update_every: Any = None,
        delay_method: str = "rotation",
        interp_method: str = "nearest",
        *,
        name: str | None = None,
    ):
        super().__init__(name)
        del take_aware_unit
        interpolation = interp_method if interpolation is None else interpolation
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"{self.path}: interpolation must be 'nearest' or 'linear'; given {interpolation!r}.")
        if delay_method not in ("rotation", "concat"):
            raise ValueError(f"{self.path}: delay_method must be 'rotation' or 'concat'; given {delay_method!r}.")
        if update_every is not None:
            raise ValueError(f"{self.path}: a delay is written in every update; given update_every={update_every}.")
        self.target_info, self.time, self.init = target_info, time, init
        self.interpolation = INTERPOLATIONS[interpolation]
        if time is not None and delay_times(time, f"{self.path}: time").ndim:
            raise ShapeError(f"{self.path}: time must be one time; given shape {time.shape}.")
        self.entries: dict[str, Entry] = {}
        for entry, delay in (entries or {}).items():
            self.register_entry(entry, delay)

    def register_entry(self, entry: str, time: Any = None, index: Any = None) -> Delay:
        """Let `at(entry)` be the variable `time` ago, only of the neurons `index` if given, counted along all axes."""
        new = Entry(time, index if index is None else np.asarray(index))
        if entry in self.entries and not same(self.entries[entry], new):
            raise ValueError(f"{self.path} has an entry {entry!r} already, for {self.entries[entry].time}.")
        if time is not None:
            delay_times(time, f"{self.path}: entry {entry!r}")
        if index is not None and not np.issubdtype(new.index.dtype, np.integer):
            raise TypeError(f"{self.path}: entry {entry!r}: an index must be whole numbers; given {index!r}.")
        self.entries = {**self.entries, entry: new}
        return self

    def access(self, entry: str, time: Any = None, index: Any = None) -> DelayAccess:
        """Register an entry; the result is a function that returns its value."""
        return DelayAccess(self.register_entry(entry, time, index), entry)

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the ring for the present dt, filled with the initial past."""
        value = self._initial(batch_size)
        self._dt = self._time_step()
        steps = [self._reach(e.time, f"{self.path}: entry {name!r}") for name, e in self.entries.items()]
        self._slots = 1 + max([self._reach(self.time, f"{self.path}: time"), *steps])
        self.past = DelayState(on_numbers(lambda x: jnp.broadcast_to(x, (self._slots, *x.shape)) + 0, value))
        self.cursor = DelayState(jnp.zeros((), jnp.int32))
        self.latest = DelayState(jnp.asarray(-1, jnp.int32))  # the step of the last update
        self.values = {name: DelayState(on_numbers(lambda x: x + 0, self._read(e, name)))
                       for name, e in self.entries.items()}  # fmt: skip

    def update(self, value: Any) -> None:
        """Store the value of this step."""
        if self._dt is not None:
            check_ring(self._time_step(), self._dt, self.path)
        past = self.past.value
        numbers = _numbers_like(value, past, self.path)
        if numbers.shape != past.shape[1:]:
            raise ShapeError(f"{self.path} keeps values of shape {past.shape[1:]}; given {numbers.shape}. "
                             "For a batch, call init_all_states(model, batch_size=...).")  # fmt: skip
        cursor = (self.cursor.value + 1) % past.shape[0]
        self.past.value = on_numbers(lambda ring: put(ring, cursor, numbers), past)
        self.cursor.value = cursor
        step = environ.get("i", None)
        self.latest.value = self.latest.value + 1 if step is None else jnp.asarray(step, jnp.int32)
        for name, entry in self.entries.items():
            self._value(name).value = self._read(entry, name)

    def at(self, entry: str) -> Any:
        """The value of an entry: the variable, its delay before the last `update`."""
        if entry not in self.entries:
            raise KeyError(f"{self.path} has no entry {entry!r}; register_entry({entry!r}, delay) makes one. "
                           f"There are {sorted(self.entries)}.")  # fmt: skip
        return self._value(entry).value

    def retrieve_at_step(self, step: Any, index: Any = None) -> Any:
        """The variable a number of steps before the last `update`, at most as many as the ring holds."""
        reach = self.past.value.shape[0] - 1
        if not is_tracer(step) and not 0 <= np.min(step) <= np.max(step) <= reach:
            raise ValueError(f"{self.path} stores 0 to {reach} steps of the past; given {step}. Give a longer `time`.")
        return self._pick(jnp.asarray(step, jnp.int32), None if index is None else np.asarray(index))

    def retrieve_at_time(self, time: Any, index: Any = None) -> Any:
        """The variable at a point in time, which an `update` under `environ.context(t=...)` has passed.

        A time before those that the ring holds gives the earliest, one after the last `update` the latest. A time is as
        exact as its dtype: after 2²³ steps, `retrieve_at_step` is exact where `t - delay` in float32 is not.
        """
        index = None if index is None else np.asarray(index)
        if not isinstance(time, u.Quantity) or not time.unit.has_same_dim(u.ms):
            raise UnitError(f"{self.path} looks back to a point in time such as `t - 1. * u.ms`; given {time!r}.")
        clock, dt = environ.get(environ.CLOCK, None), self._time_step() * u.ms
        back = steps_since(time, self.latest.value, dt, clock, environ.dftype())
        back = jnp.clip(back, 0, self.past.value.shape[0] - 1)
        if self.interpolation == "nearest":
            return self._pick(jnp.floor(back + 0.5).astype(jnp.int32), index)
        return self._between(jnp.floor(back).astype(jnp.int32), back - jnp.floor(back), index)

    def _value(self, name: str) -> DelayState:
        values = self.values
        if name not in values:
            raise NotInitializedError(f"{self.path}: entry {name!r} was registered after the states were made. "
                                      "Call sl.nn.init_all_states(model) again.")  # fmt: skip
        return values[name]

    def _initial(self, batch_size: int | None) -> Any:
        """The value before the first update."""
        like = self.target_info
        shape = tuple(like.shape)
        struct = isinstance(like, jax.ShapeDtypeStruct)
        init = (jnp.zeros(shape, like.dtype) if struct else like) if self.init is None else self.init
        value = init(shape) if callable(init) else init
        full = (*(() if batch_size is None else (batch_size,)), *shape)
        return on_numbers(lambda x: jnp.broadcast_to(jnp.asarray(x), full), value)

    def _time_step(self) -> float:
        dt = environ.get("dt", desc=f"the time step, by {self.path}")
        return float(delay_times(dt, f"environ dt (used by {self.path})"))

    def _reach(self, time: Any, where: str) -> int:
        """Steps that a delay looks back."""
        if time is None:
            return 0
        if self.interpolation == "linear":
            return int(np.ceil(np.max(delay_times(time, where) / self._dt, initial=0) - 1e-6))
        return int(np.max(delay_steps(time, self._dt, where), initial=0))

    def _read(self, entry: Entry, name: str) -> Any:
        if entry.time is None:
            return self._pick(jnp.zeros((), jnp.int32), entry.index)
        where = f"{self.path}: entry {name!r}"
        exact = delay_times(entry.time, where) / self._dt
        if self.interpolation == "linear":
            steps = np.floor(exact + 1e-6)
            return self._between(jnp.asarray(steps, jnp.int32), np.maximum(exact - steps, 0.0), entry.index)
        return self._pick(jnp.asarray(nearest(exact), jnp.int32), entry.index)

    def _between(self, steps: Any, part: Any, index: Any) -> Any:
        """Linear between two steps."""
        last = self.past.value.shape[0] - 1
        near, far = self._pick(steps, index), self._pick(jnp.minimum(steps + 1, last), index)
        part = jnp.asarray(part, jnp.result_type(u.get_mantissa(near), jnp.float16))
        return near * (1 - part) + far * part

    def _pick(self, steps: Any, index: Any) -> Any:
        cursor, size = self.cursor.value, tuple(self.target_info.shape)

        def pick(ring: Any) -> Any:
            slot = (cursor - steps) % ring.shape[0]
            if slot.ndim == 0 and index is None:
                return look(ring, slot)
            return self._pick_neurons(ring.reshape(*ring.shape[: ring.ndim - len(size)], -1), slot, index, size)

        return on_numbers(pick, self.past.value)

    def _pick_neurons(self, ring: Any, slot: Any, index: Any, size: tuple[int, ...]) -> Any:
        """Neurons `index` of a ring (slots, ..., all neurons), each from a slot of its own or all from one."""
        shape = size if index is None else index.shape
        try:
            slots = jnp.broadcast_to(slot, shape).reshape(-1)
        except ValueError:
            raise ShapeError(f"{self.path}: delays of shape {slot.shape} do not fit values of {shape}.") from None
        index = jnp.arange(ring.shape[-1]) if index is None else jnp.asarray(index).reshape(-1)
        one = slot.ndim == 0
        picked = look(ring, slot)[..., index] if one else jnp.moveaxis(ring, 0, -2)[..., slots, index]
        return picked.reshape(*picked.shape[:-1], *shape)


class DelayAccess(Module):
    """A function that returns the value of an entry of a `Delay`, whatever it is called with."""

    def __init__(self, delay: Delay, entry: str):
        super().__init__()
        self.delay, self.entry = delay, entry

    def update(self, *_: Any) -> Any:
        """The value of the entry."""
        return self.delay.at(self.entry)


def same(a: Entry, b: Entry) -> bool:
    """Whether two entries look at the same neurons at the same time."""

    def equal(x: Any, y: Any) -> bool:
        if x is None or y is None:
            return x is y
        x, y = ((z.to_decimal(u.ms) if isinstance(z, u.Quantity) else z) for z in (x, y))
        return np.shape(x) == np.shape(y) and bool(np.all(np.asarray(x) == np.asarray(y)))

    return equal(a.time, b.time) and equal(a.index, b.index)


def on_numbers(fun: Any, value: Any) -> Any:
    """`fun` of the numbers, with their unit."""
    return (
        u.Quantity(fun(value.mantissa), unit=value.unit) if isinstance(value, u.Quantity) else fun(jnp.asarray(value))
    )


def _numbers_like(value: Any, past: Any, where: str) -> Any:
    """The numbers of `value` in the unit of the ring."""
    given, unit = (x.unit if isinstance(x, u.Quantity) else u.UNITLESS for x in (value, past))
    if not given.has_same_dim(unit):
        raise UnitError(f"{where} keeps values in {unit}; given {given}.")
    return jnp.asarray(value.to_decimal(unit) if isinstance(value, u.Quantity) and not unit.is_unitless
                       else u.get_mantissa(value))  # fmt: skip
