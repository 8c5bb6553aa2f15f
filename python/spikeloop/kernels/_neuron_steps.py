"""Many steps of a population in one call, for inputs that are known for all of them; and their derivatives.

The native code runs the program of one step over a block of neurons, step by step, and then over the next block. The
reference is a loop of the kernel `neuron` or its derivatives. Cotangents go back in time by the same means: those of
the states pass from step to step, those of constants are summed over the steps. They need some of the states before
each step, which the forward run saves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from .._jax import ad, zero_tangent
from . import _rules
from ._derivatives import Active, sum_to
from ._draws import KEYS
from ._kernel import ByName, Kernel, Operands, state, tangents
from ._neuron import Pass, jvp_p, step_of_neuron, step_p, vjp_p
from ._rules import Structure, is_zero
from ._segments import in_segments
from ._turn import Turn, repeated
from .program._call import is_uniform
from .program._lower import NoProgram
from .program._trace import program_of

_LARGEST_CACHE = 1024

# Bytes of saved states beyond which they are computed again, to save memory. Below it is slower to compute them again:
# of a training step of 64 × 256 neurons over 250 steps (33 MB) that takes 136 ms in place of 102, and of one of two
# convolutions (80 MB) 520 in place of 370, in as much memory.
_MOST_SAVED = 256 << 20

Names = tuple[str, ...]


# --- one step --------------------------------------------------------------------------------------------------------


def _step(values: Mapping[str, Any], *, config: Pass, stacked: Names, saved: Names, native: bool) -> list[Any]:
    """New states; of some of them the values after the step again, of others those before it."""
    names = step_of_neuron.states({"config": config})
    found = (
        step_p.run(values, {"config": config}) if native else step_of_neuron.reference(*values.values(), config=config)
    )
    new = dict(zip(names, found, strict=True))
    return [*found, *(new[name] for name in stacked), *(values[name] for name in saved)]


def _tangents(values: Mapping[str, Any], *, config: Pass, stacked: Names, active: Active, native: bool) -> list[Any]:
    """New tangents of the states; those of some of them again."""
    structure, smooth = {"config": config, "active": active}, config.smooth()
    given = {name: values[name] for name in step_of_neuron.names({"config": config})}
    given |= {f"d {name}": values[f"d {name}"] for name in active}
    found = jvp_p.run(given, structure) if native else step_of_neuron.tangents(*given.values(), **structure)
    new = dict(zip(smooth.results, found, strict=True))
    zero = jnp.zeros_like(found[0])
    return [*(new.get(name, zero) for name in carried_by(config)), *(new[name] for name in stacked)]


def _cotangents(
    values: Mapping[str, Any],
    *,
    config: Pass,
    timed: Names,
    stacked: Names,
    active: Active,
    summed: Names,
    native: bool,
) -> list[Any]:
    """Cotangents of the states before the step; constants' so far and now; those of what differs from step to step."""
    structure, smooth = {"config": config, "active": active}, config.smooth()
    cts = {name: values[f"d new {name}"] for name in smooth.results}
    cts |= {name: cts[name] + values[f"d new {name} in a step"] for name in stacked}
    given = {name: values[name] for name in step_of_neuron.names({"config": config})}
    given |= {f"d new {name}": ct for name, ct in cts.items()}
    found = vjp_p.run(given, structure) if native else step_of_neuron.cotangents(*given.values(), **structure)
    back = dict(zip(active, found, strict=True))
    zero = jnp.zeros_like(next(iter(cts.values())))
    return [
        *(back.get(name, zero) for name in carried_by(config)),
        *(values[f"d {name} so far"] + back[name] for name in added_by(config, timed, active, summed)),
        *(back[name] for name in timed_by(config, timed, active)),
        *(back[name] for name in summed),
    ]


def carried_by(config: Pass) -> list[str]:
    """The states that have tangents or cotangents."""
    smooth = config.smooth()
    return [name for name in step_of_neuron.states({"config": config}) if name in {*smooth.operands, *smooth.results}]


def added_by(config: Pass, timed: Names, active: Active, summed: Names) -> list[str]:
    """The active constants that have a number for each neuron."""
    return [name for name in active if name not in {*timed, *summed, *carried_by(config)}]


def timed_by(config: Pass, timed: Names, active: Active) -> list[str]:
    """The active operands that differ from step to step; of states these are the saved ones."""
    return [name for name in active if name in timed and name not in carried_by(config)]


