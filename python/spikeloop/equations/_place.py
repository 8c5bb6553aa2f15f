"""Where a piece of text stands in the text that the user wrote, for messages that point at it."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import EquationError, UnitError


@dataclass(frozen=True)
class Place:
    """The characters from `start` to `end` of `text`; `name` says what the text is, for example 'threshold'."""

    text: str
    start: int
    end: int
    name: str

    def part(self, start: int, end: int) -> Place:
        """Characters of this piece, counted from its start."""
        return Place(self.text, self.start + start, self.start + end, self.name)

    @property
    def content(self) -> str:
        """The piece itself."""
        return self.text[self.start : self.end]

    def error(self, message: str) -> EquationError:
        """An error that shows the line and marks the piece."""
        return EquationError(self._shown(message))

    def unit_error(self, message: str) -> UnitError:
        """The same for two units that do not fit."""
        return UnitError(self._shown(message))

    def _shown(self, message: str) -> str:
        first = self.text.rfind("\n", 0, self.start) + 1
        last = self.text.find("\n", self.start)
        line = self.text[first : len(self.text) if last < 0 else last]
        number = self.text.count("\n", 0, self.start) + 1
        indent = len(line) - len(line.lstrip())
        column = self.start - first
        width = max(1, min(self.end - self.start, len(line.rstrip()) - column))
        where = f"{self.name}, line {number}" if "\n" in self.text.strip() else self.name
        return f"{where}: {message}\n    {line.strip()}\n    {' ' * (column - indent)}{'^' * width}"


def whole(text: str, name: str) -> Place:
    """The place of a text that stands alone."""
    return Place(text, 0, len(text), name)
