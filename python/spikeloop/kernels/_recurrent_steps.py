"""Many steps in one call of a population whose neurons are connected with each other, and their derivatives.

The input of step t is x[t] + s[t − 1] W, where s are the last spikes and W is a matrix from each neuron to each.

The native code runs all steps of some samples before those of the next ones, with the programs of `_neuron_steps`. On
the way back W is turned once before all steps, and its cotangent is one product after all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from .._jax import zero_tangent
from . import _library, _rules
from ._dense import dense_product
from ._kernel import FLOATS, ByName, Kernel, Operands, params
from ._native_call import NativeCall
from ._neuron import CURRENT, SPIKE, Pass, step_of_neuron
from ._neuron_steps import (
    added_by,
    carried_by,
    cotangents_by,
    in_order,
    jvp_in_segments,
    needed,
    recomputes,
    steps_jvp_p,
    steps_p,
    steps_vjp_p,
    tangent_structure,
    timed_by,
    with_tangents,
)
from ._rules import Structure, is_zero
from ._turn import Turn, repeated

WEIGHT = "recurrent weight"  # W; of `recurrent_vjp_p` its transpose
_TARGET = "recurrent_steps"


def can_run(config: Pass) -> bool:
    """Whether a population can be one: random numbers of a step belong to the population as a whole."""
    return not config.model.draws and not config.model.releases


# --- one step --------------------------------------------------------------------------------------------------------


def _step(inner: Turn, values: Mapping[str, Any], *, native: bool) -> list[Any]:
    """What the step gives, and its input."""
    current = values[CURRENT] + dense_product(values[SPIKE], values[WEIGHT])
    return [*inner.function(_own(inner, values) | {CURRENT: current}, native=native), current]


def _tangents(inner: Turn, values: Mapping[str, Any], *, native: bool) -> list[Any]:
    slope = values[f"d {CURRENT}"] + dense_product(values[f"d {SPIKE}"], values[WEIGHT])
    return inner.function(_own(inner, values) | {f"d {CURRENT}": slope}, native=native)


def _cotangents(inner: Turn, values: Mapping[str, Any], *, spike: int, current: int, native: bool) -> list[Any]:
    """Of the last spikes, which the step itself has no derivative of, it is that of the input times W."""
    found = inner.function(_own(inner, values), native=native)
    found[spike] = dense_product(found[current], values[WEIGHT])
    return found


def _own(inner: Turn, values: Mapping[str, Any]) -> dict[str, Any]:
    """All operands but W, in their order."""
    return {name: values[name] for name in inner.operands}


def _reference(inner: Kernel, step: Any, *operands: Any, **structure: Any) -> list[Any]:
    turn = inner.turn_of(structure)
    places = _places(structure) if inner is steps_vjp_p else {}
    function = partial(step, turn, **places)
    return repeated(turn._replace(function=function, operands=(*turn.operands, WEIGHT)), operands)


def _places(structure: Structure) -> dict[str, int]:
    """The places, among the results of `steps_vjp_p`, of the cotangents of the spikes and of the input."""
    config, timed, active = structure["config"], structure["timed"], structure["active"]
    carried, added = carried_by(config), added_by(config, timed, active, structure["summed"])
    rows = timed_by(config, timed, active)
    return {"spike": carried.index(SPIKE), "current": len(carried) + len(added) + rows.index(CURRENT)}


# --- native ----------------------------------------------------------------------------------------------------------


class _Linked(Kernel):
    """A kernel whose native code runs the program of another one, `_INNER`, with a product between the steps."""

    @property
    def target(self) -> str:
        return _TARGET

    def native_call(
        self, avals_in: Sequence[Any], avals_out: Sequence[Any], structure: Mapping[str, Any], platform: str
    ) -> NativeCall | None:
        inner = _INNER[self.name]
        forward = inner is steps_p
        if not _library.has(_TARGET, platform, self.name):
            return None
        made = avals_out[:-1] if forward else avals_out
        call = inner.native_call(avals_in[:-1], made, structure, platform)
        if call is None:
            return None
        if forward:
            return _forward_call(call, inner.names(structure), avals_out[-1])
        at = {name: np.int64(call.results.index(k)) for name, k in _places(structure).items()}
        attributes = {"after": True, "state": at["spike"], "timed_place": at["current"]}
        operands = [*call.operands, len(avals_in) - 1]
        return replace(call, target=_TARGET, operands=operands, attributes={**call.attributes, **attributes})


def _forward_call(call: NativeCall, names: Sequence[str], current: Any) -> NativeCall | None:
    """The call of a run; the input of the steps takes the place of x. None if the neurons do not read it."""
    if names.index(CURRENT) not in call.operands:
        return None
    state, timed = (call.operands.index(names.index(name)) for name in (SPIKE, CURRENT))
    attributes = {"after": False, "state": np.int64(state), "timed_place": np.int64(timed)}
    place = len(call.results)
    return replace(
        call, target=_TARGET, operands=[*call.operands, len(names)], results=[*call.results, place],
        outs=[*call.outs, current], aliases={**call.aliases, timed: place},
        attributes={**call.attributes, **attributes},
    )  # fmt: skip


# --- rules -----------------------------------------------------------------------------------------------------------


def _jvp(kernel: Kernel, o: ByName, slopes: ByName, structure: Structure) -> Any:
    """The tangents, from states that the run saves, the last spikes among them."""
    config, weight_slope = structure["config"], getattr(slopes, WEIGHT)
    smooth, carried, like = config.smooth(), carried_by(config), getattr(o, kernel.first_state(structure))
    varied = [name for name in smooth.operands if not is_zero(getattr(slopes, name))]
    changing = [*varied, *[WEIGHT] * (not is_zero(weight_slope))]
    if structure["saved"] or not changing:  # of a run that saves states, as second derivatives have it
        return _rules.by_reference(kernel, o, slopes, structure)
    active = tuple(x for x in smooth.operands if x in varied or x in carried or x == CURRENT)
    read = {*needed(config, like.dtype.name, active), SPIKE}
    saved = tuple(name for name in step_of_neuron.states({"config": config}) if name in read)
    if recomputes((1 + len(saved)) * structure["steps"] * like.nbytes, structure):
        return jvp_in_segments(kernel, o, slopes, structure, changing)
    outs = kernel.run(vars(o), {**structure, "saved": saved})
    own, before, current = outs[: -1 - len(saved)], dict(zip(saved, outs[-1 - len(saved) : -1], strict=True)), outs[-1]
    given = with_tangents({**vars(o), CURRENT: current}, slopes, structure, active, before)
    if not is_zero(weight_slope):
        given[f"d {CURRENT}"] = given[f"d {CURRENT}"] + dense_product(before[SPIKE], weight_slope)
    found = recurrent_jvp_p.run(given, tangent_structure(structure, active, saved))
    return [*own, current], [*in_order(found, structure, own), zero_tangent(current)]


def _transposed(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Structure) -> dict[str, Any]:
    turned = getattr(o, WEIGHT).T
    run = lambda given, more: recurrent_vjp_p.run({**given, WEIGHT: turned}, more)  # noqa: E731
    return cotangents_by(run, cts, o, structure)


def _batched(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> Any:
    """Lanes go through the steps side by side."""
    run = partial(kernel.reference, **structure)
    return jax.vmap(run, tuple(vars(axes).values()))(*vars(o).values())


def _operands(inner: Kernel, **structure: Any) -> Operands:
    return *inner.declared(structure), *params(WEIGHT)


def _outputs(o: ByName, **structure: Any) -> dict[str, Any]:
    current = getattr(o, CURRENT)
    return {**steps_p.outputs(o, **structure), "input": jax.ShapeDtypeStruct(current.shape, current.dtype)}


def _kernel(name: str, inner: Kernel, step: Any, outputs: Any, platforms: tuple[str, ...], **rest: Any) -> Kernel:
    return _Linked(
        name, partial(_reference, inner, step), partial(_operands, inner), inner.structure, outputs, batch=_batched,
        platforms=platforms, dtypes={WEIGHT: FLOATS}, label=inner.label, **rest,
    )  # fmt: skip


# Results: the states, rows of some of them after and before each step, and the input of each step, of which tangents
# are left out: it is for the derivatives alone.
recurrent_p = _kernel("recurrent_steps", steps_p, _step, _outputs, ("cpu",), jvp=_jvp)
recurrent_jvp_p = _kernel("recurrent_steps.jvp", steps_jvp_p, _tangents, steps_jvp_p.outputs, (), transpose=_transposed)
recurrent_vjp_p = _kernel("recurrent_steps.vjp", steps_vjp_p, _cotangents, steps_vjp_p.outputs, ("cpu",))
_INNER = {"recurrent_steps": steps_p, "recurrent_steps.vjp": steps_vjp_p}
