"""Plasticity in which events of targets wait until the rows of their sources are walked.

A coefficient of a source that only decays between events of its own, b(t) = slope·e(t), need not meet events of targets
when they happen. A clock e falls from 1 as the coefficients do. Each target lists its last `SLOTS` events, as e and as
the event times e; each source has the mark that the clock showed when its row was last walked. A synapse has yet to
meet what its target has listed below the mark of its source. That is what happens when the row is walked, or before the
target forgets it to list another.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._jax import ad, batching, mlir, new_primitive
from ._event import Rows, continued, is_zero, one_by_one, scatter, sources_of
from ._plastic import Columns, Side, changed, jvp_by_reference, native_lowering

SLOTS = 8


class Pending(NamedTuple):
    """`listed`: (2, targets, SLOTS), the clock at events and their amounts; `marks`: (sources,)."""

    listed: Any
    marks: Any


class Walked(NamedTuple):
    """The sources whose rows are walked, or `all`: then nothing waits any more, and the clock starts at 1 again."""

    sources: Any
    all: Any


class Delivery(NamedTuple):
    """Spikes of the sources, and the targets to which they are delivered by the new weights."""

    spikes: Any
    target: Any


def learn(
    post: Side, pre: Side, clock: Any, walked: Walked, synapses: tuple[Any, Any, Columns], pending: Pending,
    delivery: Delivery, weight: Any, *, graded: bool,
) -> tuple[Pending, Any, Any]:  # fmt: skip
    """(pending, target, weight) after a step; `post.coefficient` are the slopes of the sources.

    Spikes of sources whose rows are not walked deliver nothing. Events of targets are 1 unless `graded`.
    """
    indices, indptr, (places, ends, sources, shift) = synapses
    listed, marks, target, weight = learn_p.bind(
        *post[:3], *pre[:3], jnp.reshape(clock, 1), walked.sources, jnp.reshape(walked.all, 1).astype(jnp.int32),
        delivery.spikes, indices, indptr, places, ends, sources, *pending, delivery.target, weight,
        dependence_post=post.dependence, dependence_pre=pre.dependence, shift=shift, graded=graded,
    )  # fmt: skip
    return Pending(listed, marks), target, weight


# --- reference -------------------------------------------------------------------------------------------------------


def learn_reference(
    post: Any, slopes: Any, law_post: Any, pre: Any, of_targets: Any, law_pre: Any, clock: Any, walked: Any, renew: Any,
    spikes: Any, indices: Any, indptr: Any, places: Any, ends: Any, sources: Any, listed: Any, marks: Any, target: Any,
    weight: Any, *, dependence_post: int, dependence_pre: int, shift: int, graded: bool,
) -> list[Any]:  # fmt: skip
    del places, ends, sources, shift  # columns: for the native kernel
    rows = sources_of(indices, indptr, Rows(0, pre.size))

    def met(weight: Any, listed: Any, active: Any) -> Any:
        """The weights after the events that active synapses have yet to meet; `active`: (synapses, SLOTS)."""
        when, amount = listed[0][indices], listed[int(graded)][indices]
        events = jnp.where(active & (when < marks[rows][:, None]), amount, 0)
        step = lambda w, event: (changed(w, event, slopes[rows], law_post, dependence_post), None)  # noqa: E731
        return jax.lax.scan(step, weight, events.T)[0]

    surplus = _surplus(post, listed)
    weight = met(weight, listed, jnp.arange(SLOTS) < surplus[indices][:, None])
    listed = _listed(_forgotten(listed, surplus), post, clock[0])
    reached = (walked != 0) | (renew[0] != 0)
    weight = met(weight, listed, reached[rows][:, None])
    event = jnp.where(reached[rows], pre[rows], 0)
    weight = changed(weight, event, of_targets[indices], law_pre, dependence_pre)
    empty = jnp.zeros_like(listed).at[0].set(jnp.inf)
    marks = jnp.where(reached, clock[0], marks)
    again = renew[0] != 0
    target = target.at[indices].add(jnp.where(reached, spikes, 0)[rows] * weight)
    return [jnp.where(again, empty, listed), jnp.where(again, 1, marks), target, weight]


def _surplus(events: Any, listed: Any) -> Any:
    """How many events each target has to be rid of: half of a full list, or all if they have another sign."""
    count = (listed[0] < jnp.inf).sum(-1)
    turned = (count > 0) & ((listed[1][:, 0] < 0) != (events < 0))
    surplus = jnp.where(turned, count, jnp.where(count == SLOTS, SLOTS // 2, 0))
    return jnp.where(events != 0, surplus, 0)


def _forgotten(listed: Any, count: Any) -> Any:
    """The lists without their oldest events."""
    from_ = jnp.arange(SLOTS) + count[:, None]
    shifted = jnp.take_along_axis(listed, jnp.minimum(from_, SLOTS - 1)[None], axis=-1)
    empty = jnp.zeros_like(listed).at[0].set(jnp.inf)
    return jnp.where(from_ < SLOTS, shifted, empty)


def _listed(listed: Any, events: Any, clock: Any) -> Any:
    """The lists with the events of a step."""
    slot = (listed[0] < jnp.inf).sum(-1, keepdims=True)
    here = (jnp.arange(SLOTS) == slot) & (events != 0)[:, None]
    new = jnp.stack([jnp.broadcast_to(clock, events.shape), events * clock])[:, :, None]
    return jnp.where(here, new, listed)


learn_p = new_primitive("spikeloop_plastic_learn", continued(-4), learn_reference)
_of_weights = jvp_by_reference(learn_p, learn_reference)
_SPIKES, _INDICES, _INDPTR, _TARGET = 9, 10, 11, -2


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Spikes and targets have the derivative of a delivery on its own, which does without that of the learning."""
    if is_zero(tangents[_SPIKES]) and is_zero(tangents[_TARGET]):
        return _of_weights(primals, tangents, **params)
    live = [i for i, t in enumerate(tangents) if not is_zero(t)]

    def apart(*values: Any) -> list[Any]:
        operands = list(primals)
        for i, value in zip(live, values, strict=True):
            operands[i] = value
        spikes, target = operands[_SPIKES], operands[_TARGET]
        operands[_SPIKES], operands[_TARGET] = jnp.zeros_like(spikes), jnp.zeros_like(target)
        listed, marks, _, weight = learn_p.bind(*operands, **params)
        rows = operands[_INDICES], operands[_INDPTR]
        return [listed, marks, scatter(spikes, weight, *rows, target, Rows(0, spikes.size)), weight]

    return jax.jvp(apart, [primals[i] for i in live], [tangents[i] for i in live])


ad.primitive_jvps[learn_p] = _jvp
batching.primitive_batchers[learn_p] = functools.partial(one_by_one, learn_p)
mlir.register_lowering(learn_p, native_lowering("plastic_learn", learn_reference, in_place=4), platform="cpu")
