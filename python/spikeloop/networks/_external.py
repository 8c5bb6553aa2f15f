"""Poisson input that differs between the parts of a population."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from .._module import Module
from ..inputs._poisson import add_binomial
from ..models import IafPscExp
from ..random._units import attach, split


class PoissonCurrents(Module):
    """Each call adds to `target.I_syn_ex` the spikes of one step: neurons of part k have `sources[k]` sources.

    | name | meaning | unit |
    |---|---|---|
    | `sizes` | neurons of each part | |
    | `freq` | rate of each source | Hz |
    | `weight` | what a spike adds | pA |
    """

    def __init__(self, target: IafPscExp, sizes: np.ndarray, sources: np.ndarray, freq: Any, weight: Any):
        super().__init__()
        self.target, self.sizes, self.sources = target, sizes.tolist(), sources.tolist()
        self.freq, self.weight = freq.to_decimal(u.kHz), weight

    def update(self) -> None:
        """Add the spikes of this step."""
        current = self.target.I_syn_ex
        parts = [*zip(self.sizes, self.sources, strict=True)]
        numbers, unit = split(current.value)
        weight = self.weight.to_decimal(unit)
        current.value = attach(add_binomial(numbers, weight, parts, float(self.freq * self.target.dt())), unit)
