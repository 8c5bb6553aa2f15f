"""Eligibility of synapses that a third factor, such as dopamine, turns into weight.

Rows of sources with an event are brought up to date. What has passed since each was the last time is known by source:
the part `left` of the eligibility c, and the integral `gain` of that part times the third factor.

    w[i, j] ← clip(w[i, j] + gain[i] c[i, j])
    c[i, j] ← left[i] c[i, j] + s[i] a[j]

What an event r of a target adds is counted as if it had been there since, and taken off the weight.

    c[i, j] ← c[i, j] + r[j] b[i],    w[i, j] ← w[i, j] − gain[i] r[j] b[i]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from ._event import Rows, sources_of
from ._kernel import FLOATS, Kernel, inputs, params, state
from ._plastic import COLUMNS, Columns, down_columns


class Elapsed(NamedTuple):
    """One number for each source: the part of its eligibility that is left, and the gain in weight by it."""

    left: Any
    gain: Any


def walk_rows(
    events: Any, elapsed: Elapsed, spikes: Any, coefficient: Any, bounds: Any, indices: Any, indptr: Any, synapses: Any
) -> tuple[Any, Any]:
    """(weight, eligibility) after events (n_pre,); `synapses` holds the two before, `coefficient` one for each target.

    `spikes` (n_pre,) add to the eligibility.
    """
    weight, eligibility = synapses
    return tuple(
        walk_p(
            events=events, **elapsed._asdict(), spikes=spikes, coefficient=coefficient, bounds=bounds,
            indices=indices, indptr=indptr, weight=weight, eligibility=eligibility,
        )
    )  # fmt: skip


def credit_columns(
    events: Any, coefficient: Any, gain: Any, columns: Columns, indptr: Any, synapses: Any
) -> tuple[Any, Any]:
    """(weight, eligibility) after events (n_post,), with one coefficient and gain for each source."""
    weight, eligibility = synapses
    return tuple(
        credit_p(
            events=events, coefficient=coefficient, gain=gain, **columns._asdict(), indptr=indptr,
            weight=weight, eligibility=eligibility,
        )
    )  # fmt: skip


# --- reference -------------------------------------------------------------------------------------------------------


def walk_reference(
    events: Any, left: Any, gain: Any, spikes: Any, coefficient: Any, bounds: Any, indices: Any, indptr: Any,
    weight: Any, eligibility: Any,
) -> list[Any]:  # fmt: skip
    sources = sources_of(indices, indptr, Rows(0, events.size))
    now = events[sources] != 0
    grown = jnp.clip(weight + gain[sources] * eligibility, *bounds)
    renewed = left[sources] * eligibility + spikes[sources] * coefficient[indices]
    return [jnp.where(now, grown, weight), jnp.where(now, renewed, eligibility)]


def credit_reference(
    events: Any, coefficient: Any, gain: Any, places: Any, ends: Any, sources: Any, indptr: Any, weight: Any,
    eligibility: Any, *, shift: int,
) -> list[Any]:  # fmt: skip
    columns = Columns(places, ends, sources, shift)
    event, b = down_columns(events.astype(weight.dtype), coefficient, columns, indptr)
    _, early = down_columns(events, gain, columns, indptr)
    added = jnp.where(event != 0, event * b, 0)
    return [weight - early * added, eligibility + added]


walk_p = Kernel(
    "plastic_flush",
    walk_reference,
    operands=(
        *inputs("events", "left", "gain", "spikes", "coefficient"), *params("bounds", "indices", "indptr"),
        *state("weight", "eligibility"),
    ),
    dtypes={"eligibility": FLOATS},
)  # fmt: skip
credit_p = Kernel(
    "plastic_credit",
    credit_reference,
    structure=("shift",),
    operands=(*inputs("events", "coefficient", "gain"), *COLUMNS, *state("weight", "eligibility")),
    dtypes={"eligibility": FLOATS},
    attributes=lambda o, shift: {"shift": shift},
)
