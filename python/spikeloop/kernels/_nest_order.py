"""The pass of a model in NEST's order: it integrates, adds what arrives, compares with the threshold and resets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp


def fire(p: Any, s: Any, a: Any, config: Any, drive: Any) -> list[Any]:
    """States and spikes after one step; `drive` is the input of its equations.

    The functions of the model find in p, beside their operands: `arrived`, the input of each port that has a
    projection; `refractory`, true where a neuron is refractory, and `has_period`, where it will be after a spike;
    `start`, the states at the start of the step; `spike_of`, the surrogate of a spike. If `integrate` or `arrive`
    returns spikes, the model has reset itself for them.
    """
    model, like = config.model, a.states[0]
    surrogate = config.surrogate.bound(a.surrogate)
    left, period = (a.left[0], a.n_ref[0]) if a.left else (jnp.zeros_like(like), 0.0)
    receptors = list(zip(config.receptors, a.receptor_params, a.receptor_states, strict=True))
    p.refractory, p.has_period, p.spike_of, p.start = left > 0, period > 0, surrogate, SimpleNamespace(**vars(s))
    p.arrived = {kind.port: states[0] for kind, _, states in receptors if kind.port}
    made = (config.integration or model.integrate)(p, s, drive)
    for name in model.holds if a.left else ():
        setattr(s, name, jnp.where(p.refractory, getattr(p.start, name), getattr(s, name)))
    relayed = model.arrive(p, s)
    spike = relayed if made is None else made
    if spike is None:
        spike = jnp.where(p.refractory, 0, surrogate(model.threshold(p, s)))
        model.reset(p, s, spike, config.hard)
    counted = [jnp.where(spike > 0, period, jnp.maximum(left - 1, 0))] if a.left else []
    decayed = [g for kind, q, states in receptors for g in kind.decay(q, states)]
    return [*(getattr(s, name) for name in model.state_vars), *counted, *decayed, spike]
