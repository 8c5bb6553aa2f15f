"""A user's function in the place of a surrogate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._base import Surrogate


class SpikeFunction(Surrogate):
    """Any function of the distance to threshold, with the derivative that JAX finds for it.

    Its values are what a neuron sends, so it should be 1 where x ≥ 0, else 0.
    """

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function

    @property
    def label(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, x: Any) -> Any:
        return self.function(x)


def spike_function(given: Any, where: str) -> Surrogate:
    """The surrogate that was given, or made of a function."""
    if isinstance(given, Surrogate):
        return given
    if not callable(given) or isinstance(given, type):
        made = f"; write {given.__name__}()" if isinstance(given, type) else ""
        raise TypeError(
            f"{where}: spk_fun must be a surrogate such as sl.surrogate.ReluGrad(), or a function of the distance to "
            f"threshold; given {given!r}{made}."
        )
    return SpikeFunction(given)
