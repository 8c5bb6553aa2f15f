"""Who steps a model that must be stepped once."""

from __future__ import annotations

import weakref
from typing import Any

_STEPPED_BY: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()


def claim(part: Any, owner: Any, where: str) -> None:
    """Note that `owner` steps `part`; refuse if something else, still in use, does so already."""
    known = _STEPPED_BY.get(part)
    other = known() if known is not None else None
    if other is not None and other is not owner:
        raise ValueError(
            f"{where}: this {type(part).__name__} is stepped by {other.path} already, and would advance twice in a "
            "step. Make another one."
        )
    _STEPPED_BY[part] = weakref.ref(owner)
