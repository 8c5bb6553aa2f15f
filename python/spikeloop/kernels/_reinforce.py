"""Lazy eligibility: events of targets are pending until the rows of their sources are walked.

As in `_plastic_learn`, but events add to the eligibility c of a synapse, which decays, and the weight grows by it times
a third factor, such as dopamine. All of it has a closed form. The step keeps three numbers of the time since nothing
was pending: the clock e, by which coefficients of sources have fallen; the part `left` of the eligibility; and `gain`,
the integral of that part times the third factor. c is stored as it would have been at the beginning. An event r of a
target, listed when these were e', left' and gain', adds p = r e'/left' to it. With the slope β = b/e of the source and
the gain g when its row was walked, sums being over the events since,

    w[i, j] ← clip(w[i, j] + (gain − g[i]) c[i, j] + β[i] Σ (gain − gain') p)
    c[i, j] ← c[i, j] + β[i] Σ p + s[i] a[j]/left

Each target lists e', p and gain' p of its last events, each source has e and `gain` as marks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._event import Rows, sources_of
from ._kernel import FLOATS, ByName, Kernel, inputs, params, state
from ._plastic import Columns, Side
from ._plastic_learn import SLOTS, Delivery, Pending, Walked, delivery_apart, dropped, put_down, surplus_of


class Moment(NamedTuple):
    """What has passed since nothing was pending."""

    clock: Any
    left: Any
    gain: Any


def reinforce(
    post: Side, pre: Side, moment: Any, walked: Walked, synapses: tuple[Any, Any, Columns], pending: Pending,
    delivery: Delivery, weight: Any, eligibility: Any,
) -> tuple[Pending, Any, Any, Any]:  # fmt: skip
    """(pending, target, weight, eligibility) after a step at the `moment` (3,); the law of `post` has the bounds.

    `post.coefficient` are the slopes of the sources. Spikes of sources whose rows are not walked deliver nothing.
    """
    indices, indptr, columns = synapses
    listed, marks, target, weight, eligibility = reinforce_p(
        post=post.events, slopes=post.coefficient, pre=pre.events, of_targets=pre.coefficient, law=post.law,
        moment=moment, walked=walked.sources, renew=jnp.reshape(walked.all, 1).astype(jnp.int32),
        spikes=delivery.spikes, indices=indices, indptr=indptr, **columns._asdict(), **pending._asdict(),
        target=delivery.target, weight=weight, eligibility=eligibility,
    )  # fmt: skip
    return Pending(listed, marks), target, weight, eligibility


# --- reference -------------------------------------------------------------------------------------------------------


def reinforce_reference(
    post: Any, slopes: Any, pre: Any, of_targets: Any, law: Any, moment: Any, walked: Any, renew: Any, spikes: Any,
    indices: Any, indptr: Any, places: Any, ends: Any, sources: Any, listed: Any, marks: Any, target: Any, weight: Any,
    eligibility: Any, *, shift: int,
) -> list[Any]:  # fmt: skip
    del places, ends, sources, shift  # columns: for the native kernel
    rows = sources_of(indices, indptr, Rows(0, pre.size))
    slope, then = slopes[rows], marks[1][rows]
    now, again = Moment(*moment), renew[0] != 0

    def sums(listed: Any, active: Any) -> tuple[Any, Any]:
        """Σ p and Σ gain' p of the pending events of active synapses; `active`: (synapses, SLOTS)."""
        since = active & (listed[0][indices] < marks[0][rows][:, None])
        p, q = (jnp.where(since, amounts[indices], 0).sum(-1) for amounts in listed[1:])
        return p, q

    surplus = surplus_of(post, listed)
    p, q = sums(listed, jnp.arange(SLOTS) < surplus[indices][:, None])
    weight, c = weight + slope * (then * p - q), eligibility + slope * p
    early = now.clock / now.left
    listed = put_down(dropped(listed, surplus), post, (now.clock, early, early * now.gain))
    reached = (walked != 0) | again
    p, q = sums(listed, reached[rows][:, None])
    grown = weight + (now.gain - then) * c + slope * (now.gain * p - q)
    weight = jnp.where(reached[rows], jnp.clip(grown, law[0], law[1]), weight)
    c = c + slope * p + jnp.where(reached, pre, 0)[rows] / now.left * of_targets[indices]
    target = target.at[indices].add(jnp.where(reached, spikes, 0)[rows] * weight)
    marks = jnp.where(reached, jnp.stack([now.clock, now.gain])[:, None], marks)
    empty, start = jnp.zeros_like(listed).at[0].set(jnp.inf), jnp.zeros_like(marks).at[0].set(1)
    return [
        jnp.where(again, empty, listed), jnp.where(again, start, marks), target, weight,
        jnp.where(again, now.left * c, c),
    ]  # fmt: skip


reinforce_p = Kernel(
    "plastic_reinforce",
    reinforce_reference,
    structure=("shift",),
    operands=(
        *inputs("post", "slopes", "pre", "of_targets"), *params("law"),
        *inputs("moment", "walked", "renew", "spikes"), *params("indices", "indptr", "places", "ends", "sources"),
        *state("listed", "marks", "target", "weight", "eligibility"),
    ),
    jvp=delivery_apart,
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
)  # fmt: skip


def is_faster(dtype: Any) -> bool:
    """Whether eligibilities of this dtype are updated lazily: in native code on the CPU."""
    weight = ByName(weight=jax.ShapeDtypeStruct((), dtype))
    return jax.default_backend() == "cpu" and reinforce_p.runs_native(weight, {})
