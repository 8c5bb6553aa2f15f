"""Leaky integrate-and-fire neurons whose spikes have a time inside of the step."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp

from .._form import variable
from .._math import exp, exprel, exprel_slope
from .._units import check_not_negative, check_positive
from ..kernels import Drive
from ._leaky import _Leaky, _LeakyAlpha, _LeakyExp
from ._ports import Port
from ._synapses import alphas_after, exponentials_after

_ITERATIONS = 7  # of the search for a time; with a step of Newton's method behind it, right to rounding
_ROUNDED = 1e-3  # part of a step: what is left of a refractory period of whole steps after as many of them is less


class _Precise(_Leaky):
    """Base of models that compute the time of a spike, and end their refractory period inside of a step as well.

    `offset` is the time from the spike to the end of its step, `ref_time` the rest of the refractory period. They have
    the derivatives of the time, so the reset needs no surrogate.
    """

    offset = variable(0.0 * u.ms, u.ms)
    ref_time = variable(0.0 * u.ms, u.ms)

    period = ""  # it does not count steps
    holds = ()

    def _check(self) -> None:
        super()._check()
        check_positive(self.t_ref, f"{self.path}: t_ref")

    def numbers(self) -> SimpleNamespace:
        """The numbers of the constants; refuses a refractory period shorter than a step."""
        p = super().numbers()
        check_not_negative(p.t_ref - (1 - _ROUNDED) * self.dt(), f"{self.path}: t_ref − dt")
        return p

    @staticmethod
    def after(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        """The States of the synapses after a time."""
        raise NotImplementedError

    @staticmethod
    def risen(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """What the synapses add to V_m in a time."""
        raise NotImplementedError

    @classmethod
    def potential(cls, t: Any, p: SimpleNamespace, s: SimpleNamespace, current: Any) -> Any:
        """V_m after a time without a spike."""
        rest = p.E_L - s.V_m + current * (p.tau_m / p.C_m)
        return s.V_m + rest * (t / p.tau_m) * exprel(-t / p.tau_m) + cls.risen(t, p, s)

    @classmethod
    def slope(cls, t: Any, p: SimpleNamespace, s: SimpleNamespace, current: Any) -> tuple[Any, Any]:
        """V_m after a time, and its derivative there."""
        return jax.jvp(lambda t: cls.potential(t, p, s, current), (t,), (jnp.ones_like(t),))

    @classmethod
    def highest(cls, p: SimpleNamespace, s: SimpleNamespace, current: Any, end: Any, V: Any) -> tuple[Any, Any]:
        """The time at which V_m is compared with the threshold, and its value: at the end."""
        del p, s, current
        return end, V

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        current = p.I_e + drive.current + drive.synaptic
        held = jnp.minimum(s.ref_time, p.dt)
        free = p.dt - held
        begin = SimpleNamespace(**{**vars(s), **cls.after(held, p, s)})
        V = cls.potential(free, p, begin, current)
        until, highest = cls.highest(p, begin, current, free, V)
        spike = jnp.where(free > 0, p.spike_of((jnp.maximum(highest, s.V_m) - p.V_th) / (p.V_th - p.V_reset)), 0.0)
        offset = free - _crossing(cls, p, begin, current, until, highest)
        vars(s).update(cls.after(p.dt, p, s))
        s.V_m = jnp.where(spike > 0, p.V_reset, V)
        s.offset = jnp.where(spike > 0, offset, 0.0)
        s.ref_time = jnp.where(spike > 0, p.t_ref - s.offset, jnp.maximum(s.ref_time - p.dt, 0.0))
        return spike


def _crossing(model: Any, p: Any, s: Any, current: Any, end: Any, V: Any) -> Any:
    """The time at which V_m reaches the threshold, if it is V at the `end`.

    A step of Newton's method behind the search makes it right to rounding, and has the derivative of the time.
    """
    above = (s.V_m < p.V_th) & (p.V_th <= V)
    low, high = jnp.where(above, s.V_m - p.V_th, -1.0), jnp.where(above, V - p.V_th, 1.0)
    t = _root(lambda t: model.potential(t, p, s, current) - p.V_th, end, low, high)
    reached, slope = model.slope(t, p, s, current)
    return jnp.where(above, t - (reached - p.V_th) / jnp.where(above, jax.lax.stop_gradient(slope), 1.0), 0.0)


def _root(f: Callable[[Any], Any], end: Any, low: Any, high: Any) -> Any:
    """The time at which f is 0, by the Illinois algorithm, if it is `low` < 0 at time 0 and `high` > 0 at the `end`."""

    def closer(known: Any, _: None) -> tuple[Any, None]:
        a, b, low, high, side = known
        t = (a * high - b * low) / (high - low)
        off = f(t)
        right = jnp.where(off >= 0, 1.0, -1.0)
        kept = jnp.where(right == side, 0.5, 1.0)  # of the end that stays a second time
        new = jnp.where(off >= 0, a, t), jnp.where(off >= 0, t, b)
        return (*new, jnp.where(off >= 0, low * kept, off), jnp.where(off >= 0, off, high * kept), right), None

    zero = jnp.zeros_like(low)
    known, _ = jax.lax.scan(closer, (zero, zero + end, low, high, zero), length=_ITERATIONS)
    return jax.lax.stop_gradient(known[1])


def _filtered(t: Any, p: Any, tau: Any) -> tuple[Any, Any]:
    """What the membrane makes in a time t of exp(−t/τ) and of t exp(−t/τ), by C_m."""
    decay, apart = exp(-t / p.tau_m), t / p.tau_m - t / tau
    return decay * t * exprel(apart), decay * t * t * exprel_slope(apart)


class iaf_psc_exp_ps(_LeakyExp, _Precise):
    r"""`iaf_psc_exp` whose spikes have a time inside of the step.

    `offset` is the time from the spike to the end of its step, right to rounding, and has derivatives: a spike in step
    k is at (k + 1) dt − offset. The refractory period, at least dt long, begins at that time. As in NEST, V_m does not
    spike where it is below V_th again at the end of the step. Projections carry the spike without its offset, so it
    arrives at the end of a step, as the spikes of other models do; in NEST it arrives with its offset.

    >>> neuron = sl.nn.init_all_states(sl.nest.iaf_psc_exp_ps(1, I_e=600 * u.pA))
    >>> spikes, offsets = sl.transform.for_loop(lambda: (neuron(), neuron.offset.value), length=150)
    >>> step = int(spikes[:, 0].argmax())
    >>> print(f"{float((step + 1) * 0.1 - offsets[step, 0].mantissa):.4f} ms")  # exactly 10 log(24/9) ms
    9.8083 ms

    Morrison A, Straube S, Plesser HE, Diesmann M (2007) Neural Comput. 19:47; Hanuschkin A et al. (2010) Front.
    Neuroinform. 4:113.
    """

    @staticmethod
    def after(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        return exponentials_after(t, s, "I_syn", p)

    @staticmethod
    def risen(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        ex, _ = _filtered(t, p, p.tau_syn_ex)
        inh, _ = _filtered(t, p, p.tau_syn_in)
        return (s.I_syn_ex * ex + s.I_syn_in * inh) / p.C_m


class iaf_psc_exp_ps_lossless(iaf_psc_exp_ps):
    r"""`iaf_psc_exp_ps` that spikes also where V_m is above V_th inside of a step alone.

    V_m has at most one maximum in a step if tau_syn_ex and tau_syn_in are equal, as NEST wants them. If they are not, a
    spike at a maximum that follows a minimum in the same step is missed.

    Krishnan J et al. (2018) Front. Neuroinform. 11:75.
    """

    @classmethod
    def highest(cls, p: SimpleNamespace, s: SimpleNamespace, current: Any, end: Any, V: Any) -> tuple[Any, Any]:
        (_, rise), (_, fall) = cls.slope(jnp.zeros_like(V), p, s, current), cls.slope(end, p, s, current)
        inside = (rise > 0) & (fall < 0)
        low, high = jnp.where(inside, -rise, -1.0), jnp.where(inside, -fall, 1.0)
        t = _root(lambda t: -cls.slope(t, p, s, current)[1], end, low, high)
        return jnp.where(inside, t, end), jnp.where(inside, cls.potential(t, p, s, current), V)


class iaf_psc_alpha_ps(_LeakyAlpha, _Precise):
    r"""`iaf_psc_alpha` whose spikes have a time inside of the step, as those of `iaf_psc_exp_ps`.

    Morrison A, Straube S, Plesser HE, Diesmann M (2007) Neural Comput. 19:47.
    """

    @staticmethod
    def after(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        return alphas_after(t, s, "I_syn", p)

    @staticmethod
    def risen(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        (ex, ex_later), (inh, inh_later) = _filtered(t, p, p.tau_syn_ex), _filtered(t, p, p.tau_syn_in)
        excitation = s.I_syn_ex * ex + s.dI_syn_ex * ex_later
        return (excitation + s.I_syn_in * inh + s.dI_syn_in * inh_later) / p.C_m


class iaf_psc_delta_ps(_Precise):
    r"""`iaf_psc_delta` whose spikes have a time inside of the step, as those of `iaf_psc_exp_ps`.

    A jump above threshold makes a spike at the end of the step. A refractory neuron ignores its input (NEST's
    `refractory_input=False`). Projections need to name no port.

    Morrison A, Straube S, Plesser HE, Diesmann M (2007) Neural Comput. 19:47.
    """

    ports: ClassVar[dict[str, Port]] = {"delta": Port("V_m", u.mV)}

    @staticmethod
    def after(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        del t, p, s
        return {}

    @staticmethod
    def risen(t: Any, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del t, p, s
        return 0.0

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:
        spike = super().integrate(p, s, drive)
        free = s.ref_time < _ROUNDED * p.dt
        V = s.V_m + jnp.where(free, p.arrived.get("delta", 0.0), 0.0)
        jumped = jnp.where(free, p.spike_of((V - p.V_th) / (p.V_th - p.V_reset)), 0.0)
        s.V_m, s.ref_time = jnp.where(jumped > 0, p.V_reset, V), jnp.where(jumped > 0, p.t_ref, s.ref_time)
        return spike + jumped

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        del p, s  # `integrate` has done it
