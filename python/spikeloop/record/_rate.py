"""Recording of firing rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels._record import count
from ._clock import period
from ._recorder import Recorder, spikes_of
from ._selection import indices_of


class Rate(Recorder):
    """Records the mean firing rate of a population or of groups in it.

    | name | meaning | default |
    |---|---|---|
    | `population` | what spikes | |
    | `bin` | the time over which spikes are counted, a multiple of dt | dt |
    | `groups` | {name: slice of neurons}, such as `net.populations` | one group of all |
    | `start`, `stop` | as in `Recorder`; multiples of `bin` | |

    A call returns the spikes of this step in each group, 4 bytes a group; `read` makes `Rates`, one row a bin. A count
    of n spikes, as Poisson sources give them, is n.
    """

    kind = "rate"

    def __init__(
        self,
        population: Any,
        *,
        bin: Any = None,
        groups: Mapping[str, slice] | None = None,
        start: Any = None,
        stop: Any = None,
    ):
        super().__init__(population, start, stop)
        self._bin = bin
        self._groups = {
            str(name): self._ends(part, f"{self.label}: group {name!r}")
            for name, part in ({"all": None} if groups is None else groups).items()
        }

    def update(self, spikes: Any = None) -> Any:
        """The number of spikes in each group, (..., groups)."""
        return count(spikes_of(self._population, spikes, self.label), tuple(self._groups.values()))

    def block_steps(self, dt: float) -> int:
        return 1 if self._bin is None else period(self._bin, dt, f"{self.label}: bin")

    def num_entries(self, steps: int, dt: float) -> int:
        return -(-steps // self.block_steps(dt))

    def reduce(self, rows: np.ndarray, dt: float) -> np.ndarray:
        return np.add.reduceat(rows, range(0, len(rows), self.block_steps(dt)), dtype=np.int64) if len(rows) else rows

    def describe(self, dt: float) -> dict[str, Any]:
        groups = {name: list(ends) for name, ends in self._groups.items()}
        return {**super().describe(dt), "groups": groups}

    def _ends(self, part: Any, where: str) -> tuple[int, int]:
        chosen = self._choose(part, where)
        if not isinstance(chosen, slice) or chosen.step != 1:
            found = indices_of(chosen)
            if not found.size or (np.diff(found) != 1).any():
                raise ValueError(f"{where} must be a slice of neurons without gaps; given {part!r}.")
            return int(found[0]), int(found[-1]) + 1
        return chosen.start, chosen.stop
