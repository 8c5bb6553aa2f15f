"""Benchmark network with conductance-based synapses."""

from __future__ import annotations

from typing import ClassVar

import brainunit as u

from .. import models
from .balanced import Balanced


class COBANetwork(Balanced):
    """The network with conductance-based synapses of Vogels & Abbott (2005), benchmark 1 of Brette et al. (2007).

    By default 4,000 neurons with 80 targets each.

    Vogels TP, Abbott LF (2005) J. Neurosci. 25:10786. Brette R et al. (2007) J. Comput. Neurosci. 23:349.
    """

    neuron: ClassVar = {
        "V_rest": -60.0 * u.mV,
        "V_th": -50.0 * u.mV,
        "V_reset": -60.0 * u.mV,
        "tau": 20.0 * u.ms,
        "tau_ref": 5.0 * u.ms,
        "R": 100.0 * u.Mohm,
        "spk_reset": "hard",
    }
    synapses: ClassVar = {
        "E": (6.0 * u.nS, 5.0 * u.ms, models.COBA.desc(E=0.0 * u.mV)),
        "I": (67.0 * u.nS, 10.0 * u.ms, models.COBA.desc(E=-80.0 * u.mV)),
    }
    drive = 0.2 * u.nA
    expected_rate = (15.0, 30.0)
