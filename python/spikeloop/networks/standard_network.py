"""What all standard networks share: the count of spikes and the rates that follow from it."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .. import environ, nn
from .._shapes import repeat_to
from .._state import ShortTermState


class StandardNetwork(nn.Module):
    """Base of the standard networks: one population `N` of `size` neurons whose spikes are counted.

    `populations` is {name: slice} of its parts; `expected_rate` is the range of the mean rate in Hz. A network
    defines `step()`, which advances it and returns the spikes.
    """

    expected_rate: ClassVar[tuple[float, float]]
    size: int
    N: Any
    populations: dict[str, slice]

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the count of spikes, with a first axis of `batch_size` samples if given."""
        shape = (self.size,) if batch_size is None else (batch_size, self.size)
        self.count = ShortTermState(repeat_to(shape, 0, environ.dftype()))

    def update(self, t: Any = None) -> Any:
        """One step: deliver the spikes of the step before, then advance the neurons; returns their spikes."""
        with environ.context(t=t):
            spikes = self.step()
            self.count.value = self.count.value + spikes
            return spikes

    def step(self) -> Any:
        """Advance by one step; returns the spikes."""
        raise NotImplementedError(f"{type(self).__name__} does not define step().")

    def mean_rate(self, duration: Any) -> Any:
        """The mean firing rate over a run of `duration`."""
        return float(self.count.value.mean()) / duration.to_decimal(u.second) * u.Hz

    def rates(self, duration: Any) -> dict[str, Any]:
        """The mean firing rate of each population over a run of `duration`."""
        seconds = duration.to_decimal(u.second)
        return {
            name: float(self.count.value[..., part].mean()) / seconds * u.Hz for name, part in self.populations.items()
        }


def whole(value: Any, least: int, where: str) -> int:
    """A whole number that is not less than `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{where} must be a whole number, {least} or more; given {value!r}.")
    return int(value)
