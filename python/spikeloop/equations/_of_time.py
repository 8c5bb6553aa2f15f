"""What equations in text read as `f(t)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class FunctionOfTime(ABC):
    """A function that is constant within each step, with values in `unit`."""

    unit: Any

    @abstractmethod
    def at_step(self, i: Any) -> Any:
        """The plain number(s) in step `i` of the `dt` of `environ`."""
