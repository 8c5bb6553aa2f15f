"""Recording of firing rates."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels._record import count
from ._clock import period
from ._recorder import Recorder, size_of, spikes_of
from ._selection import Chosen, compact, indices_of, listed_indices, take


class Rate(Recorder):
    """Records the mean firing rate of a population or of groups in it.

    | name | meaning | default |
    |---|---|---|
    | `population` | what spikes | |
    | `bin` | the time over which spikes are counted, a multiple of dt | dt |
    | `groups` | {name: slice or indices of neurons}, such as `net.populations`, or {name: number of neurons}, one \
    group after the other | one group of all |
    | `start`, `stop` | as in `Recorder`; multiples of `bin` | |

    A call returns the spikes of this step in each group, 4 bytes a group; `read` makes `Rates`, one row a bin. A count
    of n spikes, as Poisson sources give them, is n.

    >>> neurons = sl.nn.init_all_states(sl.LIF(10, V_th=10 * u.mV, tau=20 * u.ms))
    >>> rate = sl.record.Rate(neurons, bin=50 * u.ms, groups={"E": 8, "I": 2})
    >>> sl.record.run(lambda: neurons(15 * u.mA), 100 * u.ms, record=rate)["rate"]["E"]
    Quantity([40. 40.], "Hz")
    """

    _kind = "rate"

    def __init__(
        self,
        population: Any,
        *,
        bin: Any = None,
        groups: Mapping[str, Any] | None = None,
        start: Any = None,
        stop: Any = None,
    ):
        super().__init__(population, start, stop)
        self._bin = bin
        self._size = size_of(self._population, self.label)
        chosen = {
            str(name): self._choose(part, self._size, f"{self.label}: group {name!r}")
            for name, part in self._slices({"all": None} if groups is None else groups).items()
        }
        if not chosen:
            raise ValueError(f"{self.label}: groups is empty; give {{name: slice of neurons}}, or leave it out.")
        self._neurons, self._groups = _side_by_side(chosen, self._size)

    def _slices(self, groups: Mapping[str, Any]) -> Mapping[str, Any]:
        """Groups, those of so many neurons as slices."""
        numbers = {name: int(part) for name, part in groups.items() if isinstance(part, int | np.integer)}
        if not numbers:
            return groups
        ends = [0, *itertools.accumulate(numbers.values())]
        if len(numbers) < len(groups) or ends[-1] != self._size:
            raise ValueError(
                f"{self.label}: the groups {dict(groups)} are to be numbers of neurons, {self._size} in all, or each a "
                f"slice or indices of neurons; write [{next(iter(numbers.values()))}] for a group of one neuron."
            )
        return {name: slice(*pair) for name, pair in zip(numbers, itertools.pairwise(ends), strict=True)}

    def update(self, spikes: Any = None) -> Any:
        """The number of spikes in each group, (..., groups)."""
        taken = take(spikes_of(self._population, spikes, self.label), self._neurons)
        return count(taken, tuple(self._groups.values()))

    def block_steps(self, dt: float) -> int:
        return 1 if self._bin is None else period(self._bin, dt, f"{self.label}: bin")

    def num_entries(self, steps: int, dt: float) -> int:
        return -(-steps // self.block_steps(dt))

    def reduce(self, rows: np.ndarray, dt: float) -> np.ndarray:
        return np.add.reduceat(rows, range(0, len(rows), self.block_steps(dt)), dtype=np.int64) if len(rows) else rows

    def describe(self, dt: float) -> dict[str, Any]:
        groups = {name: list(ends) for name, ends in self._groups.items()}
        return {**super().describe(dt), "groups": groups, "neurons": listed_indices(self._neurons, self._size)}


def _side_by_side(chosen: dict[str, Chosen], size: int) -> tuple[Chosen, dict[str, tuple[int, int]]]:
    """(neurons to take, {name: (start, stop) among these}): all of them if no group has gaps."""
    ranges = {name: part for name, part in chosen.items() if isinstance(part, slice) and part.step == 1}
    if len(ranges) == len(chosen):
        return slice(0, size, 1), {name: (part.start, part.stop) for name, part in ranges.items()}
    indices = [indices_of(part) for part in chosen.values()]
    ends = np.cumsum([0, *map(len, indices)]).tolist()
    return compact(np.concatenate(indices)), dict(zip(chosen, itertools.pairwise(ends), strict=True))
