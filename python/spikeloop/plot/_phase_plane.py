"""The phase plane of neurons with two variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .._units import check_unit, number_in, unit_of, with_unit
from ..kernels import Drive
from ..models import Neuron
from ..record._clock import milliseconds, time_step_in_ms
from ._style import COLORS, finish, legend, new_axes
from ._style import with_unit as label_with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRID = 201  # points along each axis, of the nullclines
_ARROWS = 10  # grid points between two arrows
_SHORT = 1e-5  # ms: a step that is as good as a derivative in double precision


def phase_plane(
    neuron: Neuron,
    current: Any = None,
    *,
    x: Any,
    y: Any,
    trajectories: Sequence[Any] = (),
    duration: Any = 200.0 * u.ms,
    dt: Any = 0.05 * u.ms,
    ax: Axes | None = None,
) -> Any:
    """Nullclines, vector field and trajectories of a neuron model with two variables.

    | name | meaning | default |
    |---|---|---|
    | `neuron` | a model with two variables, such as `FitzHughNagumo(1)`, its constants single numbers | |
    | `current` | the constant input | 0 |
    | `x`, `y` | the ranges (low, high) of its first and its second variable, in whose unit they are drawn | |
    | `trajectories` | initial points (x, y) of solutions to draw; jumps of a reset are dashed | none |
    | `duration`, `dt` | how long these are, and their time step | 200 ms, 0.05 ms |
    | `ax` | the axes to draw in | a new figure |

    The field is that of the model's own equations. Returns the axes.
    """
    names = _names(neuron)
    ranges = [_pair(neuron, n, r, f"phase_plane: {axis}") for axis, n, r in zip("xy", names, (x, y), strict=True)]
    units = [unit_of(given[0]) for given in (x, y)]
    starts = [_pair(neuron, None, point, "phase_plane: trajectories") for point in trajectories]
    with jax.enable_x64(True):
        I = _current(neuron, current)  # noqa: E741  the name of a current
        grid = np.meshgrid(*(np.linspace(*r, _GRID) for r in ranges))
        field = _field(neuron, I, grid)
        paths = [
            _path(neuron, I, start, milliseconds(duration, "duration"), time_step_in_ms(dt, "phase_plane"))
            for start in starts
        ]
    ax, _ = new_axes(ax, figsize=(5.6, 4.4))
    scales = [_scale(neuron.state_unit(n), unit) for n, unit in zip(names, units, strict=True)]
    grid, field, ranges = ([v * s for v, s in zip(x, scales, strict=True)] for x in (grid, field, np.array(ranges)))
    _draw_field(ax, grid, field, ranges)
    for k, name in enumerate(names):
        ax.contour(*grid, field[k], levels=[0.0], colors=[COLORS[k]], linewidths=1.8)
        ax.plot([], [], color=COLORS[k], lw=1.8, label=f"d{name}/dt = 0")
    for k, path in enumerate(paths):
        _draw_path(ax, path * scales, "0.15" if k == 0 else COLORS[(k + 2) % len(COLORS)])
    ax.set(xlim=tuple(ranges[0]), ylim=tuple(ranges[1]))
    ax.set(xlabel=label_with_unit(names[0], units[0]), ylabel=label_with_unit(names[1], units[1]))
    finish(ax)
    legend(ax)
    return ax


def _names(neuron: Any) -> tuple[str, ...]:
    if not isinstance(neuron, Neuron) or len(neuron.state_vars) != 2:
        what = f"{type(neuron).__name__} with {', '.join(getattr(neuron, 'state_vars', ())) or 'none'}"
        raise TypeError(f"plot.phase_plane needs a neuron model with two variables; given {what}.")
    if any(jnp.size(value) != 1 for value in vars(neuron.numbers()).values()):
        raise ValueError(f"plot.phase_plane: the constants of {neuron.path} must be single numbers.")
    return tuple(neuron.state_vars)


def _pair(neuron: Neuron, name: str | None, given: Any, where: str) -> tuple[float, float]:
    """Two numbers in the unit of the variable `name`, or in that of the first and of the second."""
    names = list(neuron.state_vars) if name is None else [name, name]
    if not isinstance(given, (tuple, list, u.Quantity)) or len(given) != 2:
        raise TypeError(f"plot.{where} needs two values; given {given!r}.")
    values = [number_in(v, neuron.state_unit(n), f"plot.{where}") for v, n in zip(given, names, strict=True)]
    if name is not None and not float(values[0]) < float(values[1]):
        raise ValueError(f"plot.{where} goes from low to high; given {given!r}.")
    return float(values[0]), float(values[1])


def _scale(unit: Any, shown: Any) -> float:
    """What a number in `unit` is multiplied by to be one in the unit shown."""
    return 1.0 if unit.is_unitless else float(u.Quantity(1.0, unit=unit).to_decimal(shown))


def _current(neuron: Neuron, current: Any) -> float:
    current = with_unit(0.0, neuron.current_unit) if current is None else current
    check_unit(current, neuron.current_unit, "plot.phase_plane: current")
    return float(number_in(current, neuron.current_unit, "plot.phase_plane: current"))


def _stepper(neuron: Neuron, current: float, dt: float) -> Callable[[Any], Any]:
    """The step of the equations from and to (x, y), without spikes."""
    p = _operands(neuron, dt)

    def step(values: Any) -> Any:
        s = SimpleNamespace(**dict(zip(neuron.state_vars, values, strict=True)))
        neuron.integrate(p, s, Drive(current, 0.0, 0.0))
        return tuple(getattr(s, name) for name in neuron.state_vars)

    return step


def _operands(neuron: Neuron, dt: float) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(neuron.operands, neuron.derive(neuron.numbers(), dt), strict=True)))


def _field(neuron: Neuron, current: float, grid: Sequence[np.ndarray]) -> list[np.ndarray]:
    before = [jnp.asarray(values) for values in grid]
    after = _stepper(neuron, current, _SHORT)(before)
    return [np.asarray((b - a) / _SHORT) for a, b in zip(before, after, strict=True)]


def _path(neuron: Neuron, current: float, start: Sequence[float], duration: float, dt: float) -> np.ndarray:
    """(x, y) at every step; NaN between the ends of a reset."""
    p, advance = _operands(neuron, dt), _stepper(neuron, current, dt)

    def step(values: Any, _: None) -> tuple[Any, Any]:
        s = SimpleNamespace(**dict(zip(neuron.state_vars, values, strict=True)))
        fired = neuron.threshold(p, s) >= 0
        if not neuron.edge:
            neuron.reset(p, s, jnp.where(fired, 1.0, 0.0), neuron.spk_reset == "hard")
        new = advance(tuple(getattr(s, name) for name in neuron.state_vars))
        return new, (jnp.stack(new), fired & (not neuron.edge))

    begin = tuple(jnp.asarray(v, jnp.float64) for v in start)
    _, (points, jumps) = jax.lax.scan(step, begin, None, length=max(round(duration / dt), 1))
    points, jumps = np.vstack([np.stack(begin), points]), np.flatnonzero(jumps) + 1
    return np.insert(points, jumps, np.nan, axis=0)


def _draw_field(ax: Axes, grid: Sequence[np.ndarray], field: Sequence[np.ndarray], ranges: Sequence[Any]) -> None:
    """Arrows of one length in the direction of the flow on the page; where it is slow they are pale."""
    some = slice(_ARROWS // 2, None, _ARROWS)
    flow = [f[some, some] / (high - low) for f, (low, high) in zip(field, ranges, strict=True)]
    speed = np.hypot(*flow)
    unit = [f / np.where(speed > 0, speed, 1.0) for f in flow]
    shade = 0.82 - 0.35 * np.argsort(np.argsort(speed, axis=None)) / max(speed.size - 1, 1)
    colors = [str(round(c, 3)) for c in shade]
    points = [g[some, some] for g in grid]
    ax.quiver(*points, *unit, color=colors, scale=34, width=0.0028, headwidth=4, pivot="mid")


def _draw_path(ax: Axes, path: np.ndarray, color: str) -> None:
    ax.plot(*path.T, color=color, lw=1.1)
    ax.plot(*path[0], "o", color=color, ms=4)
    for gap in np.flatnonzero(np.isnan(path[:, 0])):
        ax.plot(*path[[gap - 1, gap + 1]].T, color=color, lw=0.7, ls=(0, (2, 2)))
