"""Benchmark network of Hodgkin-Huxley neurons."""

from __future__ import annotations

from typing import ClassVar

import brainunit as u

from .. import init, models
from .balanced import Balanced
from .coba import COBANetwork


class COBAHHNetwork(Balanced):
    """The network of Hodgkin-Huxley neurons with the synapses of `COBANetwork`, benchmark 3 of Brette et al. (2007).

    `TraubMilesHH` neurons with an area of 20,000 µm², of which 4,000 have 80 targets each, unless `Balanced` is told
    otherwise.

    Brette R et al. (2007) J. Comput. Neurosci. 23:349.
    """

    model = models.TraubMilesHH
    neuron: ClassVar = {}
    synapses = COBANetwork.synapses
    start = init.Normal(-65.0 * u.mV, 5.0 * u.mV)
    expected_rate = (25.0, 45.0)
