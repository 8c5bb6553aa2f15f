"""The constants of PD14: table 5 of Potjans & Diesmann (2014) Cereb. Cortex 24:785.

Initial potentials and rates are those that the community model is published with, from long runs of it. Matrices have
a row for each target population and a column for each source population.
"""

import brainunit as u
import numpy as np

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
PROBABILITY = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
    ]
)
SYNAPSES = np.round(np.log1p(-PROBABILITY) / np.log1p(-1 / (1.0 * SIZES[:, None] * SIZES))).astype(int)

TAU_SYN = 0.5  # ms
NEURON = {
    "C_m": 250.0 * u.pF,
    "tau_m": 10.0 * u.ms,
    "tau_syn_ex": TAU_SYN * u.ms,
    "tau_syn_in": TAU_SYN * u.ms,
    "t_ref": 2.0 * u.ms,
    "E_L": -65.0 * u.mV,
    "V_th": -50.0 * u.mV,
    "V_reset": -65.0 * u.mV,
}
V0_MEAN = [-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43]  # mV
V0_STD = [5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48]

EXTERNAL_PSC = 87.81  # pA, which make a potential of 0.15 mV
PSC = np.tile([EXTERNAL_PSC, -4 * EXTERNAL_PSC], (8, 4))
PSC[NAMES.index("L23E"), NAMES.index("L4E")] *= 2
RELATIVE_STD = 0.1
DELAY = np.tile([1.5, 0.75], 4)  # ms, by source
RELATIVE_DELAY_STD = 0.5

EXTERNAL_INDEGREE = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
EXTERNAL_RATE = 8.0  # Hz
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])  # Hz


def current(charge: np.ndarray) -> np.ndarray:
    """The mean current in pA of exponential currents that start with `charge`, peak (pA) times rate (Hz)."""
    return 1e-3 * TAU_SYN * charge
