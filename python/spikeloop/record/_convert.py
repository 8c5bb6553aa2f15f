"""Libraries that records can be converted for."""

from __future__ import annotations

import importlib
from typing import Any


def need(library: str, extra: str = "record") -> Any:
    """The library, or an error that says how to install it."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise ImportError(f"{library} is not installed: pip install 'spikeloop[{extra}]'.") from error


def neo_time(quantity_in_ms: Any) -> Any:
    """A time in ms as neo wants it."""
    return need("quantities").Quantity(quantity_in_ms, "ms")
