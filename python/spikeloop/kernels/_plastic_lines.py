"""Changes at synapses that have a delay each.

Synapses stand in lines, those of each source or those of each target. The side whose spikes take time is known by its
values of the last steps; with events e, coefficients q and a delay d of each synapse,

    arriving: w ← F(w, e[line, t − d] q[other, t])    for e[line, t − d] ≠ 0
    delayed:  w ← F(w, e[line, t] q[other, t − d])    for e[line, t] ≠ 0

The same events may add to an eligibility c instead, of which the part `left` remains and has brought the weight `gain`
c since the row of its source was walked (`_eligibility`):

    c ← c + e q/left,    w ← w − gain e q/left
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from ._eligibility import Elapsed
from ._event import Rows, sources_of
from ._history import History, ago
from ._kernel import FLOATS, Kernel, inputs, params, state
from ._plastic import changed


class Lines(NamedTuple):
    """Synapses line after line, each ascending by delay; without `places` they stand in the order of the weights."""

    places: Any  # among the weights
    others: Any  # neurons of the other side
    ends: Any  # indptr
    delay: Any


class Law(NamedTuple):
    """The numbers and the form of a change, as in `_plastic.Side`."""

    numbers: Any
    dependence: int


def update_arriving(events: History, cursor: Any, coefficient: Any, law: Law, lines: Lines, weight: Any) -> Any:
    """The weights after the events that arrive now; `coefficient` has one number for each neuron of the other side."""
    return arriving_p(
        **events._asdict(), cursor=cursor, coefficient=coefficient, law=law.numbers, **lines._asdict(), weight=weight,
        dependence=law.dependence,
    )[0]  # fmt: skip


def update_delayed(events: Any, coefficients: Any, cursor: Any, law: Law, lines: Lines, weight: Any) -> Any:
    """The weights after the events of now; `coefficients` (slots, n) are those of the other side in the last steps."""
    return delayed_p(
        events=events, ring=coefficients, cursor=cursor, law=law.numbers, **lines._asdict(), weight=weight,
        dependence=law.dependence,
    )[0]  # fmt: skip


def credit_arriving(
    events: History, cursor: Any, coefficient: Any, since: Elapsed, lines: Lines, synapses: Any, lines_are_sources: bool
) -> tuple[Any, Any]:
    """(weight, eligibility) after the events that arrive now; `since` holds one number for each source."""
    weight, eligibility = synapses
    return tuple(
        credit_arriving_p(
            **events._asdict(), cursor=cursor, coefficient=coefficient, **since._asdict(), **lines._asdict(),
            weight=weight, eligibility=eligibility, lines_are_sources=lines_are_sources,
        )
    )  # fmt: skip


def credit_delayed(
    events: Any, coefficients: Any, cursor: Any, since: Elapsed, lines: Lines, synapses: Any, lines_are_sources: bool
) -> tuple[Any, Any]:
    """(weight, eligibility) after the events of now."""
    weight, eligibility = synapses
    return tuple(
        credit_delayed_p(
            events=events, ring=coefficients, cursor=cursor, **since._asdict(), **lines._asdict(),
            weight=weight, eligibility=eligibility, lines_are_sources=lines_are_sources,
        )
    )  # fmt: skip


# --- reference -------------------------------------------------------------------------------------------------------


class _Synapses:
    """The line, the neuron of the other side and the place of each synapse, line after line."""

    def __init__(self, lines: Lines, n: int):
        self.line = sources_of(lines.others, lines.ends, Rows(0, n))
        self.other, self.delay = lines.others, lines.delay
        self.places = lines.places if lines.places.size else jnp.arange(lines.others.size)

    def by_place(self, values: Any) -> Any:
        """Values of the synapses in the order of the weights."""
        return jnp.zeros_like(values).at[self.places].set(values)


def arriving(events: Any, cursor: Any, coefficient: Any, lines: Lines) -> tuple[Any, Any]:
    """For each synapse, in the order of the weights, the event that arrives and the coefficient."""
    at = _Synapses(lines, events.shape[1])
    return at.by_place(ago(events, cursor, at.delay, at.line)), at.by_place(coefficient[at.other])


def delayed(events: Any, coefficients: Any, cursor: Any, lines: Lines) -> tuple[Any, Any]:
    """For each synapse, in the order of the weights, the event and the coefficient of then."""
    at = _Synapses(lines, events.size)
    return at.by_place(events[at.line]), at.by_place(ago(coefficients, cursor, at.delay, at.other))


def arriving_reference(
    ring: Any, count: Any, neurons: Any, cursor: Any, coefficient: Any, law: Any, places: Any, others: Any, ends: Any,
    delay: Any, weight: Any, *, dependence: int,
) -> list[Any]:  # fmt: skip
    del count, neurons  # for the native kernel
    lines = Lines(places, others, ends, delay)
    return [changed(weight, *arriving(ring, cursor, coefficient, lines), law, dependence)]


def delayed_reference(
    events: Any, ring: Any, cursor: Any, law: Any, places: Any, others: Any, ends: Any, delay: Any, weight: Any,
    *, dependence: int,
) -> list[Any]:  # fmt: skip
    lines = Lines(places, others, ends, delay)
    return [changed(weight, *delayed(events, ring, cursor, lines), law, dependence)]


def _credited(event: Any, coefficient: Any, sources: Any, left: Any, gain: Any, weight: Any, c: Any) -> list[Any]:
    added = jnp.where(event != 0, event * coefficient / left[sources], 0)
    return [weight - gain[sources] * added, c + added]


def credit_arriving_reference(
    ring: Any, count: Any, neurons: Any, cursor: Any, coefficient: Any, left: Any, gain: Any, places: Any, others: Any,
    ends: Any, delay: Any, weight: Any, eligibility: Any, *, lines_are_sources: bool,
) -> list[Any]:  # fmt: skip
    del count, neurons
    lines = Lines(places, others, ends, delay)
    at = _Synapses(lines, ring.shape[1])
    sources = at.by_place(at.line if lines_are_sources else at.other)
    return _credited(*arriving(ring, cursor, coefficient, lines), sources, left, gain, weight, eligibility)


def credit_delayed_reference(
    events: Any, ring: Any, cursor: Any, left: Any, gain: Any, places: Any, others: Any, ends: Any, delay: Any,
    weight: Any, eligibility: Any, *, lines_are_sources: bool,
) -> list[Any]:  # fmt: skip
    lines = Lines(places, others, ends, delay)
    at = _Synapses(lines, events.size)
    sources = at.by_place(at.line if lines_are_sources else at.other)
    return _credited(*delayed(events, ring, cursor, lines), sources, left, gain, weight, eligibility)


# --- declarations: lanes have weights of their own, so they come one after the other ---------------------------------

_HISTORY = inputs("ring", "count", "neurons", "cursor")
_LINES = params("places", "others", "ends", "delay")
_SINCE = inputs("left", "gain")
_SYNAPSES = state("weight", "eligibility")

arriving_p = Kernel(
    "plastic_at_arrival",
    arriving_reference,
    structure=("dependence",),
    operands=(*_HISTORY, *inputs("coefficient"), *params("law"), *_LINES, *state("weight")),
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
)
delayed_p = Kernel(
    "plastic_delayed",
    delayed_reference,
    structure=("dependence",),
    operands=(*inputs("events", "ring", "cursor"), *params("law"), *_LINES, *state("weight")),
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
)
credit_arriving_p = Kernel(
    "plastic_credit_at_arrival",
    credit_arriving_reference,
    structure=("lines_are_sources",),
    operands=(*_HISTORY, *inputs("coefficient"), *_SINCE, *_LINES, *_SYNAPSES),
    dtypes={"eligibility": FLOATS},
    attributes=lambda o, **structure: structure,
)
credit_delayed_p = Kernel(
    "plastic_credit_delayed",
    credit_delayed_reference,
    structure=("lines_are_sources",),
    operands=(*inputs("events", "ring", "cursor"), *_SINCE, *_LINES, *_SYNAPSES),
    dtypes={"eligibility": FLOATS},
    attributes=lambda o, **structure: structure,
)
