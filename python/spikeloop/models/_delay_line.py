"""DelayLine: one delay for all synapses of a projection."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._delay_steps import check_ring, delay_steps, delay_times
from .._errors import ShapeError
from .._state import DelayState
from ..connect import Connectivity
from ..kernels._ring import look, put
from ..nn import Module
from ..nn._module import as_size
from ._form import check_input, time_step, with_unit


class DelayLine(Module):
    """The past inputs of a projection: what a call takes in goes on its way `delay` later, one time or one for each.

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
        if not self._is_on():
            return values
        unit = values.unit if isinstance(values, u.Quantity) else u.UNITLESS
        past, cursor = self._ring(values)
        past = put(past, cursor, jnp.broadcast_to(u.get_mantissa(values), past.shape[1:]))
        if self._each is None:
            oldest = look(past, (cursor + 1) % past.shape[0])
        else:
            slots = (cursor - jnp.asarray(self._each, jnp.int32)) % past.shape[0]
            oldest = jnp.take_along_axis(past, jnp.broadcast_to(slots, past.shape[1:])[None], 0)[0]
        self._turn(past, cursor)
        return with_unit(oldest, unit)

    def deliver(self, connection: Connectivity, spikes: Any, present: Any) -> Any:
        """`present` plus what the spikes of `delay` ago deliver, in place."""
        if not self._is_on():
            return connection.accumulate(spikes, present)
        if self.has_each:
            return connection.accumulate_undelayed(self(spikes), present)
        past, cursor = self._ring(spikes)
        past, present = connection.relay(spikes, cursor, past, present)
        self._turn(past, cursor)
        return present

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


def delay_line(delay: Any, comm: Any, pre: Any, where: str) -> DelayLine | None:
    """The line for the `delay` of a projection or the one delay of its connection; None if there is neither."""
    own = comm.delay if isinstance(comm, Connectivity) else None
    if delay is None:
        return DelayLine(own, comm.n_pre) if isinstance(own, int) and own > 0 else None
    if own is not None:
        raise ValueError(f"{where}: delays are given twice, here and by the connection; remove one of them.")
    times = delay_times(delay, f"{where}: delay")
    size = comm.n_pre if isinstance(comm, Connectivity) else getattr(comm, "in_size", None) or pre
    if size is None:
        raise TypeError(f"{where}: a delay has to know the source; pass pre=population.")
    shape = as_size(getattr(size, "varshape", size), where)
    if times.ndim and times.shape not in (shape, getattr(comm, "in_size", shape)):
        raise ShapeError(
            f"{where}: delay must be one time, or one for each source in an array of shape {shape}; given shape "
            f"{times.shape}. A delay for each synapse belongs to the rule or connection: comm=rule(..., delay=...)."
        )
    return DelayLine(delay.reshape(shape) if times.ndim else delay, shape)
