"""All records of a run in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record import Rates, Run, SpikeTrains, Traces
from ._raster import raster
from ._rates import rates
from ._style import pyplot
from ._trace import trace

_HEIGHTS = {SpikeTrains: 3.0, Traces: 2.0, Rates: 1.5}  # inches


def run(run: Run, *, groups: Mapping[str, Any] | None = None) -> Any:
    """A figure of the records of a run, one below the other over the same time.

    | name | meaning | default |
    |---|---|---|
    | `run` | what `record.run` returns | |
    | `groups` | {name: number or slice of neurons}, which get a colour each in the raster; of several records of \
spikes, {record: such a dict} | one group |

    Spikes are drawn by `raster`, values of States by `trace`, rates by `rates`. Returns the figure.
    """
    if not isinstance(run, Run):
        raise TypeError(f"plot.run draws what sl.record.run returns; given {type(run).__name__}.")
    drawn = {name: record for name, record in run.items() if isinstance(record, tuple(_HEIGHTS))}
    if not drawn:
        raise ValueError("plot.run: this run has no records of spikes, States or rates; give record= to record.run.")
    of_spikes = [name for name, record in drawn.items() if isinstance(record, SpikeTrains)]
    by_name = _groups(groups, of_spikes)
    if len(drawn) == 1 and of_spikes:
        return raster(*drawn.values(), groups=by_name.get(of_spikes[0]))[0].figure
    heights = [_HEIGHTS[type(record)] for record in drawn.values()]
    figure, axes = pyplot().subplots(
        len(drawn), 1, figsize=(8, sum(heights) + 0.5), height_ratios=heights, sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for (name, record), ax in zip(drawn.items(), axes[:, 0], strict=True):
        _draw(name, record, ax, by_name)
    for ax in axes[:-1, 0]:
        ax.set_xlabel("")
    return figure


def _draw(name: str, record: Any, ax: Any, groups: Mapping[str, Any]) -> None:
    if isinstance(record, SpikeTrains):
        raster(record, groups=groups.get(name), rate=False, ax=ax)
    elif isinstance(record, Traces):
        trace(record, ax=ax)
    else:
        rates(record, ax=ax)
    ax.set_title(name, loc="left", fontsize=9)


def _groups(groups: Mapping[str, Any] | None, of_spikes: list[str]) -> dict[str, Any]:
    """{record of spikes: its groups}."""
    given = dict(groups or {})
    if given and len(of_spikes) == 1 and of_spikes[0] not in given:
        return {of_spikes[0]: given}
    unknown = [name for name in given if name not in of_spikes]
    if unknown:
        raise KeyError(f"plot.run: no record of spikes is called {unknown[0]!r}; there are {', '.join(of_spikes)}.")
    return given
