"""Channels: what neuron models with ion channels share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp

from .._units import number_in
from ..kernels import Drive
from ._math import exp_euler, gate
from ._neuron import Neuron


class Channels(Neuron):
    """Base of membranes with sodium, potassium and leak channels, as Hodgkin and Huxley had them.

    A step advances V with the open channels at its start, and the gates with the rates at its start.
    """

    edge = True
    operands = ("ENa", "gNa", "EK", "gK", "EL", "gL", "V_th", "dt", "dt_C")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.ENa, p.gNa, p.EK, p.gK, p.EL, p.gL, p.V_th, dt, dt / p.C

    @staticmethod
    def rates(p: SimpleNamespace, V: Any) -> dict[str, tuple[Any, Any]]:
        """(α, β) of the gates m, h and n, in 1/ms."""
        raise NotImplementedError

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V - p.V_th) / (p.V_th - p.EK)

    @classmethod  # the rates are the model's
    def integrate(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive
    ) -> None:
        rates = cls.rates(p, s.V)
        m = s.m if hasattr(s, "m") else steady(rates["m"])
        gNa, gK = p.gNa * m * m * m * s.h, p.gK * (s.n * s.n) * (s.n * s.n)
        rate = gNa * (p.ENa - s.V) + gK * (p.EK - s.V) + p.gL * (p.EL - s.V) + drive.current + drive.synaptic
        s.V = exp_euler(s.V, p.dt_C, rate, drive.slope - gNa - gK - p.gL)
        for name in cls.state_vars:
            if name in rates:
                setattr(s, name, gate(getattr(s, name), rates[name], p.dt))

    def _start(self, name: str) -> Any:
        """Gates without an initial value start in the steady state of the initial V."""
        value = super()._start(name)
        if value is not None:
            return value
        V = jnp.asarray(number_in(self.V.value, self.state_vars["V"].unit, f"{self.path}.V"))
        return steady(self.rates(self.numbers(), V)[name])


def steady(rates: tuple[Any, Any]) -> Any:
    """Where a gate with the rates (α, β) comes to rest."""
    alpha, beta = rates
    return alpha / (alpha + beta)
