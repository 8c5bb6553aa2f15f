"""Owned: what a Module holds under a name, a State or another Module."""

from __future__ import annotations

import weakref
from typing import Any


class Owned:
    """Has the name that it was given, or else that of the attribute that holds it."""

    _name: str | None = None
    _owner: tuple[weakref.ref[Any], str] | None = None

    @property
    def name(self) -> str | None:
        """The given name, else the attribute that holds it."""
        return self._name or (self._owner[1] if self._owner else None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
