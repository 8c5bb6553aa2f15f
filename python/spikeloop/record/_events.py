"""Recording of spikes as a bounded list."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import Overflow
from .._state import ShortTermState
from .._units import time_step
from ..kernels._record import append
from ._clock import Clock, start_time
from ._recorder import Recorder, size_of, spikes_of
from ._selection import indices_of, listed_indices, take
from ._trains import SpikeTrains


class Events(Recorder):
    """Records spikes as a list of at most `capacity` pairs (step, neuron), 8 bytes each, kept in a State.

    Memory grows with the number of spikes: this takes less than `Spikes` if fewer than one neuron in 64 spikes per
    step. Make it after `init_all_states`; a batch gets one list for each sample.

    | name | meaning | default |
    |---|---|---|
    | `population` | what spikes | |
    | `capacity` | events kept: of the whole loop, or in `run` of one chunk | |
    | `start`, `stop` | as in `Recorder` | |

    A call appends the spikes of the last step, or those given; a count of n spikes, as Poisson sources give them, n
    times. `read()` makes `SpikeTrains`; it raises `Overflow` with the capacity needed if there were more. `clear()`
    empties the list.
    """

    _kind = "events"
    makes_rows = False

    def __init__(self, population: Any, capacity: int, *, start: Any = None, stop: Any = None):
        super().__init__(population, start, stop)
        if isinstance(capacity, bool) or not hasattr(capacity, "__index__") or not 0 < capacity < 2**30:
            raise ValueError(f"{self.label}: capacity must be a number of events, at least 1; given {capacity!r}.")
        self._whole = size_of(self._population, self.label)
        self._neurons = self._choose(None, self._whole)
        self._size = len(indices_of(self._neurons))
        spike = vars(self._population).get("spike")
        batch = () if spike is None else spikes_of(self._population, spike.value, self.label).shape[:-1]
        self.capacity = int(capacity)
        self.clock = ShortTermState(jnp.zeros((*batch, 2), jnp.int32))
        self.events = ShortTermState(jnp.zeros((*batch, self.capacity, 2), jnp.int32))

    def update(self, spikes: Any = None) -> None:
        """Append the spikes of this step."""
        spikes = spikes_of(self._population, spikes, self.label)
        if spikes.shape[:-1] != self.clock.value.shape[:-1]:
            raise ValueError(
                f"{self.label} was made for batches {self.clock.value.shape[:-1]}; given spikes {spikes.shape}. "
                "Make the recorder after init_all_states."
            )
        spikes = take(spikes, self._neurons)
        self.clock.value, self.events.value = append(spikes, self.clock.value, self.events.value)

    def clear(self, step: int = 0) -> None:
        """Forget all events; the next call is of step `step`."""
        clock = np.zeros(self.clock.value.shape, np.int32)
        clock[..., 1] = step
        self.clock.value = jnp.asarray(clock)

    def begin(self, step: int) -> None:
        self.clear(step)

    def go_on(self, step: int, entries: Any) -> None:
        count, events = entries[0][..., 0, :1], entries[0][..., 1:, :]
        # A chunk that was killed while it was stored may have left later ones.
        earlier = (np.arange(self.capacity) < count) & (events[..., 0] < step)
        self.clear(step)
        self.clock.value = self.clock.value.at[..., 0].set(earlier.sum(-1))
        self.events.value = jnp.asarray(events)

    def like(self, dt: float) -> Any:
        del dt
        shape = self.events.value.shape
        return jax.ShapeDtypeStruct((*shape[:-2], shape[-2] + 1, 2), np.int32)

    def init_state(self, *_: Any, **__: Any) -> None:
        """Forget all events."""
        self.clear()

    def entry(self) -> np.ndarray:
        """What is recorded since `clear`: the events (..., 1 + capacity, 2) after their number."""
        clock = np.asarray(self.clock.value)
        count = clock[..., 0]
        if (needed := int(count.max(initial=0))) > self.capacity:
            raise Overflow(
                f"{self.label} has place for {self.capacity} events, but there were {needed}. "
                f"Write capacity={needed} or more, or record.Spikes, which has no limit."
            )
        return np.concatenate([clock[..., None, :], np.asarray(self.events.value)], axis=-2)

    def read(self, rows: Any = None, *, t0: Any = None) -> SpikeTrains:
        """The record of all steps since `clear`, the first of which was at `t0`, by default 0; `rows` is not used."""
        del rows
        dt = float(time_step(self.label))
        steps = int(np.ravel(self.clock.value[..., 1])[0]) if self.clock.value.size else 0
        clock = Clock(dt, steps, start_time(t0, dt, self.label))
        return listed(self.entry()[None], self._size, clock, self.window(clock))

    def describe(self, dt: float) -> dict[str, Any]:
        neurons = listed_indices(self._neurons, self._whole)
        form = {**super().describe(dt), "size": self._size, "neurons": neurons}
        return {**form, "block": 0}  # an entry is a chunk of the run


_NONE = np.zeros(0, np.int64)


def listed(entries: Any, size: int, clock: Clock, window: tuple[int, int]) -> SpikeTrains:
    """The record of entries (entry, ..., 1 + capacity, 2)."""

    def found() -> tuple[np.ndarray, ...]:
        parts = [(_NONE, _NONE, _NONE), *(_events_of(np.asarray(entries[k])) for k in range(entries.shape[0]))]
        steps, *rest = (np.concatenate([p[axis] for p in parts]) for axis in range(3))
        inside = (steps >= window[0]) & (steps < window[1])
        return steps[inside], *(x[inside] for x in rest)

    return SpikeTrains(found, size=size, clock=clock, window=window, batch=tuple(entries.shape[1:-2]))


def _events_of(entry: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(steps, neurons, samples)."""
    lanes = entry.reshape(-1, *entry.shape[-2:])
    parts = [lane[1 : 1 + lane[0, 0]] for lane in lanes]
    events = np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 2), np.int64)
    samples = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    return events[:, 0], events[:, 1], samples