# --- what is repeated ------------------------------------------------------------------------------------------------


def _forward(config: Pass, timed: Names, stacked: Names, saved: Names, steps: int, reverse: bool, memory: str) -> Turn:
    del memory  # of which derivatives alone depend
    names = step_of_neuron.names({"config": config})
    function = partial(_step, config=config, stacked=stacked, saved=saved)
    return Turn(function, tuple(names), timed, tuple(step_of_neuron.states({"config": config})), steps, reverse)


def _forward_operands(config: Pass, **_: Any) -> Operands:
    return config.operands()


def _over_time(o: ByName, *, config: Pass, stacked: Names, saved: Names, steps: int, **_: Any) -> dict[str, Any]:
    like = getattr(o, step_of_neuron.states({"config": config})[0])
    names = [*(f"{name} after each step" for name in stacked), *(f"{name} before each step" for name in saved)]
    return dict.fromkeys(names, jax.ShapeDtypeStruct((steps, *like.shape), like.dtype))


def _tangent_operands(config: Pass, timed: Names, active: Active, **_: Any) -> Operands:
    constants = [name for name in active if name not in carried_by(config)]
    primals = [x._replace(group="input") for x in config.operands()]
    carried = state(*(f"d {name}" for name in carried_by(config)))
    return *primals, *tangents(*(f"d {name}" for name in constants)), *carried


def _tangent_turn(config: Pass, timed: Names, stacked: Names, steps: int, reverse: bool, active: Active) -> Turn:
    names = [x.name for x in _tangent_operands(config, timed, active)]
    over_time = (*timed, *(f"d {name}" for name in timed_by(config, timed, active)))
    function = partial(_tangents, config=config, stacked=stacked, active=active)
    return Turn(function, tuple(names), over_time, tuple(f"d {x}" for x in carried_by(config)), steps, reverse)


def _tangent_outputs(o: ByName, *, config: Pass, stacked: Names, steps: int, **_: Any) -> dict[str, Any]:
    like = getattr(o, f"d {carried_by(config)[0]}")
    row = jax.ShapeDtypeStruct((steps, *like.shape), like.dtype)
    return dict.fromkeys((f"d {name} after each step" for name in stacked), row)


def _cotangent_operands(
    config: Pass, timed: Names, stacked: Names, active: Active, summed: Names, **_: Any
) -> Operands:
    primals = [x._replace(group="input") for x in config.operands()]
    carried = state(*(f"d new {name}" for name in carried_by(config)))
    added = state(*(f"d {name} so far" for name in added_by(config, timed, active, summed)))
    return *primals, *carried, *added, *tangents(*(f"d new {name} in a step" for name in stacked))


def _cotangent_turn(
    config: Pass, timed: Names, stacked: Names, steps: int, reverse: bool, active: Active, summed: Names
) -> Turn:
    operands = _cotangent_operands(config, timed, stacked, active, summed)
    names, carried = [x.name for x in operands], [x.name for x in operands if x.group == "state"]
    over_time = (*timed, *(f"d new {name} in a step" for name in stacked))
    parts = {"config": config, "timed": timed, "stacked": stacked, "active": active, "summed": summed}
    function = partial(_cotangents, **parts)
    return Turn(function, tuple(names), over_time, tuple(carried), steps, not reverse, len(summed))


def _cotangent_outputs(
    o: ByName, *, config: Pass, timed: Names, active: Active, summed: Names, steps: int, **_: Any
) -> dict[str, Any]:
    like = getattr(o, f"d new {carried_by(config)[0]}")
    row = jax.ShapeDtypeStruct((steps, *like.shape), like.dtype)
    rows = dict.fromkeys((f"d {x} in a step" for x in timed_by(config, timed, active)), row)
    return rows | {f"d {x}": jax.ShapeDtypeStruct(getattr(o, x).shape, like.dtype) for x in summed}


# --- rules -----------------------------------------------------------------------------------------------------------


