"""Benchmark network with current-based synapses."""

from __future__ import annotations

from typing import ClassVar

import brainunit as u

from .. import models
from .balanced import Balanced
from .coba import COBANetwork


class CUBANetwork(Balanced):
    """The network with current-based synapses of Vogels & Abbott (2005), benchmark 2 of Brette et al. (2007).

    By default 4,000 neurons with 80 targets each.

    Vogels TP, Abbott LF (2005) J. Neurosci. 25:10786. Brette R et al. (2007) J. Comput. Neurosci. 23:349.
    """

    neuron: ClassVar = {**COBANetwork.neuron, "V_rest": -49.0 * u.mV, "R": 1.0 * u.ohm}
    synapses: ClassVar = {
        "E": (1.62 * u.mS, 5.0 * u.ms, models.CUBA.desc(scale=u.volt)),
        "I": (-9.0 * u.mS, 10.0 * u.ms, models.CUBA.desc(scale=u.volt)),
    }
    expected_rate = (3.0, 9.0)
