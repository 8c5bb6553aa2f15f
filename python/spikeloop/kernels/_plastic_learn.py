"""Lazy plasticity: updates by events of targets are pending until the rows of their sources are walked.

It serves rules in which the coefficient of a source only decays between events of its own, b(t) = slope·e(t). A clock e
falls from 1 as the coefficients do. Each target lists its last `SLOTS` events: e at the event, and the event times e.
Each source has a mark: what the clock showed when its row was last walked. Of a synapse, the events that its target has
listed below the mark of its source are pending. They are applied when the row is walked, or before the target drops
them from its list to list another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._event import Rows, scatter, sources_of
from ._kernel import FLOATS, ByName, Kernel, inputs, params, state
from ._mesh_axes import ByTarget
from ._plastic import Columns, Side, changed
from ._rules import by_reference, is_zero

SLOTS = 8


class Pending(NamedTuple):
    """`listed`: (2, targets, SLOTS), the clock at events and their amounts; `marks`: (sources,)."""

    listed: Any
    marks: Any


class Walked(NamedTuple):
    """The sources whose rows are walked, or `all`: nothing is pending afterwards, and the clock starts at 1 again."""

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
    indices, indptr, columns = synapses
    listed, marks, target, weight = learn_p(
        post=post.events, slopes=post.coefficient, law_post=post.law, dependence_post=post.dependence,
        pre=pre.events, of_targets=pre.coefficient, law_pre=pre.law, dependence_pre=pre.dependence,
        clock=jnp.reshape(clock, 1), walked=walked.sources, renew=jnp.reshape(walked.all, 1).astype(jnp.int32),
        spikes=delivery.spikes, indices=indices, indptr=indptr, **columns._asdict(), **pending._asdict(),
        target=delivery.target, weight=weight, graded=graded,
    )  # fmt: skip
    return Pending(listed, marks), target, weight


def is_faster(dtype: Any) -> bool:
    """Whether weights of this dtype are updated lazily: in native code on the CPU. GPUs apply all updates at once."""
    return jax.default_backend() == "cpu" and learn_p.runs_native(ByName(weight=jax.ShapeDtypeStruct((), dtype)), {})


# --- reference -------------------------------------------------------------------------------------------------------


def learn_reference(
    post: Any, slopes: Any, law_post: Any, pre: Any, of_targets: Any, law_pre: Any, clock: Any, walked: Any, renew: Any,
    spikes: Any, indices: Any, indptr: Any, places: Any, ends: Any, sources: Any, listed: Any, marks: Any, target: Any,
    weight: Any, *, dependence_post: int, dependence_pre: int, shift: int, graded: bool,
) -> list[Any]:  # fmt: skip
    del places, ends, sources, shift  # columns: for the native kernel
    rows = sources_of(indices, indptr, Rows(0, pre.size))

    def updated(weight: Any, listed: Any, active: Any) -> Any:
        """The weights after the pending events of active synapses; `active`: (synapses, SLOTS)."""
        when, amount = listed[0][indices], listed[int(graded)][indices]
        events = jnp.where(active & (when < marks[rows][:, None]), amount, 0)
        step = lambda w, event: (changed(w, event, slopes[rows], law_post, dependence_post), None)  # noqa: E731
        return jax.lax.scan(step, weight, events.T)[0]

    surplus = surplus_of(post, listed)
    weight = updated(weight, listed, jnp.arange(SLOTS) < surplus[indices][:, None])
    listed = put_down(dropped(listed, surplus), post, (clock[0], clock[0]))
    reached = (walked != 0) | (renew[0] != 0)
    weight = updated(weight, listed, reached[rows][:, None])
    event = jnp.where(reached[rows], pre[rows], 0)
    weight = changed(weight, event, of_targets[indices], law_pre, dependence_pre)
    empty = jnp.zeros_like(listed).at[0].set(jnp.inf)
    marks = jnp.where(reached, clock[0], marks)
    again = renew[0] != 0
    target = target.at[indices].add(jnp.where(reached, spikes, 0)[rows] * weight)
    return [jnp.where(again, empty, listed), jnp.where(again, 1, marks), target, weight]


def surplus_of(events: Any, listed: Any) -> Any:
    """How many events each target has to be rid of: half of a full list, or all if they have another sign."""
    count = (listed[0] < jnp.inf).sum(-1)
    turned = (count > 0) & ((listed[1][:, 0] < 0) != (events < 0))
    surplus = jnp.where(turned, count, jnp.where(count == SLOTS, SLOTS // 2, 0))
    return jnp.where(events != 0, surplus, 0)


def dropped(listed: Any, count: Any) -> Any:
    """The lists without their oldest events."""
    from_ = jnp.arange(SLOTS) + count[:, None]
    shifted = jnp.take_along_axis(listed, jnp.minimum(from_, SLOTS - 1)[None], axis=-1)
    empty = jnp.zeros_like(listed).at[0].set(jnp.inf)
    return jnp.where(from_ < SLOTS, shifted, empty)


def put_down(listed: Any, events: Any, numbers: tuple[Any, ...]) -> Any:
    """The lists with the events of a step: what the clock shows, and the other `numbers` times the event."""
    slot = (listed[0] < jnp.inf).sum(-1, keepdims=True)
    here = (jnp.arange(SLOTS) == slot) & (events != 0)[:, None]
    clock, *amounts = numbers
    new = jnp.stack([jnp.broadcast_to(clock, events.shape), *(events * amount for amount in amounts)])[:, :, None]
    return jnp.where(here, new, listed)


def delivery_apart(kernel: Kernel, o: ByName, tangents: ByName, structure: Any) -> Any:
    """Spikes and targets have the derivative of a delivery on its own, which does without that of the learning."""
    if is_zero(tangents.spikes) and is_zero(tangents.target):
        return by_reference(kernel, o, tangents, structure)
    live = {name: t for name, t in vars(tangents).items() if not is_zero(t)}

    def apart(varied: dict[str, Any]) -> list[Any]:
        operands = {**vars(o), **varied}
        spikes, target = operands["spikes"], operands["target"]
        silent = {"spikes": jnp.zeros_like(spikes), "target": jnp.zeros_like(target)}
        listed, marks, _, weight, *others = kernel.run({**operands, **silent}, structure)
        target = scatter(spikes, weight, o.indices, o.indptr, target, Rows(0, spikes.size))
        return [listed, marks, target, weight, *others]

    return jax.jvp(apart, ({name: getattr(o, name) for name in live},), (live,))


learn_p = Kernel(
    "plastic_learn",
    learn_reference,
    structure=("dependence_post", "dependence_pre", "shift", "graded"),
    operands=(
        *inputs("post", "slopes"), *params("law_post"), *inputs("pre", "of_targets"), *params("law_pre"),
        *inputs("clock", "walked", "renew", "spikes"), *params("indices", "indptr", "places", "ends", "sources"),
        *state("listed", "marks", "target", "weight"),
    ),
    jvp=delivery_apart,
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
    mesh=ByTarget(
        {"post": -1, "of_targets": -1, "listed": -2, "target": -1},
        ("indices", "indptr", "places", "ends", "sources", "weight"),
    ),
)  # fmt: skip