def _jvp(kernel: Kernel, o: ByName, slopes: ByName, structure: Structure) -> Any:
    """The tangents, from states that the run saves."""
    smooth = structure["config"].smooth()
    varied = [name for name in smooth.operands if not is_zero(getattr(slopes, name))]
    if structure["saved"] or not varied:  # of a run that saves states, as second derivatives have it
        return _rules.by_reference(kernel, o, slopes, structure)
    config, like = structure["config"], getattr(o, kernel.first_state(structure))
    carried = carried_by(config)
    active = tuple(x for x in smooth.operands if x in varied or x in carried)
    saved = needed(config, like.dtype.name, active)
    if recomputes(len(saved) * structure["steps"] * like.nbytes, structure):
        return jvp_in_segments(kernel, o, slopes, structure, varied)
    outs = kernel.run(vars(o), {**structure, "saved": saved})
    own, before = outs[: len(outs) - len(saved)], outs[len(outs) - len(saved) :]
    given = with_tangents(vars(o), slopes, structure, active, dict(zip(saved, before, strict=True)))
    tangents_of = tangent_structure(structure, active, saved)
    return own, in_order(steps_jvp_p.run(given, tangents_of), structure, own)


def with_tangents(
    o: Mapping[str, Any], slopes: ByName, structure: Structure, active: Active, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The operands of `steps_jvp_p` for a run that saved some states `before` each step."""
    config, timed = structure["config"], structure["timed"]
    like = o[step_of_neuron.states({"config": config})[0]]
    # What neurons share in a step has a cotangent for each of them.
    widened = {name: _rows(o[name], like.shape) for name in active if name in timed}
    given = {**o, **before, **widened}
    for name in dict.fromkeys([*active, *carried_by(config)]):
        slope = jnp.zeros_like(o[name]) if is_zero(x := getattr(slopes, name)) else x
        given[f"d {name}"] = _rows(slope, like.shape) if name in timed else slope
    return given


def tangent_structure(structure: Structure, active: Active, saved: Names) -> dict[str, Any]:
    """The structure of `steps_jvp_p` for a run that saved some states."""
    kept = {name: structure[name] for name in ("config", "steps", "reverse")}
    results = structure["config"].smooth().results
    stacked = tuple(name for name in structure["stacked"] if name in results)
    return {**kept, "timed": (*structure["timed"], *saved), "stacked": stacked, "active": active}


def in_order(found: Sequence[Any], structure: Structure, outs: Sequence[Any]) -> list[Any]:
    """What `steps_jvp_p` found, as tangents of the states and the rows of states that a run returned."""
    config, stacked = structure["config"], structure["stacked"]
    carried, smooth = carried_by(config), config.smooth().results
    last = dict(zip(carried, found, strict=False))
    rows = dict(zip((name for name in stacked if name in smooth), found[len(carried) :], strict=True))
    new = [*map(last.get, step_of_neuron.states({"config": config})), *map(rows.get, stacked)]
    return [zero_tangent(out) if slope is None else slope for out, slope in zip(outs, new, strict=True)]


def recomputes(size: int, structure: Structure) -> bool:
    """Whether states that take `size` bytes are not saved."""
    memory = structure["memory"]
    return (memory == "recompute" or (memory == "auto" and size > _MOST_SAVED)) and not structure["reverse"]


def jvp_in_segments(kernel: Kernel, o: ByName, slopes: ByName, structure: Structure, varied: Sequence[str]) -> Any:
    """The tangents of a run in segments, each of which is computed again before its cotangents."""
    states, timed = kernel.replaced(structure), structure["timed"]

    def run(now: dict[str, Any], rows: dict[str, Any], fixed: dict[str, Any], steps: int) -> tuple[Any, list[Any]]:
        found = kernel.run({**fixed, **now, **rows}, {**structure, "steps": steps, "memory": "save"})
        return dict(zip(states, found, strict=False)), found[len(states) :]

    def whole(given: dict[str, Any]) -> list[Any]:
        values = {**vars(o), **given}
        now, rows = ({name: values[name] for name in names} for names in (states, timed))
        last, found = in_segments(partial(run, fixed=values), now, rows, structure["steps"])
        return [*(last[name] for name in states), *found]

    at, along = ({name: getattr(x, name) for name in varied} for x in (o, slopes))
    return jax.jvp(whole, (at,), (along,))


def _rows(x: Any, shape: tuple[int, ...]) -> Any:
    """`x`, which has a row for each step, with a number for each neuron in it."""
    steps, *rest = x.shape
    return jnp.broadcast_to(x.reshape(steps, *[1] * (len(shape) - len(rest)), *rest), (steps, *shape))


@lru_cache(_LARGEST_CACHE)
def needed(config: Pass, dtype: str, active: Active) -> Names:
    """The states that the cotangents depend on."""
    names, states = step_of_neuron.names({"config": config}), step_of_neuron.states({"config": config})
    function = partial(step_of_neuron.cotangents, config=config, active=active)
    count = len(names) + len(config.smooth().results)
    words = [k for k, name in enumerate(names) if name in KEYS]
    try:
        program = program_of(function, dtype, [False] * count, [False] * len(active), {}, words=words)
    except NoProgram:
        return tuple(states)
    return tuple(name for name in states if names.index(name) in program.operands)


def _transposed(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Structure) -> dict[str, Any]:
    return cotangents_by(steps_vjp_p.run, cts, o, structure)


def cotangents_by(run: Callable[..., list[Any]], cts: Sequence[Any], o: ByName, structure: Structure) -> dict[str, Any]:
    """The cotangents of tangents, back in time, by `steps_vjp_p.run` or what does more."""
    config, timed, active = structure["config"], structure["timed"], structure["active"]
    carried, stacked = carried_by(config), structure["stacked"]
    cts = [*map(ad.instantiate_zeros, cts)]
    like = cts[0]
    primals = {name: getattr(o, name) for name in step_of_neuron.names({"config": config})}
    constant = [name for name in active if name not in {*timed, *carried}]
    summed = tuple(name for name in constant if is_uniform(primals[name], like.shape))
    given = primals | dict(zip((f"d new {name}" for name in carried), cts, strict=False))
    given |= dict(zip((f"d new {name} in a step" for name in stacked), cts[len(carried) :], strict=True))
    given |= {f"d {name} so far": jnp.zeros_like(like) for name in constant if name not in summed}
    results = run(given, {**structure, "summed": summed})
    order = [*carried, *added_by(config, timed, active, summed), *timed_by(config, timed, active), *summed]
    found = dict(zip(order, results, strict=True))
    wanted = {name: getattr(o, f"d {name}") for name in order}
    return {f"d {name}": sum_to(found[name], x.aval.shape) for name, x in wanted.items() if ad.is_undefined_primal(x)}


def _batched(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> Any:
    """Lanes become rows; of sums each lane gets its own."""
    turn, lanes = kernel.turn_of(structure), _rules.lane_count(o, axes)
    states = step_of_neuron.states({"config": structure["config"]})
    whole = (*structure.get("summed", ()), *states)  # states that are saved have the shape of the population too
    given = _rules.in_rows(kernel, o, axes, structure, whole, turn.timed)
    results, first = kernel.run(given, structure), kernel.first_state(structure)
    population = _rules.lane_shapes(o, axes)[first]
    outs, dims = [], []
    summed = len(results) - turn.sums
    for k, x in enumerate(results):
        if k < len(turn.carried):
            outs.append(x.reshape(lanes, *population))
        elif k < summed:
            outs.append(x.reshape(turn.steps, lanes, *population))
        else:
            wanted = _rules.lane_shapes(o, axes)[structure["summed"][k - summed]]
            outs.append(x.reshape(lanes, -1, *wanted).sum(1))
        dims.append(int(len(turn.carried) <= k < summed))
    return outs, dims


def _kernel(name: str, turn: Any, operands: Any, outputs: Any, structure: Names, **rest: Any) -> Kernel:
    def reference(*operands: Any, **structure: Any) -> list[Any]:
        return repeated(turn(**structure), operands)

    return Kernel(
        name, reference, operands, structure, outputs, batch=_batched, elementwise=True, turn=turn,
        label=lambda config, **_: config.model.__name__, **rest,
    )  # fmt: skip


_COMMON = ("config", "timed", "stacked", "steps", "reverse")

steps_p = _kernel("neuron_steps", _forward, _forward_operands, _over_time, (*_COMMON, "saved", "memory"), jvp=_jvp)
steps_jvp_p = _kernel(
    "neuron_steps.jvp", _tangent_turn, _tangent_operands, _tangent_outputs, (*_COMMON, "active"), transpose=_transposed
)
steps_vjp_p = _kernel(
    "neuron_steps.vjp", _cotangent_turn, _cotangent_operands, _cotangent_outputs, (*_COMMON, "active", "summed")
)
