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

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp

from .._jax import ad, batching, mlir, new_primitive
from ._eligibility import Elapsed
from ._event import Rows, continued, one_by_one, sources_of
from ._history import History, ago
from ._plastic import changed, jvp_by_reference, native_lowering


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
    operands = (*events, cursor, coefficient, law.numbers, *lines, weight)
    return arriving_p.bind(*operands, dependence=law.dependence)[0]


def update_delayed(events: Any, coefficients: Any, cursor: Any, law: Law, lines: Lines, weight: Any) -> Any:
    """The weights after the events of now; `coefficients` (slots, n) are those of the other side in the last steps."""
    operands = (events, coefficients, cursor, law.numbers, *lines, weight)
    return delayed_p.bind(*operands, dependence=law.dependence)[0]


def credit_arriving(
    events: History, cursor: Any, coefficient: Any, since: Elapsed, lines: Lines, synapses: Any, lines_are_sources: bool
) -> tuple[Any, Any]:
    """(weight, eligibility) after the events that arrive now; `since` holds one number for each source."""
    operands = (*events, cursor, coefficient, *since, *lines, *synapses)
    return tuple(credit_arriving_p.bind(*operands, lines_are_sources=lines_are_sources))


def credit_delayed(
    events: Any, coefficients: Any, cursor: Any, since: Elapsed, lines: Lines, synapses: Any, lines_are_sources: bool
) -> tuple[Any, Any]:
    """(weight, eligibility) after the events of now."""
    operands = (events, coefficients, cursor, *since, *lines, *synapses)
    return tuple(credit_delayed_p.bind(*operands, lines_are_sources=lines_are_sources))


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


arriving_p = new_primitive("spikeloop_plastic_arriving", continued(-1), arriving_reference)
delayed_p = new_primitive("spikeloop_plastic_delayed", continued(-1), delayed_reference)
credit_arriving_p = new_primitive("spikeloop_plastic_credit_arriving", continued(-2), credit_arriving_reference)
credit_delayed_p = new_primitive("spikeloop_plastic_credit_delayed", continued(-2), credit_delayed_reference)

for _p, _kernel, _reference, _results in (
    (arriving_p, "plastic_arriving", arriving_reference, 1),
    (delayed_p, "plastic_delayed", delayed_reference, 1),
    (credit_arriving_p, "plastic_credit_arriving", credit_arriving_reference, 2),
    (credit_delayed_p, "plastic_credit_delayed", credit_delayed_reference, 2),
):
    ad.primitive_jvps[_p] = jvp_by_reference(_p, _reference)
    batching.primitive_batchers[_p] = functools.partial(one_by_one, _p)  # lanes have weights of their own
    mlir.register_lowering(_p, native_lowering(_kernel, _reference, in_place=_results), platform="cpu")
