"""Currents that are functions of time, one step at a time.

A change at a time between two steps counts from the next step on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._units import number_in
from ._sections import same_length
from ._source import TimedSource, amplitudes, named, time_in_ms, times_in_ms


class _Pieces(TimedSource):
    """The piece `values[k]` from the k-th of the times `edges` (in ms) on; before all of them `values[0]`."""

    def _set_pieces(self, edges: np.ndarray, values: dict[str, Any]) -> None:
        self.edges = edges
        self.unit, pieces = amplitudes(self, **values)
        shape = jnp.broadcast_shapes(*(piece.shape for piece in pieces))
        self.pieces = jnp.stack([jnp.broadcast_to(piece, shape) for piece in pieces])

    def update(self) -> Any:
        """The present value."""
        grid = self._grid()
        edges = jnp.asarray([grid.edge(edge) for edge in self.edges], jnp.int32)
        return self._spread(self.pieces[jnp.searchsorted(edges, self._step(), side="right")], self.unit)


class SectionInput(_Pieces):
    """`values[0]` for `durations[0]`, then `values[1]` for `durations[1]`, and so on; 0 afterwards.

    | name | meaning | unit |
    |---|---|---|
    | `in_size` | shape of the result | |
    | `values` | one number or an array of shape `in_size` for each section | any |
    | `durations` | as many times | ms |
    """

    def __init__(self, in_size: Any, values: Sequence[Any], durations: Sequence[Any], name: str | None = None):
        super().__init__(in_size, name)
        same_length("SectionInput", values=values, durations=durations)
        edges = np.cumsum(times_in_ms(durations, "SectionInput: durations"))
        self._set_pieces(edges, {**named("values", values), "after": 0.0})


class ConstantInput(_Pieces):
    """`value` for `duration`, 0 afterwards; for ever without a duration.

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the result | | |
    | `value` | a number or an array of shape `in_size` | any | |
    | `duration` | how long | ms | for ever |
    """

    def __init__(self, in_size: Any, value: Any, duration: Any = None, name: str | None = None):
        super().__init__(in_size, name)
        end = time_in_ms(duration, "ConstantInput: duration")
        if end is None:
            self._set_pieces(np.zeros(0), {"value": value})
        else:
            self._set_pieces(np.array([end]), {"value": value, "after": 0.0})


class StepInput(_Pieces):
    """0, then `amplitudes[k]` from `step_times[k]` on until the next of these times; the last one stays.

    | name | meaning | unit |
    |---|---|---|
    | `in_size` | shape of the result | |
    | `amplitudes` | one number or an array of shape `in_size` for each step | any |
    | `step_times` | as many times, which do not fall | ms |
    """

    def __init__(self, in_size: Any, amplitudes: Sequence[Any], step_times: Sequence[Any], name: str | None = None):
        super().__init__(in_size, name)
        same_length("StepInput", amplitudes=amplitudes, step_times=step_times)
        starts = times_in_ms(step_times, "StepInput: step_times")
        if (np.diff(starts) < 0).any():
            raise ValueError(f"StepInput: step_times must not fall; given {step_times}.")
        self._set_pieces(starts, {"before": 0.0, **named("amplitudes", amplitudes)})


class RampInput(TimedSource):
    """From `c_start` at `t_start` linearly towards `c_end` at `t_start + duration`; 0 outside.

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the result | | |
    | `c_start`, `c_end` | numbers or arrays of shape `in_size` | any | |
    | `duration` | how long | ms | |
    | `t_start` | when it begins | ms | 0 |
    """

    def __init__(
        self, in_size: Any, c_start: Any, c_end: Any, duration: Any, t_start: Any = None, name: str | None = None
    ):
        super().__init__(in_size, name)
        self.unit, (self.c_start, self.c_end) = amplitudes(self, c_start=c_start, c_end=c_end)
        self.duration = time_in_ms(duration, "RampInput: duration", positive=True)
        self.t_start = time_in_ms(t_start, "RampInput: t_start") or 0.0

    def update(self) -> Any:
        """The present value."""
        grid, step = self._grid(), self._step()
        assert self.duration is not None
        begin, end = grid.edge(self.t_start), grid.edge(self.t_start + self.duration)
        since = (step - begin) + (begin - self.t_start / grid.dt)  # whole steps first: they are exact
        value = self.c_start + (self.c_end - self.c_start) * (since * (grid.dt / self.duration))
        return self._spread(jnp.where((step >= begin) & (step < end), value, 0), self.unit)


class SinusoidalInput(TimedSource):
    """`bias` + `amplitude` · sin(2π f t) for `duration`, 0 afterwards.

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the result | | |
    | `amplitude` | a number or an array of shape `in_size` | any | |
    | `frequency` | f, a number or an array of shape `in_size` | Hz | |
    | `duration` | how long | ms | for ever |
    | `bias` | as `amplitude` | that of `amplitude` | 0 |
    """

    def __init__(
        self,
        in_size: Any,
        amplitude: Any,
        frequency: Any,
        duration: Any = None,
        bias: Any = None,
        name: str | None = None,
    ):
        super().__init__(in_size, name)
        given = {"amplitude": amplitude} if bias is None else {"amplitude": amplitude, "bias": bias}
        self.unit, (self.amplitude, *rest) = amplitudes(self, **given)
        self.bias = rest[0] if rest else None
        self.frequency = np.asarray(number_in(frequency, u.kHz, "SinusoidalInput: frequency"), float)
        amplitudes(self, frequency=self.frequency)
        self.duration = time_in_ms(duration, "SinusoidalInput: duration")

    def update(self) -> Any:
        """The present value."""
        grid, step = self._grid(), self._step()
        value = self.amplitude * jnp.sin(2 * np.pi * _turns(step, self.frequency * grid.dt))
        if self.bias is not None:
            value = value + self.bias
        if self.duration is not None:
            value = jnp.where(step < grid.edge(self.duration), value, 0)
        return self._spread(value, self.unit)


def _turns(step: Any, per_step: np.ndarray) -> Any:
    """The turns up to `step`, without most of the whole ones: their product in float32 would lose the phase."""
    digits = [step & 1023, (step >> 10) & 1023, step >> 20]
    return sum(jnp.mod(digit * np.mod(per_step * 1024.0**k, 1.0), 1.0) for k, digit in enumerate(digits))
