"""The step of adaptive exponential integrate-and-fire models, with the time of a spike inside of the step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

from .. import _rkf45 as rkf45
from .._form import param, variable
from .._hard_reset import hard_reset
from .._integrators import ADAPTIVE, named
from .._math import exprel
from .._runge_kutta import rk4
from ..kernels import Drive
from ..models._integration import NEXT_STEP
from ._nest_neuron import NestNeuron
from ._synapses import Course

_FAR = 1e9  # ms, in the place of the time until a spike that will not come
_FEWER = 2  # how many times fewer substeps a step has where V_m neither rises fast nor will
_STEEP, _MOVES = 0.25, 0.5  # parts of Δ_T that the upswing alone may add in dt there, and that V_m may move


class _Adaptive(NestNeuron):
    r"""Base of models with an exponential upswing and an adaptation current w.

    A step is eight substeps of RK4, or four where these are as good, with the synapses as they are at each time. In the
    upswing, u = exp(−(V − V_th)/Δ_T) falls almost linearly, du/dt = −g_L/C − F u/(Δ_T C) with the other currents F, so
    the time at which V reaches V_peak is known in closed form. The rest of the substep starts from the reset, and a
    neuron may spike more than once in a step.
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

    integrator = "rk4(8)"
    solves = True
    holds: ClassVar[tuple[str, ...]] = ()
    course: ClassVar[Course]

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """The current of the synapses."""
        raise NotImplementedError

    @classmethod
    def after(cls, t: Any, p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        """The States of the synapses after a time."""
        return cls.course.after(t, s, cls.course.name, p, cls.synapses())

    @classmethod
    def synapses(cls) -> tuple[str, ...]:
        """What the names of the States of the synapses end in."""
        return tuple(cls.ports)

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x = {name: getattr(s, name) for name in cls.state_vars if name != NEXT_STEP}
        if p.by.method == ADAPTIVE:
            return _adaptive_steps(cls, p, s, x, drive)

        n = p.by.substeps
        x, spikes = _substeps(cls, p, x, drive, n) if n < _FEWER else _by_need(cls, p, x, drive)
        vars(s).update(x)
        return spikes

    def _checked_option(self, name: str, value: Any) -> Any:
        if name == "integrator" and named(value).method not in ("rk4", ADAPTIVE):
            raise ValueError(f"{self.path}: integrator is 'rk4(8)', with another number of substeps, or 'rkf45(1e-6)'; "
                             f"given {value!r}.")  # fmt: skip
        return super()._checked_option(name, value)


def _adaptive_steps(model: Any, p: Any, s: Any, x: dict[str, Any], drive: Drive) -> Any:
    """A step as NEST takes it: by `rkf45`, with spikes and resets at the end of each of its own steps."""

    def rates(x: Any, part: Any, more: Any) -> dict[str, Any]:
        del part
        held, _ = more
        V, w = _rates(model, p, x, drive, held)
        course = model.course
        return {"V_m": V, "w": w, **course.rates(SimpleNamespace(**x), course.name, p, model.synapses())}

    def then(x: Any, more: Any) -> tuple[dict[str, Any], Any]:
        held, spikes = more
        V = jnp.where(held, p.V_reset, x["V_m"])
        spike = jnp.where(held, 0.0, p.spike_of((V - p.V_peak) / (p.V_peak - p.V_reset)))
        new = {**x, "V_m": hard_reset(V, p.V_reset, spike), "w": x["w"] + p.b * spike}
        return new, (held | ((spike > 0) & p.has_period), spikes + spike)

    zero = jnp.zeros_like(s.V_m)
    h = getattr(s, NEXT_STEP, zero + p.dt)
    end = rkf45.advanced(rates, rkf45.Progress(zero, h, x, (p.refractory, zero)), p.dt, p.by.tolerance, then)
    vars(s).update(end.x)
    if hasattr(s, NEXT_STEP):
        setattr(s, NEXT_STEP, end.h)
    return end.more[1]


def _by_need(model: Any, p: Any, x: dict[str, Any], drive: Drive) -> tuple[dict[str, Any], Any]:
    """The states after a step, and its spikes: by half of the substeps where V_m neither rises fast nor will."""
    n = p.by.substeps
    few, quiet = _substeps(model, p, x, drive, -(-n // _FEWER), rises=False)
    V, end = x["V_m"], few["V_m"]
    level = p.V_th + p.Delta_T * jnp.log(_STEEP * p.C_m / (p.g_L * p.dt))  # there the upswing alone is _STEEP Δ_T/dt
    steep = (jnp.maximum(V, end) > level) | (jnp.abs(end - V) > _MOVES * p.Delta_T)
    steep &= ~p.refractory
    # The choices share this condition, which seldom holds, so native code skips the substeps where it can.
    many, spikes = _substeps(model, p, x, drive, n)
    chosen = {name: jnp.where(steep, many[name], few[name]) for name in ("V_m", "w")}
    return {**few, **chosen}, jnp.where(steep, spikes, quiet)


def _substeps(
    model: Any, p: Any, x: dict[str, Any], drive: Drive, n: int, rises: bool = True
) -> tuple[dict[str, Any], Any]:
    """The states after a step of n substeps, and its spikes."""

    def substep(known: Any, _: None) -> tuple[Any, None]:
        x, held, spikes = known
        x, spike = _substep(model, p, x, drive, held, p.dt / n, rises)
        return (x, held | ((spike > 0) & p.has_period), spikes + spike), None

    (x, _, spikes), _ = jax.lax.scan(substep, (x, p.refractory, jnp.zeros_like(x["V_m"])), length=n)
    return x, spikes


def _substep(
    model: Any, p: Any, x: dict[str, Any], drive: Drive, held: Any, h: Any, rises: bool
) -> tuple[dict[str, Any], Any]:
    """The states after a substep, and the spikes in it; there are none unless V_m `rises`."""
    new = _advanced(model, p, x, drive, held, h)
    if not rises:
        return new, jnp.where(held, 0.0, p.spike_of((new["V_m"] - p.V_peak) / (p.V_peak - p.V_reset)))
    rising = (x["V_m"] > p.V_th) & ~held
    end = _upswing(model, p, x, new, drive, h)
    V, w = jnp.where(rising, end.V, new["V_m"]), jnp.where(rising, end.w, new["w"])
    spike = jnp.where(held, 0.0, p.spike_of((V - p.V_peak) / (p.V_peak - p.V_reset)))
    new["V_m"] = hard_reset(V, jnp.where(rising, end.V_after, V), spike)
    new["w"] = w + spike * jnp.where(rising, end.jump, 0.0)
    return new, spike


def _advanced(model: Any, p: Any, x: dict[str, Any], drive: Drive, held: Any, h: Any) -> dict[str, Any]:
    """The states after a substep without a spike."""
    halfway = model.after(0.5 * h, p, SimpleNamespace(**x))
    end = model.after(0.5 * h, p, SimpleNamespace(**{**x, **halfway}))

    def rates(slope: Any, part: float) -> tuple[Any, Any]:
        V, w = x["V_m"], x["w"]
        if slope is not None:
            V, w = V + part * h * slope[0], w + part * h * slope[1]
        synapses = {0.0: {}, 0.5: halfway, 1.0: end}[part]
        return _rates(model, p, {**x, **synapses, "V_m": V, "w": w}, drive, held)

    stages = rk4(rates)
    V, w = (x[name] + h * sum(weight * k[i] for k, weight in stages) for i, name in enumerate(("V_m", "w")))
    return {**x, **end, "V_m": V, "w": w}


def _rates(model: Any, p: Any, x: dict[str, Any], drive: Drive, held: Any) -> tuple[Any, Any]:
    """The rates of V_m and w; of a neuron that is `held`, V_m is V_reset."""
    V = jnp.where(held, p.V_reset, jnp.minimum(x["V_m"], p.V_peak))
    upswing = p.g_L * p.Delta_T * jnp.exp((V - p.V_th) / p.Delta_T)
    rate = (_others(model, p, SimpleNamespace(**{**x, "V_m": V}), drive) + upswing) / p.C_m
    return jnp.where(held, 0.0, rate), _rate_of_w(p, V, x["w"])


def _others(model: Any, p: Any, s: Any, drive: Drive) -> Any:
    """All currents but that of the upswing; the current of receptors follows V to first order."""
    receptors = drive.synaptic + drive.slope * (s.V_m - p.start.V_m)
    return p.g_L * (p.E_L - s.V_m) - s.w + p.I_e + drive.current + receptors + model.synaptic(p, s)


def _rate_of_w(p: Any, V: Any, w: Any) -> Any:
    return (p.a * (V - p.E_L) - w) / p.tau_w


class _End(NamedTuple):
    """The end of a substep in the upswing: V_m and w without a reset, and V_m after it and the jump of w."""

    V: Any
    w: Any
    V_after: Any
    jump: Any


def _upswing(model: Any, p: Any, x: dict[str, Any], new: dict[str, Any], drive: Drive, h: Any) -> _End:
    """The end of a substep in the upswing; far from the spike as RK4 has it in `new`, near to it in closed form.

    The other currents are linear in V; weighted by u, their mean over the upswing is that at V + Δ_T/2.
    """
    V = jnp.minimum(x["V_m"], p.V_peak)
    seen = V + 0.5 * p.Delta_T
    alpha = p.g_L / p.C_m
    beta = _others(model, p, SimpleNamespace(**{**x, "V_m": seen}), drive) / (p.Delta_T * p.C_m)
    start, peak = jnp.exp((p.V_th - V) / p.Delta_T), jnp.exp((p.V_th - p.V_peak) / p.Delta_T)
    until = _until(alpha, beta, start, peak)
    left = start - h * (alpha + beta * start) * exprel(-beta * h)
    near, spiked = until < 2 * h, until <= h
    V_near = p.V_th - p.Delta_T * jnp.log(jnp.where(left > peak, left, peak))
    rate_of_w = _rate_of_w(p, V + p.Delta_T * _mean_rise(h / until), x["w"])
    V_end, w_end = jnp.where(near, V_near, new["V_m"]), jnp.where(near, x["w"] + h * rate_of_w, new["w"])
    # What a derivative sees of a spike is that of the potential at the start of the substep.
    V_end = jnp.where(spiked, p.V_peak + (x["V_m"] - jax.lax.stop_gradient(x["V_m"])), V_end)
    rest = jnp.where(spiked, h - until, 0.0)
    halfway = {name: new[name] - (new[name] - x[name]) * (0.5 * rest / h) for name in new}
    halfway |= {"V_m": p.V_reset + 0.0 * V, "w": w_end + p.b}
    rate_after, rate_of_w_after = _rates(model, p, halfway, drive, p.has_period)
    return _End(V_end, w_end, p.V_reset + rest * rate_after, p.b + rest * (rate_of_w_after - rate_of_w))


def _mean_rise(part: Any) -> Any:
    """The mean of −log(1 − t) for t from 0 to `part` of the time until the spike, or until the spike."""
    before = (part > 0) & (part < 1)
    part = jnp.where(before, part, 0.5)
    return jnp.where(before, 1 + (1 / part - 1) * jnp.log1p(-part), 1.0)


def _until(alpha: Any, beta: Any, start: Any, peak: Any) -> Any:
    """The time until u, of which du/dt = −α − β u, falls from `start` to `peak`."""
    grown = (start - peak) / (alpha + beta * peak)
    product = beta * grown
    comes = (product > -0.5) & (alpha + beta * peak > 0)
    product = jnp.where(comes, product, 0.0)
    return jnp.where(comes, grown * _log1prel(product), _FAR)


def _log1prel(x: Any) -> Any:
    """log(1 + x)/x."""
    small = jnp.abs(x) < 1e-3
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, 1 - x * (1 / 2 - x * (1 / 3 - x / 4)), jnp.log1p(safe) / safe)
