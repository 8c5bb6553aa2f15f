"""Layers with a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._desc import Desc
from .._errors import ShapeError
from .._keywords import check_choice
from .._module import Module
from ._run_steps import RunsSteps
from ._sequential import Sequential

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda y, x: y + x,
    "and": lambda y, x: y * x,
    "iand": lambda y, x: (1 - y) * x,
}


class Residual(RunsSteps, Module):
    """A residual block: layers one after the other, and their input around them.

    | name | meaning | default |
    |---|---|---|
    | `layers` | as in `Sequential`; the output has the size of the shortcut | |
    | `combine` | of output y and shortcut x: "add" y + x, "and" y x, "iand" (1 − y) x | "add" |
    | `shortcut` | what x goes through, such as a convolution that changes its size | nothing |

    Where y and x are spikes, these are the functions of SEW-ResNet (Fang et al., 2021). If the last layer computes
    currents, "add" is the membrane shortcut; neurons follow the block.

    >>> block = sl.nn.Residual(sl.nn.Linear(3, 3, w_init=0 * jnp.ones((3, 3))))
    >>> block(jnp.array([1.0, 0.0, 2.0])).tolist()
    [1.0, 0.0, 2.0]
    """

    def __init__(
        self,
        *layers: Module | Desc | Callable[..., Any],
        combine: str = "add",
        shortcut: Module | None = None,
        name: str | None = None,
    ):
        super().__init__(name)
        check_choice(combine, tuple(_COMBINE), f"{self.path}: combine")
        self.block, self.shortcut, self.combine = Sequential(*layers), shortcut, combine
        self._in_size, self._out_size = self.block.in_size, self.block.out_size
        around = self.in_size if shortcut is None else shortcut.out_size
        if None not in (around, self.out_size) and around != self.out_size:
            raise ShapeError(
                f"{self.path}: the layers give {self.out_size}, the shortcut {around}; pass a shortcut, a layer that "
                f"changes the size."
            )

    def update(self, x: Any) -> Any:
        """The output of the layers, combined with the shortcut."""
        around = x if self.shortcut is None else self.shortcut(x)
        return _COMBINE[self.combine](self.block(x), around)
