"""The names of units in text, and the coherent units in which models from text compute.

Numbers are in mV, ms and pA, and in what follows from these: nS, pF, GΩ. No equation needs a factor then, and float32
holds all of its quantities without loss.
"""

from __future__ import annotations

from typing import Any

import brainunit as u

_BASE = {
    "m": u.um,
    "kg": u.mV * u.pA * u.ms**3 / u.um**2,
    "s": u.ms,
    "A": u.pA,
    "K": u.kelvin,
    "mol": u.mmolar * u.um**3,
}


def unit_named(name: str) -> Any:
    """The unit of this name, as in brainunit and Brian2 (`mV`, `nsiemens`, `second`); None if there is none."""
    unit = getattr(u, name, None)
    return unit if isinstance(unit, u.Unit) else None


def coherent(unit: Any) -> Any:
    """The unit of the same dimension that follows from mV, ms and pA."""
    exponents = {name: float(unit.dim.get_dimension(name)) for name in _BASE}
    result = u.UNITLESS
    for name, exponent in exponents.items():
        if exponent:
            result = result * _BASE[name] ** (int(exponent) if exponent.is_integer() else exponent)
    return result


def factor(unit: Any) -> float:
    """What a number in `unit` is multiplied by to be in the coherent unit."""
    return float(unit.magnitude / coherent(unit).magnitude)


def is_plain(unit: Any) -> bool:
    """Whether numbers in the unit are plain numbers, as those in Hz·ms are."""
    return bool(unit.dim.is_dimensionless)


def shown(unit: Any) -> str:
    """A unit, for messages."""
    return "no unit" if is_plain(unit) else str(unit)
