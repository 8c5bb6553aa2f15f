"""Synaptic outputs: from conductance to current."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .._errors import UnitError
from ._form import check_unit, number_in, param
from ._synapse import SynOut


class COBA(SynOut):
    r"""Conductance-based output: $I = g (E - V)$.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `E` | reversal potential | mV | |
    """

    E = param(0.0 * u.mV)

    output = "coba"

    def derive(self, neuron: Any, gain: Any, g_unit: Any) -> tuple[Any, ...]:
        return gain * current_of(g_unit * u.mV, neuron, f"{self.path}: conductance × mV"), self.number("E")


class CUBA(SynOut):
    r"""Current-based output: $I = g \cdot \mathrm{scale}$.

    | parameter | meaning | default |
    |---|---|---|
    | `scale` | a unit or Quantity that turns the unit of g into a current | `u.volt` |
    """

    options: ClassVar[dict[str, Any]] = {"scale": u.volt}

    output = "cuba"

    def derive(self, neuron: Any, gain: Any, g_unit: Any) -> tuple[Any, ...]:
        return (gain * current_of(g_unit * self.scale, neuron, f"{self.path}: conductance × scale"),)


def current_of(value: Any, neuron: Any, where: str) -> Any:
    """The number of a unit or Quantity in the current unit of `neuron`."""
    value = 1.0 * value
    try:
        check_unit(value, neuron.current_unit, where)
    except UnitError as error:
        raise UnitError(f"{where} must be a current, as {neuron.path} takes it. {error}") from error
    return number_in(value, neuron.current_unit, where)
