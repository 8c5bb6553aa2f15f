"""Eligibility of synapses that a third factor, such as dopamine, turns into weight.

Rows of sources with an event are brought up to date. What has passed since each was the last time is known by source:
the part `left` of the eligibility c, and the integral `gain` of that part times the third factor.

    w[i, j] ← clip(w[i, j] + gain[i] c[i, j])
    c[i, j] ← left[i] c[i, j] + s[i] a[j]
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp

from .._jax import ad, batching, mlir, new_primitive
from ._event import Rows, continued, one_by_one, sources_of
from ._plastic import jvp_by_reference, native_lowering


class Elapsed(NamedTuple):
    """One number for each source: the part of its eligibility that is left, and the gain in weight by it."""

    left: Any
    gain: Any


def settle_rows(
    events: Any, elapsed: Elapsed, spikes: Any, coefficient: Any, bounds: Any, indices: Any, indptr: Any, synapses: Any
) -> tuple[Any, Any]:
    """(weight, eligibility) after events (n_pre,); `synapses` holds the two before, `coefficient` one for each target.

    `spikes` (n_pre,) add to the eligibility.
    """
    return tuple(settle_p.bind(events, *elapsed, spikes, coefficient, bounds, indices, indptr, *synapses))


def _reference(
    events: Any, left: Any, gain: Any, spikes: Any, coefficient: Any, bounds: Any, indices: Any, indptr: Any,
    weight: Any, eligibility: Any,
) -> list[Any]:  # fmt: skip
    sources = sources_of(indices, indptr, Rows(0, events.size))
    now = events[sources] != 0
    grown = jnp.clip(weight + gain[sources] * eligibility, *bounds)
    renewed = left[sources] * eligibility + spikes[sources] * coefficient[indices]
    return [jnp.where(now, grown, weight), jnp.where(now, renewed, eligibility)]


settle_p = new_primitive("spikeloop_plastic_settle", continued(-2), _reference)
ad.primitive_jvps[settle_p] = jvp_by_reference(settle_p, _reference)
batching.primitive_batchers[settle_p] = functools.partial(one_by_one, settle_p)
mlir.register_lowering(settle_p, native_lowering("plastic_settle", _reference, in_place=2), platform="cpu")
