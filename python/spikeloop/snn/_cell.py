"""Cell: what neurons for training share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax

from .. import surrogate
from .._form import param, variable
from ..models import Neuron

ARCTAN = surrogate.Arctan(alpha=2.0)


class Cell(Neuron):
    """Base of neurons for training. All numbers are plain, and the step is the unit of time: they need no `dt`.

    `reset_mechanism`: after a spike, "subtract" takes the threshold from V in the next step, "zero" sets V to 0 before
    it, "none" leaves V. As in snnTorch, derivatives do not go through the reset. V is recorded before the reset.
    """

    V_th = param(1.0)
    V = variable(0.0)

    options: ClassVar[dict[str, Any]] = {"spk_fun": ARCTAN, "reset_mechanism": "subtract"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset_mechanism": ("subtract", "zero", "none")}
    current_unit = u.UNITLESS
    reset_mechanism: str

    def _configure(self, **options: Any) -> None:
        del options["spk_reset"]  # it follows from the mechanism
        super()._configure(**options)

    @property
    def spk_reset(self) -> str:
        """The reset as other neurons name it."""
        return "hard" if self.reset_mechanism == "zero" else "soft"

    def dt(self) -> float:
        """The time step, which is the unit of time."""
        return 1.0

    def numbers(self) -> SimpleNamespace:
        """The constants, and `drop`: how far V falls after a spike."""
        p = super().numbers()
        return SimpleNamespace(**vars(p), drop=p.V_th if self.reset_mechanism == "subtract" else 0.0)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.V - p.V_th

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        spike = jax.lax.stop_gradient(spike)
        s.V = s.V * (1 - spike) if hard else s.V
        s.fall = 0.0 if hard else p.drop * spike  # of which `integrate` takes account
