"""Upswing: what integrate-and-fire models with a spike upswing of their own share."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp

from ..kernels import Drive
from ._math import relax, upswing
from ._neuron import Neuron, hard_reset


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
            s.V = jnp.minimum(s.V, p.V_th) - (p.V_th - p.V_reset) * spike

    @staticmethod
    def rise(p: SimpleNamespace, s: SimpleNamespace, dt: Any, rate: Any, slope: Any) -> None:
        """One step of V."""
        s.V = upswing(s.V, dt, rate, slope, 2 * p.V_th - p.V_reset)


def adapt(integrate: Callable[..., None], p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
    """One step of a model that the current w adapts: τ_w dw/dt = a (V − V_rest) − w."""
    w = relax(s.w, p.a * (s.V - p.V_rest), p.decay_w)
    integrate(p, s, drive._replace(current=drive.current - s.w))
    s.w = w
