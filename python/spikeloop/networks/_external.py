"""Poisson input that differs between the parts of a population."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._module import Module
from ..inputs._poisson import binomial
from ..models import IafPscExp


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
        batch = current.value.shape[:-1]
        parts = zip(self.sizes, self.sources, strict=True)
        p = float(self.freq * self.target.dt())
        spikes = jnp.concatenate([binomial(n, p, (*batch, size)) for size, n in parts], axis=-1)
        current.value = current.value + self.weight * spikes.astype(current.value.dtype)
