"""The step of adaptive exponential integrate-and-fire models, with the time of a spike inside of the step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp

from .. import _integrators
from .._form import param, variable
from .._hard_reset import hard_reset
from .._math import exprel
from ..kernels import Drive
from ._nest_neuron import NestNeuron

SUBSTEPS = 8
_FAR = 1e9  # ms, in the place of the time until a spike that will not come


class _Adaptive(NestNeuron):
    r"""Base of models with an exponential upswing and an adaptation current w.

    A step is eight substeps of RK4. In the upswing, u = exp(−(V − V_th)/Δ_T) falls almost linearly, du/dt = −g_L/C −
    F u/(Δ_T C) with the other currents F, so the time at which V reaches V_peak is known in closed form. The rest of
    the substep starts from the reset, and a neuron may spike more than once in a step.
    """

    C_m = param(281.0 * u.pF, positive=True)
    t_ref = param(0.0 * u.ms)
    V_reset = param(-60.0 * u.mV)
    E_L = param(-70.6 * u.mV)
    g_L = param(30.0 * u.nS)
    I_e = param(0.0 * u.pA)
    a = param(4.0 * u.nS)
    b = param(80.5 * u.pA)
    Delta_T = param(2.0 * u.mV, positive=True)
    tau_w = param(144.0 * u.ms, positive=True)
    V_th = param(-50.4 * u.mV)
    V_peak = param(0.0 * u.mV)
    V_m = variable("E_L", u.mV)
    w = variable(0.0 * u.pA, u.pA)

    holds: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """The current of the synapses."""
        raise NotImplementedError

    @staticmethod
    def courses(p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        """The rates of the States of the synapses."""
        raise NotImplementedError

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, held, spikes = {name: getattr(s, name) for name in cls.state_vars}, p.refractory, 0.0
        for _ in range(SUBSTEPS):
            x, spike = _substep(cls, p, x, drive, held)
            held, spikes = held | ((spike > 0) & p.has_period), spikes + spike
        vars(s).update(x)
        return spikes


def _substep(model: Any, p: Any, x: dict[str, Any], drive: Drive, held: Any) -> tuple[dict[str, Any], Any]:
    """The states after a substep, and the spikes in it."""
    h = p.dt / SUBSTEPS
    new = dict(_integrators.advanced("rk4", 1, lambda x, part=0.0: _rates(model, p, x, drive, held), x, h))
    until, V, w = _upswing(model, p, x, drive, h)
    near, spiked = (until < 2 * h) & ~held, (until <= h) & ~held
    new["V_m"], new["w"] = jnp.where(near, V, new["V_m"]), jnp.where(near, w, new["w"])
    # What a derivative sees of a spike is that of the potential at the start of the substep.
    V = jnp.where(spiked, p.V_peak + (x["V_m"] - jax.lax.stop_gradient(x["V_m"])), new["V_m"])
    spike = jnp.where(held, 0.0, p.spike_of((V - p.V_peak) / (p.V_peak - p.V_reset)))
    rest = jnp.where(spiked, h - until, 0.0)
    halfway = {name: new[name] - (new[name] - x[name]) * (0.5 * rest / h) for name in new}
    halfway |= {"V_m": p.V_reset + 0.0 * V, "w": new["w"] + p.b}
    rates = _rates(model, p, halfway, drive, p.has_period)
    new["V_m"] = hard_reset(V, p.V_reset + rest * rates["V_m"], spike)
    new["w"] = new["w"] + spike * p.b + rest * (rates["w"] - _rate_of_w(p, x["V_m"], x["w"]))
    return new, spike


def _rates(model: Any, p: Any, x: dict[str, Any], drive: Drive, held: Any) -> dict[str, Any]:
    """The rates of all states; of a neuron that is `held`, V_m is V_reset."""
    V = jnp.where(held, p.V_reset, jnp.minimum(x["V_m"], p.V_peak))
    upswing = p.g_L * p.Delta_T * jnp.exp((V - p.V_th) / p.Delta_T)
    s = SimpleNamespace(**{**x, "V_m": V})
    rate = jnp.where(held, 0.0, (_others(model, p, s, drive) + upswing) / p.C_m)
    return {"V_m": rate, "w": _rate_of_w(p, V, x["w"]), **model.courses(p, s)}


def _others(model: Any, p: Any, s: Any, drive: Drive) -> Any:
    """All currents but that of the upswing; the current of receptors follows V to first order."""
    receptors = drive.synaptic + drive.slope * (s.V_m - p.start.V_m)
    return p.g_L * (p.E_L - s.V_m) - s.w + p.I_e + drive.current + receptors + model.synaptic(p, s)


def _rate_of_w(p: Any, V: Any, w: Any) -> Any:
    return (p.a * (V - p.E_L) - w) / p.tau_w


def _upswing(model: Any, p: Any, x: dict[str, Any], drive: Drive, h: Any) -> tuple[Any, Any, Any]:
    """The time until V_m reaches V_peak, and V_m and w after the substep, all of them good if that time is short.

    The other currents are linear in V; weighted by u, their mean over the upswing is that at V + Δ_T/2.
    """
    V = jnp.minimum(x["V_m"], p.V_peak)
    seen = V + 0.5 * p.Delta_T
    alpha = p.g_L / p.C_m
    beta = _others(model, p, SimpleNamespace(**{**x, "V_m": seen}), drive) / (p.Delta_T * p.C_m)
    start, peak = jnp.exp((p.V_th - V) / p.Delta_T), jnp.exp((p.V_th - p.V_peak) / p.Delta_T)
    grown = (start - peak) / (alpha + beta * peak)
    product = beta * grown
    comes = (product > -0.5) & (alpha + beta * peak > 0)
    product = jnp.where(comes, product, 0.0)
    until = jnp.where(comes, grown * _log1prel(product), _FAR)
    left = jnp.exp(-beta * h) * start - alpha * h * exprel(-beta * h)
    after = p.V_th - p.Delta_T * jnp.log(jnp.where((until > h) & (left > peak), left, peak))
    return until, after, x["w"] + h * _rate_of_w(p, seen, x["w"])


def _log1prel(x: Any) -> Any:
    """log(1 + x)/x."""
    small = jnp.abs(x) < 1e-3
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, 1 - x * (1 / 2 - x * (1 / 3 - x / 4)), jnp.log1p(safe) / safe)
