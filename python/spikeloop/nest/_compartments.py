"""Channels and receptors of `cm_default`: their constants and States, and what they add to a compartment's equation.

Each gives the conductance and the current of a semi-implicit step, of which half of the change counts: (−dI/dV)/2, and
I + (−dI/dV)/2 V.
"""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._form import param, variable
from .._math import exp, exprel

_Q10 = 3.21
_E_L = -70.0  # mV
_CHANNELS = {"Na": 50.0, "K": -85.0}  # reversal potentials in mV
# type -> (reversal potential in mV, parts: the names of their States and of their time constants)
_RECEPTORS = {
    "AMPA": (0.0, {"AMPA": "AMPA"}),
    "GABA": (-80.0, {"GABA": "GABA"}),
    "NMDA": (0.0, {"NMDA": "NMDA"}),
    "AMPA_NMDA": (0.0, {"AN_AMPA": "AMPA", "AN_NMDA": "NMDA"}),
}
_DECAYS = {"AMPA": 3.0, "GABA": 10.0, "NMDA": 43.0}  # ms
RECEPTOR_TYPES = tuple(_RECEPTORS)
CHANNEL_CONSTANTS = tuple(f"{name}_{k}" for k in _CHANNELS for name in ("gbar", "e"))


def channels_of(constants: Any) -> tuple[str, ...]:
    """The channels of a compartment: those of which it has a constant."""
    return tuple(k for k in _CHANNELS if f"gbar_{k}" in constants or f"e_{k}" in constants)


def compartment(i: int, channels: tuple[str, ...]) -> dict[str, Any]:
    """The constants and States of a compartment."""
    constants = {
        "C_m": param(1.0 * u.nF, positive=True), "g_C": param(0.01 * u.uS), "g_L": param(0.1 * u.uS),
        "e_L": param(_E_L * u.mV),
    }  # fmt: skip
    for k in channels:
        constants |= {f"gbar_{k}": param(0.0 * u.uS), f"e_{k}": param(_CHANNELS[k] * u.mV)}
    gates = {name: variable(float(x)) for name, x in at_rest(channels, _E_L).items()}
    return {f"v_comp{i}": variable(f"e_L_{i}", u.mV), **{f"{k}_{i}": x for k, x in {**constants, **gates}.items()}}


def at_rest(channels: tuple[str, ...], V: Any) -> dict[str, Any]:
    """The gates of channels that stay at a potential."""
    return {name: steady for k in channels for name, (steady, _) in _gates(k, np.asarray(V, float)).items()}


def receptor(k: int, kind: str) -> dict[str, Any]:
    """The constants and States of a receptor."""
    E_rev, parts = _RECEPTORS[kind]
    found = {f"e_{kind}": param(E_rev * u.mV)}
    for state, name in parts.items():
        found |= {f"tau_r_{name}": param(0.2 * u.ms, positive=True)}
        found |= {f"tau_d_{name}": param(_DECAYS[name] * u.ms, positive=True)}
        found |= {f"g_{end}_{state}": variable(0.0 * u.uS, u.uS) for end in ("r", "d")}
    if len(parts) > 1:
        found["NMDA_ratio"] = param(2.0)
    return {f"{name}_{k}": x for name, x in found.items()}


def port_state(k: int, kind: str) -> str:
    """The first State that the spikes of a receptor add to."""
    return f"g_d_{next(iter(_RECEPTORS[kind][1]))}_{k}"


def time_constants(kind: str) -> tuple[str, ...]:
    """What the names of the time constants of a receptor end in."""
    return tuple(_RECEPTORS[kind][1].values())


def channel_step(p: Any, s: Any, i: int, channel: str, V: Any) -> tuple[Any, Any]:
    """Take the gates of a channel one step further; its conductance and current."""
    open_ = getattr(p, f"gbar_{channel}_{i}")
    for name, (steady, rate) in _gates(channel, V).items():
        key = f"{name}_{i}"
        gate = steady + (getattr(s, key) - steady) * jnp.exp(-p.dt * rate)
        setattr(s, key, gate)
        open_ = open_ * (gate * gate * gate if name == "m_Na" else gate)
    return open_ / 2, open_ * (getattr(p, f"e_{channel}_{i}") - V / 2)


def receptor_step(p: Any, s: Any, k: int, kind: str, V: Any) -> tuple[Any, Any]:
    """Take a receptor one step further, with what arrives in it; its conductance and current."""
    E_rev, arrived = getattr(p, f"e_{kind}_{k}"), p.arrived.get(str(k), 0.0)
    conductance = current = 0.0
    for state, name in _RECEPTORS[kind][1].items():
        rise, decay = getattr(p, f"tau_r_{name}_{k}"), getattr(p, f"tau_d_{name}_{k}")
        jump = arrived * _peak(rise, decay)
        g_r = getattr(s, f"g_r_{state}_{k}") * exp(-p.dt / rise) - jump
        g_d = getattr(s, f"g_d_{state}_{k}") * exp(-p.dt / decay) + jump
        setattr(s, f"g_r_{state}_{k}", g_r)
        setattr(s, f"g_d_{state}_{k}", g_d)
        g = (g_r + g_d) * (getattr(p, f"NMDA_ratio_{k}") if state == "AN_NMDA" else 1.0)
        free, slope = _unblocked(V) if name == "NMDA" else (1.0, 0.0)
        half = g * (free - slope * (E_rev - V)) / 2
        conductance, current = conductance + half, current + g * free * (E_rev - V) + half * V
    return conductance, current


def _gates(channel: str, V: Any) -> dict[str, tuple[Any, Any]]:
    """The steady state and the rate per ms of each gate of a channel."""
    if channel == "Na":
        opening, closing = 0.182 * 9 / exprel((-35.013 - V) / 9), 0.124 * 9 / exprel((V + 35.013) / 9)
        rise, fall = 0.024 * 5 / exprel((-50.013 - V) / 5), 0.0091 * 5 / exprel((V + 75.013) / 5)
        inactive = 1 / (1 + exp((V + 65) / 6.2))
        m = opening / (opening + closing), _Q10 * (opening + closing)
        return {"m_Na": m, "h_Na": (inactive, _Q10 * (rise + fall))}
    opening, closing = 0.02 * 9 / exprel((25 - V) / 9), 0.002 * 9 / exprel((V - 25) / 9)
    return {"n_K": (opening / (opening + closing), _Q10 * (opening + closing))}


def _unblocked(V: Any) -> tuple[Any, Any]:
    """The part of NMDA receptors that magnesium leaves free, and its derivative."""
    blocking = 0.3 * exp(-0.1 * V)
    free = 1 / (1 + blocking)
    return free, 0.1 * blocking * free * free


def _peak(rise: Any, decay: Any) -> Any:
    """The factor by which exp(−t/decay) − exp(−t/rise) has the peak 1."""
    t = rise * decay / (decay - rise) * jnp.log(decay / rise)
    return 1 / (jnp.exp(-t / decay) - jnp.exp(-t / rise))
