"""Receptor ports: the inputs of a model, each of which adds to one of its States."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from .._errors import UnitError
from .._keywords import guess
from ..models import SynOut


@dataclass(frozen=True)
class Port:
    """A receptor port: the State that weights add to, their unit, and what they are multiplied by.

    The factor is `scale` of the constants whose names are in `of`.
    """

    state: str
    unit: Any
    scale: Callable[..., Any] | None = None
    of: tuple[str, ...] = ()

    def suffixed(self, k: int | str) -> Port:
        """The port of the State and of the constants whose names end in `_k`."""
        return Port(f"{self.state}_{k}", self.unit, self.scale, tuple(f"{name}_{k}" for name in self.of))

    def jump(self, p: Any, arrived: Any) -> Any:
        """What the State grows by."""
        return arrived if self.scale is None else arrived * self.scale(*(getattr(p, name) for name in self.of))


def ex_and_in(state: str, unit: Any, scale: Callable[..., Any] | None = None, of: tuple[str, ...] = ()) -> Any:
    """An excitatory and an inhibitory port, of a State and constants that there are of each, such as g_ex and g_in."""
    port = Port(state, unit, scale, of)
    return {name: port.suffixed(name) for name in ("ex", "in")}


class ToPort(SynOut):
    """The output that adds to the receptor port `port` of its target; `neurons.port(name)` makes its description."""

    options: ClassVar[dict[str, Any]] = {"port": ""}

    output = "port"

    def derive(self, neuron: Any, gain: Any, g_unit: Any) -> tuple[Any, ...]:
        port = port_of(neuron, self.port)
        if not port.unit.has_same_dim(g_unit):
            raise UnitError(f"{neuron.path}: port {self.port!r} takes {port.unit}; given weights in {g_unit}.")
        return ()


def port_of(neuron: Any, name: Any) -> Port:
    """The port of a neuron model by name."""
    ports = getattr(neuron, "ports", {})
    if str(name) not in ports:
        known = ", ".join(map(repr, ports)) or "none"
        raise ValueError(f"{neuron.path} has no receptor port {name!r}; it has {known}{guess(str(name), ports)}")
    return ports[str(name)]
