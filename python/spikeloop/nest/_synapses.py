"""The time courses of NEST's synapses as rates: exponential, alpha function, and difference of two exponentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._math import exp, exprel


class Course(NamedTuple):
    """The time course of the synapses of a model: the name of their States, their rates, and their exact solution."""

    name: str
    rates: Callable[..., dict[str, Any]]
    after: Callable[..., dict[str, Any]]


def conductances(p: Any, s: Any) -> Any:
    """The current of the conductances g_ex and g_in."""
    return s.g_ex * (p.E_ex - s.V_m) + s.g_in * (p.E_in - s.V_m)


def exponentials(s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The rates of `<name>_<suffix>` that decay with `tau_syn_<suffix>`."""
    return {f"{name}_{k}": -getattr(s, f"{name}_{k}") / getattr(p, f"tau_syn_{k}") for k in suffixes}


def alphas(s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The rates of alpha functions and of their `d<name>_<suffix>`."""
    found = {}
    for k in suffixes:
        x, dx, tau = getattr(s, f"{name}_{k}"), getattr(s, f"d{name}_{k}"), getattr(p, f"tau_syn_{k}")
        found |= {f"d{name}_{k}": -dx / tau, f"{name}_{k}": dx - x / tau}
    return found


def betas(s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The rates of differences of two exponentials and of their `d<name>_<suffix>`."""
    found = {}
    for k in suffixes:
        x, dx = getattr(s, f"{name}_{k}"), getattr(s, f"d{name}_{k}")
        rise, decay = getattr(p, f"tau_rise_{k}"), getattr(p, f"tau_decay_{k}")
        found |= {f"d{name}_{k}": -dx / decay, f"{name}_{k}": dx - x / rise}
    return found


def exponentials_after(t: Any, s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The States of `exponentials` after a time."""
    return {f"{name}_{k}": getattr(s, f"{name}_{k}") * exp(-t / getattr(p, f"tau_syn_{k}")) for k in suffixes}


def alphas_after(t: Any, s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The States of `alphas` after a time."""
    found = {}
    for k in suffixes:
        x, dx, decay = getattr(s, f"{name}_{k}"), getattr(s, f"d{name}_{k}"), exp(-t / getattr(p, f"tau_syn_{k}"))
        found |= {f"d{name}_{k}": dx * decay, f"{name}_{k}": x * decay + dx * (t * decay)}
    return found


def betas_after(t: Any, s: Any, name: str, p: Any, suffixes: tuple[Any, ...] = ("ex", "in")) -> dict[str, Any]:
    """The States of `betas` after a time."""
    found = {}
    for k in suffixes:
        x, dx = getattr(s, f"{name}_{k}"), getattr(s, f"d{name}_{k}")
        rise, decay = getattr(p, f"tau_rise_{k}"), getattr(p, f"tau_decay_{k}")
        risen = exp(-t / rise)
        grown = t * risen * exprel(t / rise - t / decay)  # the same at equal time constants: t exp(−t/τ)
        found |= {f"d{name}_{k}": dx * exp(-t / decay), f"{name}_{k}": x * risen + dx * grown}
    return found


def alpha_jump(tau: Any) -> Any:
    """The jump of dg for which g = (t/τ) exp(1 − t/τ) has the peak 1."""
    return np.e / tau


def beta_jump(rise: Any, decay: Any) -> Any:
    """The jump of dg for which g has the peak 1; at equal time constants that of the alpha function."""
    equal = abs(decay - rise) < 1e-9 * decay
    apart = jnp.where(equal, decay, decay - rise)
    t_peak = decay * rise * jnp.log(decay / jnp.where(equal, 0.5 * decay, rise)) / apart
    height = jnp.exp(-t_peak / decay) - jnp.exp(-t_peak / rise)
    return jnp.where(equal, np.e / decay, (1 / rise - 1 / decay) / jnp.where(equal, 1.0, height))
