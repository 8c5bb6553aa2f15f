"""The cortical microcircuit."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Literal

import brainunit as u
import numpy as np

from .. import connect, init, models
from . import _pd14_table as table
from ._external import PoissonCurrents
from .standard_network import StandardNetwork


class PD14(StandardNetwork):
    r"""The microcircuit under 1 mm² of cortex of Potjans & Diesmann (2014): 77,169 neurons, 299 million synapses.

    Eight populations of `IafPscExp`, the parts of one population `N`, with synapses of a fixed total number
    $K = \ln(1 - p) / \ln(1 - 1/(N_\mathrm{pre} N_\mathrm{post}))$ for each pair of them. Weights are normal with 10 %
    of their mean, never of the other sign; delays are normal with 50 % of their mean and redrawn below 0.05 ms, then
    rounded to steps, at least one. A delay counts from the spike to the start of its current.

    | name | meaning | default |
    |---|---|---|
    | `scale` | part of the neurons, from 0 (excluded) to 1 | 1 |
    | `drive` | external input: `'poisson'` spikes, or `'dc'` currents of the same mean | 'poisson' |
    | `in_degree` | part of the inputs of each neuron, from 0 (excluded) to 1 | √scale |
    | `seed` | seed of the connectivity | 0 |

    With fewer inputs, the mean and the variance of the input are kept: weights grow by
    $1/\sqrt{\mathrm{in\_degree}}$, and a constant current replaces the mean that is lost, computed from the rates of
    the full circuit (van Albada et al. 2015). With all inputs from fewer neurons, these are correlated, and rates rise;
    with few inputs, feedback is weak, and a circuit driven by constant currents falls silent. At scale 0.1, √scale
    keeps the rates within about 15 % for both drives. The initial potentials are those that the community model is
    published with, which shorten the transient at the start.

    Potjans TC, Diesmann M (2014) Cereb. Cortex 24:785. van Albada SJ, Helias M, Diesmann M (2015) PLoS Comput. Biol.
    11:e1004490.
    """

    expected_rate: ClassVar = (2.3, 4.3)

    def __init__(
        self,
        scale: float = 1.0,
        *,
        drive: Literal["poisson", "dc"] = "poisson",
        in_degree: float | None = None,
        seed: int = 0,
    ):
        super().__init__()
        if not isinstance(scale, (int, float)) or not 0 < scale <= 1:
            raise ValueError(f"PD14: scale must lie in (0, 1]; given {scale!r}.")
        if drive not in ("poisson", "dc"):
            raise ValueError(f"PD14: drive must be 'poisson' or 'dc'; given {drive!r}.")
        in_degree = float(np.sqrt(scale)) if in_degree is None else in_degree
        if not 0 < in_degree <= 1:
            raise ValueError(f"PD14: in_degree must lie in (0, 1]; given {in_degree!r}.")
        self.scale, self.drive, self.in_degree = scale, drive, in_degree
        sizes = np.maximum(np.round(scale * table.SIZES), 1).astype(int)
        self.size = int(sizes.sum())
        starts = itertools.accumulate(sizes.tolist(), initial=0)
        self.populations = {
            name: slice(*ends) for name, ends in zip(table.NAMES, itertools.pairwise(starts), strict=True)
        }
        self.N = self._neurons(sizes)
        rule = connect.Blocks(sizes.tolist(), sizes.tolist(), self._rules(seed))
        self.recurrent = models.AlignPostProj(
            comm=rule, pre=self.size, post=self.N, label="recurrent", **self.N.excitatory
        )
        self.external = self._poisson(sizes) if drive == "poisson" else None

    def _neurons(self, sizes: np.ndarray) -> models.IafPscExp:
        def spread(values: Any) -> np.ndarray:
            return np.repeat(np.asarray(values), sizes)

        return models.IafPscExp(
            self.size,
            **table.NEURON,
            I_e=spread(self._currents()) * u.pA,
            V_initializer=init.Normal(spread(table.V0_MEAN) * u.mV, spread(table.V0_STD) * u.mV),
        )

    def _currents(self) -> np.ndarray:
        """The constant currents in pA: external ones, and what stands in for inputs that a smaller circuit lacks."""
        external = table.current(table.EXTERNAL_PSC * table.EXTERNAL_INDEGREE * table.EXTERNAL_RATE)
        lost = table.current((table.PSC * table.SYNAPSES / table.SIZES[:, None]) @ table.RATES)
        missing = 1 - np.sqrt(self.in_degree)
        return external + missing * lost if self.drive == "dc" else missing * (external + lost)

    def _rules(self, seed: int) -> dict[tuple[int, int], connect.Rule]:
        rules = {}
        for post, pre in zip(*np.nonzero(table.SYNAPSES), strict=True):
            mean = table.PSC[post, pre] / np.sqrt(self.in_degree)
            low, high = (0.0 * u.pA, None) if mean > 0 else (None, 0.0 * u.pA)
            weight = init.TruncatedNormal(mean * u.pA, table.RELATIVE_STD * abs(mean) * u.pA, low, high)
            delay = table.DELAY[pre] * u.ms
            rules[int(pre), int(post)] = connect.FixedTotalNumber(
                round(float(table.SYNAPSES[post, pre]) * self.scale * self.in_degree),
                weight,
                delay=init.TruncatedNormal(delay, table.RELATIVE_DELAY_STD * delay, 0.05 * u.ms, None),
                seed=64 * seed + 8 * int(pre) + int(post),
            )
        return rules

    def _poisson(self, sizes: np.ndarray) -> PoissonCurrents:
        sources = np.round(table.EXTERNAL_INDEGREE * self.in_degree).astype(int)
        return PoissonCurrents(
            self.N, sizes, sources, table.EXTERNAL_RATE * u.Hz, table.EXTERNAL_PSC / np.sqrt(self.in_degree) * u.pA
        )

    def step(self) -> Any:
        """Advance by one step; returns the spikes."""
        self.recurrent(self.N.get_spike())
        if self.external is not None:
            self.external()
        return self.N()
