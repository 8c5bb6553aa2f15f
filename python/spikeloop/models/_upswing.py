"""Upswing: what integrate-and-fire models with a spike upswing of their own share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp

from .._hard_reset import hard_reset
from ..kernels import Drive
from ._math import exp, relax, upswing
from ._neuron import Neuron


class Upswing(Neuron):
    """Base of models whose potential runs away above threshold.

    How far it gets in the step of a spike depends on dt alone, so V is cut off at 2 V_th − V_reset, and the soft reset
    takes no overshoot along: it sets V_reset, with the derivative of a soft reset from V_th.
    """

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        if hard:
            s.V = hard_reset(s.V, p.V_reset, spike)
        else:
            s.V = jnp.where(spike > 0, p.V_th, s.V) - (p.V_th - p.V_reset) * spike

    @staticmethod
    def rise(p: SimpleNamespace, s: SimpleNamespace, dt: Any, rate: Any, slope: Any) -> None:
        """One step of V."""
        s.V = upswing(s.V, dt, rate, slope, 2 * p.V_th - p.V_reset)


def adapted(base: type[Upswing]) -> tuple[Any, Any, Any]:
    """`derive`, `reset` and `integrate` of the model `base` with a current w: τ_w dw/dt = a (V − V_rest) − w.

    The operands a, b and decay_w follow those of `base`.
    """

    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return *base.derive(p, dt), p.a, p.b, exp(-dt / p.tau_w)

    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        base.reset(p, s, spike, hard)
        s.w = s.w + p.b * spike

    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        w = relax(s.w, p.a * (s.V - p.V_rest), p.decay_w)
        base.integrate(p, s, drive._replace(current=drive.current - s.w))
        s.w = w

    return staticmethod(derive), staticmethod(reset), staticmethod(integrate)
