"""Layers that follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._desc import Desc
from .._errors import ShapeError
from .._module import Module
from ._run_steps import RunsSteps


class Sequential(RunsSteps, Module):
    """Layers called one after the other: y = layers[-1](… layers[1](layers[0](x))).

    A layer is a Module, a function, or a description (`Linear.desc(out_size=10)`), which is made with the size that
    reaches it. Functions are taken to keep the size. An index gives a layer, a slice a Sequential of these layers.

    Raises ShapeError if a Module follows another whose output has a different size.

    >>> net = sl.nn.Sequential(sl.nn.Linear(2, 3), sl.LIF.desc(tau=10 * u.ms), sl.nn.Linear.desc(out_size=1))
    >>> net.out_size
    (1,)
    """

    def __init__(self, *layers: Module | Desc | Callable[..., Any], name: str | None = None):
        super().__init__(name)
        self.layers: list[Any] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Module | Desc | Callable[..., Any]) -> None:
        """Add a layer at the end."""
        made: Any = layer
        position = f"{self.path}.layers[{len(self.layers)}]"
        if isinstance(layer, Desc):
            if self._out_size is None:
                raise ShapeError(f"{position} is {layer!r}, but the size that reaches it is unknown; pass in_size.")
            made = layer(in_size=self._out_size)
        if not callable(made):
            raise TypeError(f"{position} must be a Module or a function; given {made!r}.")
        if isinstance(made, Module):
            before = self.layers[-1].out_size if self.layers and isinstance(self.layers[-1], Module) else None
            if before is not None and made.in_size is not None and made.in_size != before:
                raise ShapeError(
                    f"{position} takes inputs of shape {made.in_size}; the layer before it gives {before}."
                )
            self._out_size = made.out_size
            self._in_size = self._in_size if self.layers else made.in_size
        self.layers = [*self.layers, made]

    def update(self, x: Any) -> Any:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)
