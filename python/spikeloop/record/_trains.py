"""SpikeTrains: the spikes of a population, from whatever source."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import brainunit as u
import numpy as np

from ._clock import Clock, milliseconds, time_step_in_ms
from ._convert import need, neo_time
from ._pair import checked_pair
from ._selection import selection

Found = tuple[np.ndarray, ...]  # steps, neurons, samples of a batch


class SpikeTrains:
    """Spikes of `size` neurons: `times` and `indices`, in the order of times.

    Spikes that were recorded as bits are extracted when they are first read. `record[k]` is sample k of a batch.

    >>> trains = sl.record.SpikeTrains.of([1.0, 2.0, 7.0] * u.ms, [0, 1, 0], size=2, dt=0.1 * u.ms, stop=10 * u.ms)
    >>> trains.counts.tolist(), trains.train(0)
    ([2, 1], Quantity([1. 7.], "ms"))
    """

    def __init__(
        self,
        found: Callable[[], Found],
        *,
        size: int,
        clock: Clock,
        window: tuple[int, int],
        batch: tuple[int, ...] = (),
    ):
        self._find = found
        self.size, self.clock, self.window, self.batch = size, clock, window, batch

    @classmethod
    def of(cls, times: Any, indices: Any, *, size: int, dt: Any, start: Any = None, stop: Any = None) -> SpikeTrains:
        """Spikes at `times` of the neurons `indices`, in a time from `start` (0) to `stop` (after the last spike)."""
        step = time_step_in_ms(dt, "SpikeTrains")
        ms, _, indices, size = checked_pair(times, indices, size, "SpikeTrains")
        t0 = 0.0 if start is None else milliseconds(start, "SpikeTrains: start")
        steps = np.rint((ms - t0) / step).astype(np.int64)
        last = int(steps.max(initial=-1)) + 1
        end = last if stop is None else round((milliseconds(stop, "SpikeTrains: stop") - t0) / step)
        if steps.size and (steps.min() < 0 or end < last):
            wrong = ms[(steps < 0) | (steps >= end)][0]
            raise ValueError(
                f"SpikeTrains: a spike at {wrong:g} ms lies before start or after stop, "
                f"{t0:g} to {t0 + end * step:g} ms."
            )
        order = np.argsort(steps, kind="stable")
        found = steps[order], indices[order], np.zeros(len(order), np.int64)
        return cls(lambda: found, size=size, clock=Clock(step, end, t0), window=(0, end))

    @cached_property
    def _found(self) -> Found:
        return self._find()

    @property
    def dt(self) -> Any:
        """The time step."""
        return self.clock.dt * u.ms

    @property
    def start(self) -> Any:
        """Where the record begins."""
        return self.clock.times(self.window[0])

    @property
    def stop(self) -> Any:
        """Where the record ends."""
        return self.clock.times(self.window[1])

    @property
    def duration(self) -> Any:
        """The time from start to stop."""
        return u.Quantity((self.window[1] - self.window[0]) * self.clock.dt, unit=u.ms)

    @property
    def steps(self) -> np.ndarray:
        """The step of each spike."""
        return self._single("steps")[0]

    @property
    def times(self) -> Any:
        """The time of each spike."""
        return self.clock.times(self._single("times")[0])

    @property
    def indices(self) -> np.ndarray:
        """The neuron of each spike."""
        return self._single("indices")[1]

    def __getstate__(self) -> dict[str, Any]:
        """The spikes themselves, not where to find them."""
        return {**vars(self), "_find": None, "_found": self._found}

    def __len__(self) -> int:
        """The number of spikes."""
        return len(self._found[0])

    @property
    def counts(self) -> np.ndarray:
        """The number of spikes of each neuron, (..., size)."""
        samples = math.prod(self.batch)
        flat = np.bincount(self._found[2] * self.size + self._found[1], minlength=samples * self.size)
        return flat.reshape(*self.batch, self.size)

    def __getitem__(self, sample: int) -> SpikeTrains:
        """One sample of a batch."""
        if not self.batch:
            raise TypeError("These spikes have no batch; train(k) is the train of neuron k.")
        k = _index(sample, self.batch[0], "sample")
        rest = self.batch[1:]

        def found() -> Found:
            steps, indices, samples = self._found
            mine = samples // math.prod(rest) == k
            return steps[mine], indices[mine], samples[mine] % math.prod(rest)

        return SpikeTrains(found, size=self.size, clock=self.clock, window=self.window, batch=rest)

    def train(self, neuron: int) -> Any:
        """The spike times of one neuron."""
        return self.times[self.indices == _index(neuron, self.size, "train: neuron")]

    def trains(self) -> list[np.ndarray]:
        """The spike times of every neuron in ms, each an array."""
        order = np.argsort(self.indices, kind="stable")
        ms = np.asarray(self.times.to_decimal(u.ms))[order]
        return np.split(ms, np.cumsum(self.counts)[:-1]) if self.size else []

    def select(self, neurons: Any = None, *, start: Any = None, stop: Any = None) -> SpikeTrains:
        """The spikes of some neurons, which are numbered from 0, in a part of the time."""
        chosen = selection(neurons, self.size, "SpikeTrains.select")
        number = np.full(self.size, -1)
        number[chosen] = np.arange(len(chosen))
        first, last = (
            edge if time is None else round((milliseconds(time, "SpikeTrains.select") - self.clock.t0) / self.clock.dt)
            for time, edge in zip((start, stop), self.window, strict=True)
        )
        if not self.window[0] <= first <= last <= self.window[1]:
            raise ValueError(f"SpikeTrains.select: {start} to {stop} lies outside {self.start} to {self.stop}.")

        def found() -> Found:
            steps, indices, samples = self._found
            kept = (number[indices] >= 0) & (steps >= first) & (steps < last)
            return steps[kept], number[indices[kept]], samples[kept]

        return SpikeTrains(found, size=len(chosen), clock=self.clock, window=(first, last), batch=self.batch)

    def to_array(self) -> np.ndarray:
        """Truth values (time, ..., size)."""
        steps, indices, samples = self._found
        shape = self.window[1] - self.window[0], math.prod(self.batch), self.size
        array = np.zeros(shape, bool)
        array[steps - self.window[0], samples, indices] = True
        return array.reshape(shape[0], *self.batch, self.size)

    def to_pandas(self) -> Any:
        """A data frame with a row for each spike: `time` in ms, `neuron`, and `sample` in a batch."""
        steps, indices, samples = self._found
        columns = {"time": np.asarray(self.clock.times(steps).to_decimal(u.ms)), "neuron": indices}
        return need("pandas").DataFrame(columns | ({"sample": samples} if self.batch else {}))

    def to_neo(self) -> Any:
        """A list of `neo.SpikeTrain`, one for each neuron, with its index as the annotation `neuron`."""
        neo = need("neo")
        start, stop = (neo_time(float(t.to_decimal(u.ms))) for t in (self.start, self.stop))
        return [
            neo.SpikeTrain(neo_time(train), t_start=start, t_stop=stop, neuron=k)
            for k, train in enumerate(self.trains())
        ]

    @classmethod
    def from_neo(cls, trains: Any, *, dt: Any) -> SpikeTrains:
        """The spikes of a list of `neo.SpikeTrain`, whose times are rounded to steps of `dt`."""
        trains = list(trains)
        times = [np.asarray(train.rescale("ms").magnitude, np.float64) for train in trains]
        start = min((float(t.t_start.rescale("ms")) for t in trains), default=0.0)
        stop = max((float(t.t_stop.rescale("ms")) for t in trains), default=0.0)
        flat = np.concatenate(times) if times else np.zeros(0)
        indices = np.repeat(np.arange(len(times)), [len(t) for t in times])
        options = {"start": start * u.ms, "stop": stop * u.ms}
        return cls.of(u.Quantity(flat, unit=u.ms), indices, size=len(times), dt=dt, **options)

    def _single(self, what: str) -> Found:
        if self.batch:
            raise TypeError(f"{what} of a batch of shape {self.batch}: take one sample first, record[k].{what}.")
        return self._found

    def __repr__(self) -> str:
        batch = f", batch {self.batch}" if self.batch else ""
        return f"SpikeTrains({self.size} neurons, {self.start} to {self.stop}{batch})"


def _index(k: Any, size: int, what: str) -> int:
    """The index counted from 0; a negative one counts from the end."""
    try:
        return range(size)[k]
    except IndexError:
        raise IndexError(f"SpikeTrains: {what} {k} of {size}.") from None
