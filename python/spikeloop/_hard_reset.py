"""The hard reset of a potential, with the derivative of a soft one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def hard_reset(V: Any, V_reset: Any, spike: Any) -> Any:
    """V_reset where `spike`, else V; as V − (stop_gradient(V) − V_reset)·spike to derivatives."""
    return jnp.where(spike > 0, V_reset, V)


@hard_reset.defjvp
def _hard_reset_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    V, V_reset, spike = primals
    dV, dV_reset, d_spike = tangents
    return hard_reset(V, V_reset, spike), dV - (V - V_reset) * d_spike + spike * dV_reset
