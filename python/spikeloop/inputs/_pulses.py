"""Single events: spikes, pulses and bursts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import environ
from ..random._units import attach, check_finite, common_unit
from ._grid import Grid, placed


def spike(sp_times: Sequence[Any], sp_lens: Any, sp_sizes: Any, duration: Any, *, dt: Any = None) -> Any:
    """`sp_sizes[k]` for `sp_lens[k]` from `sp_times[k]` on, 0 elsewhere; one number holds for all.

    A spike lasts one step at least; where two overlap, the later one counts.
    """
    grid = Grid("inputs.spike", dt)
    length = grid.step("duration", duration)
    lens, sizes = _each(sp_lens, len(sp_times), "sp_lens"), _each(sp_sizes, len(sp_times), "sp_sizes")
    unit, numbers = common_unit("inputs.spike", **{f"sp_sizes[{k}]": size for k, size in enumerate(sizes)})
    check_finite("inputs.spike", **{f"sp_sizes[{k}]": size for k, size in enumerate(sizes)})
    which = np.zeros(length, int)
    for k, (time, lasts) in enumerate(zip(sp_times, lens, strict=True)):
        begin = grid.step("sp_times", time)
        grid.step("sp_lens", lasts)
        end = grid.ceil(grid.time("sp_times", time) + grid.time("sp_lens", lasts))
        which[begin : max(end, begin + 1)] = k + 1
    return attach(jnp.asarray([0, *numbers], environ.dftype())[which], unit)


def gaussian_pulse(amplitude: Any, center: Any, sigma: Any, duration: Any, n: int = 1, *, dt: Any = None) -> Any:
    """`amplitude` · exp(−(t − center)² / 2 sigma²), in `n` equal columns if n > 1."""
    grid = Grid("inputs.gaussian_pulse", dt)
    length, where, t = grid.window(duration, None, None)
    wave = np.exp(-0.5 * ((t - grid.time("center", center)) / grid.positive("sigma", sigma)) ** 2)
    unit, (number,) = common_unit("inputs.gaussian_pulse", amplitude=amplitude)
    columns = number if grid.whole("n", n) == 1 else jnp.broadcast_to(jnp.asarray(number, environ.dftype()), (n,))
    return attach(placed(length, where, wave, columns), unit)


def exponential_decay(
    amplitude: Any, tau: Any, duration: Any, t_start: Any = None, t_end: Any = None, *, dt: Any = None
) -> Any:
    """`amplitude` · exp(−(t − t_start)/tau) from `t_start` to `t_end`, 0 outside."""
    grid = Grid("inputs.exponential_decay", dt)
    length, where, t = grid.window(duration, t_start, t_end)
    return placed(length, where, np.exp(-t / grid.positive("tau", tau)), amplitude)


def double_exponential(
    amplitude: Any,
    tau_rise: Any,
    tau_decay: Any,
    duration: Any,
    t_start: Any = None,
    t_end: Any = None,
    *,
    dt: Any = None,
) -> Any:
    """exp(−t/tau_decay) − exp(−t/tau_rise) with its peak scaled to `amplitude`, from `t_start` to `t_end`.

    Equal time constants give the limit, (t/tau) exp(1 − t/tau).
    """
    grid = Grid("inputs.double_exponential", dt)
    length, where, t = grid.window(duration, t_start, t_end)
    rise, decay = grid.positive("tau_rise", tau_rise), grid.positive("tau_decay", tau_decay)
    if np.isclose(rise, decay):
        return placed(length, where, t / decay * np.exp(1 - t / decay), amplitude)
    peak = rise * decay / (decay - rise) * np.log(decay / rise)
    at = lambda time: np.exp(-time / decay) - np.exp(-time / rise)  # noqa: E731
    return placed(length, where, at(t) / at(peak), amplitude)


def burst(
    burst_amp: Any,
    burst_freq: Any,
    burst_duration: Any,
    inter_burst_interval: Any,
    n_bursts: int,
    duration: Any,
    *,
    dt: Any = None,
) -> Any:
    """`n_bursts` times a sine of `burst_freq` for `burst_duration`, with `inter_burst_interval` between them."""
    grid = Grid("inputs.burst", dt)
    length, where, t = grid.window(duration, None, None)
    lasts = grid.positive("burst_duration", burst_duration)
    n_bursts = grid.whole("n_bursts", n_bursts)
    pause = grid.time("inter_burst_interval", inter_burst_interval)
    if pause < 0:
        raise ValueError(f"inputs.burst: inter_burst_interval must not be negative; given {inter_burst_interval}.")
    period, tiny = lasts + pause, 1e-6 * grid.dt
    count = np.floor((t + tiny) / period)
    since = t - count * period
    wave = np.sin(2 * np.pi * float(grid.rate("burst_freq", burst_freq)) * since)
    return placed(length, where, np.where((since < lasts - tiny) & (count < n_bursts), wave, 0), burst_amp)


def _each(value: Any, n: int, name: str) -> list[Any]:
    values = list(value) if isinstance(value, (list, tuple)) or jnp.ndim(value) else [value] * n
    if len(values) != n:
        raise ValueError(f"inputs.spike: {n} sp_times but {len(values)} {name}.")
    return values
