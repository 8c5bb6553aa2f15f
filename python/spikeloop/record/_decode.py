"""Records from entries, in memory or on disk, and the description that their recorder gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ShapeError
from ._clock import Clock
from ._events import listed
from ._rates import Rates
from ._states import unit_of
from ._traces import Traces
from ._trains import Found, SpikeTrains

_ROWS = 4096  # unpacked at a time


def decode(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> Any:
    """The record of these entries."""
    _check_shape(form, entries.shape)
    decoded = {"spikes": _spikes, "events": _events, "states": _states, "rate": _rate, "rows": _rows}[form["kind"]]
    return decoded(form, entries, clock, window)


def _check_shape(form: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Refuse what a loop has stacked if these are no rows of the recorder."""
    expected = {
        "spikes": lambda: -(-_size(form) // 8),
        "states": lambda: _size(form),
        "rate": lambda: len(form["groups"]),
    }
    width = expected.get(form["kind"], lambda: shape[-1])()
    if len(shape) < 2 or shape[-1] != width:
        raise ShapeError(
            f"These are no rows of the recorder of {form['name']}, which have the shape (time, ..., {width}); given "
            f"{tuple(shape)}."
        )


def _size(form: dict[str, Any]) -> int:
    return form["size"] if form["neurons"] is None else len(form["neurons"])


def _spikes(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> SpikeTrains:
    size = _size(form)
    batch = tuple(entries.shape[1:-1])

    def found() -> Found:
        parts = [_unpacked(np.asarray(entries[k : k + _ROWS]), size) for k in range(0, entries.shape[0], _ROWS)]
        for k, part in enumerate(parts):
            part[0] += window[0] + k * _ROWS
        columns = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else [np.zeros(0, int)] * 3
        return tuple(columns)

    return SpikeTrains(found, size=size, clock=clock, window=window, batch=batch)


def _unpacked(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """[steps, neurons, samples] of packed rows (steps, ..., bytes), in the order of steps."""
    flat = rows.reshape(rows.shape[0], math.prod(rows.shape[1:-1]), rows.shape[-1])
    steps, samples, byte = np.nonzero(flat)  # most bytes are 0, so that only few are unpacked
    which, bit = np.nonzero(np.unpackbits(flat[steps, samples, byte][:, None], axis=1, count=8, bitorder="little"))
    return [steps[which], byte[which] * 8 + bit, samples[which]]


def _events(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> SpikeTrains:
    return listed(entries, form["size"], clock, window)


def _states(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> Traces:
    neurons = np.arange(form["size"]) if form["neurons"] is None else np.array(form["neurons"], np.int64)
    return Traces(form["name"], entries, neurons, unit_of(form["unit"]), clock, window, form["block"])


def _rows(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> Traces:
    numbers = np.arange(entries.shape[-1])
    return Traces(form["name"], entries, numbers, unit_of(""), clock, window, form["block"])


def _rate(form: dict[str, Any], entries: Any, clock: Clock, window: tuple[int, int]) -> Rates:
    sizes = {name: stop - start for name, (start, stop) in form["groups"].items()}
    return Rates(np.asarray(entries[:]), sizes, clock, window, form["block"])
