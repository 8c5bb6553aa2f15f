"""A Module that runs another one under settings of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import environ
from .._module import Module


class EnvironContext(Module):
    """Calls `layer` inside `environ.context(**context)`.

    | name | meaning |
    |---|---|
    | `layer` | the Module |
    | `**context` | settings, such as `fit=True` or `dt=0.1 * u.ms` |
    """

    takes_every_keyword = True

    def __init__(self, layer: Module, **context: Any):
        super().__init__()
        if not isinstance(layer, Module):
            raise TypeError(f"EnvironContext: layer must be a Module; given {layer!r}.")
        self.layer, self.context = layer, context
        self._in_size, self._out_size = layer.in_size, layer.out_size

    def update(self, *args: Any, context: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """The result of the layer; `context` holds further settings for this call, which win."""
        with environ.context(**{**self.context, **(context or {})}):
            return self.layer(*args, **kwargs)

    def add_context(self, **context: Any) -> None:
        """Add or replace settings."""
        self.context = {**self.context, **context}
