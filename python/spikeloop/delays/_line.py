"""DelayLine: one delay for all sources, or one for each."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._module import Module
from .._state import DelayState
from .._units import check_input, time_step, with_unit
from ..kernels._event import Rows
from ..kernels._turned_ring import after, look, put, turn
from ._steps import check_ring, delay_steps


class DelayLine(Module):
    """Values under way: what a call takes in, a call `delay` later returns; one time, or one for each source.

    `past` is a ring with one slot more than the delay has steps: axes (slots, ..., sources). The input goes into the
    slot `cursor`, and the oldest stands in the slot after it.
    """

    call_level = 2
    state_names = ("past", "cursor")
    past: DelayState
    cursor: DelayState
    _steps: int | None = None
    _dt: float | None = None
    _each: np.ndarray | None = None  # steps of each source, if they differ

    def __init__(self, delay: Any, size: Any):
        super().__init__()
        self.time = delay  # or a number of steps
        self.in_size = self.out_size = size

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the ring, empty, for the present dt."""
        if isinstance(self.time, int):
            self._steps = self.time
        else:
            self._dt = float(time_step(self.path))
            steps = delay_steps(self.time, self._dt, self.path)
            self._steps, self._each = int(np.max(steps, initial=0)), steps if self.has_each else None
        if self._steps:
            shape = (*(() if batch_size is None else (batch_size,)), *(self.in_size or ()))
            self.past = DelayState(jnp.zeros((self._steps + 1, *shape), environ.dftype()))
            self.cursor = DelayState(jnp.zeros((), jnp.int32))

    def update(self, values: Any) -> Any:
        """Take values in and return those of `delay` ago."""
        return self._delayed(values, of_sources=False)

    def of_sources(self, spikes: Any) -> Any:
        """The same with spikes of sources, which all targets may need: devices share them once in the delay."""
        return self._delayed(spikes, of_sources=True)

    def _delayed(self, values: Any, *, of_sources: bool) -> Any:
        if not self._is_on():
            return values
        unit = values.unit if isinstance(values, u.Quantity) else u.UNITLESS
        past, cursor = self._ring(values)
        now = jnp.broadcast_to(u.get_mantissa(values), past.shape[1:])
        if self._each is None and of_sources and now.ndim:
            past, oldest = turn(now, cursor, past, Rows(0, now.shape[-1], slots=0))
        else:
            past = put(past, cursor, now)
            oldest = self._read(past, cursor)
        self._turn(past, cursor)
        return with_unit(oldest, unit)

    def _read(self, past: Any, cursor: Any) -> Any:
        if self._each is None:
            return look(past, after(cursor, past))
        slots = (cursor - jnp.asarray(self._each, jnp.int32)) % past.shape[0]
        return jnp.take_along_axis(past, jnp.broadcast_to(slots, past.shape[1:])[None], 0)[0]

    def add_into(self, connection: Any, spikes: Any, target: Any) -> Any:
        """`target` plus what the spikes of `delay` ago deliver through a connection."""
        if not self._is_on() or self.has_each:
            return connection.add_undelayed(self.of_sources(spikes), target)
        past, cursor = self._ring(spikes)
        past, target = connection.relay(spikes, cursor, past, target)
        self._turn(past, cursor)
        return target

    @property
    def has_each(self) -> bool:
        """Whether each source has a delay of its own."""
        return np.ndim(self.time) > 0

    def _is_on(self) -> bool:
        if self._steps is None:
            return self.past is not None  # tells to call init_all_states
        if self._dt is not None:
            check_ring(time_step(self.path), self._dt, self.path)
        return self._steps > 0

    def _ring(self, values: Any) -> tuple[Any, Any]:
        past = self.past.value
        check_input(values, past.shape[1:], self.path)
        return past, self.cursor.value

    def _turn(self, past: Any, cursor: Any) -> None:
        self.past.value, self.cursor.value = past, (cursor + 1) % past.shape[0]
