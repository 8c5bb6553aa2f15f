"""What loops return stacked over their steps, as arrays that they carry.

XLA writes what a step returns, fills an array for all steps with zeros, and copies. Here a call of the step writes its
row of the array itself, which needs no zeros. Rasters, bits and counts of spikes are made from the list of the neurons
that spiked, so that no call looks at all neurons for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._jax import Aval, Literal, Primitive, ffi_lowering, mlir, new_variable
from .. import _library
from .._native_call import NativeCall
from ._groups import Group, Plan, Rows, equations_in, groups_in, variables
from ._kept import Kept, uses_in
from ._sums import PLATFORM

PACK, PACK_PART, COUNT = "record_pack", "record_pack_part", "record_count"
RASTER, SUM = "record_raster", "record_sum"
ROW, _ROWS = "record_row", "record_rows"
_RECORDS = (PACK, PACK_PART, COUNT, RASTER, SUM)  # their result may be a row of an array
_DTYPES = ("bool", "uint8", "uint16", "int32", "uint32", "int64", "float32", "float64")
_MOST = 1 << 24  # spikes of which every sum is a number of float32

row_p = Primitive("copy_to_row")  # stands in groups only
row_p.multiple_results = True

rows_p = Primitive("spikeloop_rows")  # the memory of an array; `number` tells apart those of a loop
rows_p.def_abstract_eval(lambda start, *, shape, dtype, number: Aval(shape, dtype))


def _rows_lowering(ctx: Any, start: Any, *, shape: Any, dtype: Any, number: int) -> Any:
    del shape, dtype
    return ffi_lowering(_library.xla_name(_ROWS, PLATFORM), {})(ctx, start, number=np.int64(number))


mlir.register_lowering(rows_p, _rows_lowering, platform=PLATFORM)


@dataclass(frozen=True)
class Stack:
    """What a loop returns of its steps in one array: the variables of the array before and after a step."""

    before: Any
    after: Any

    def memory(self, start: Any, number: int) -> Any:
        """The array before the first step, which need not hold anything; `start` is of the loop's first carry."""
        aval = self.before.aval
        return rows_p.bind(start, shape=aval.shape, dtype=aval.dtype, number=number)


def stack(
    plan: Plan,
    kept: Sequence[Kept],
    results: Sequence[Any],
    ys: Mapping[int, tuple[Any, bool]],
    length: int,
    reverse: bool,
) -> dict[int, Stack]:
    """Let the calls of a plan write rows of what the loop returns.

    Of the `results` of the step, `ys` are those that are stacked, by their place in what the loop returns, each with
    whether no other part of the loop reads it.
    """
    if not _library.targets.get(ROW):
        return {}
    _read_lists(plan, kept, {v for v, _ in ys.values()}, variables(results))
    uses, found = uses_in(plan), dict[int, Stack]()
    for place, (v, alone) in ys.items():
        maker = _maker(plan, v)
        if maker is None or v.aval.dtype.name not in _DTYPES:
            continue
        group, k = maker
        call = group.calls[k]
        counter = next((x for x in kept if x.after in group.made()), None)
        passes_by = group.equations[k].outvars.index(v) not in call.results  # an operand that the call returns
        if counter is None or passes_by:
            continue
        aval = Aval((length, *v.aval.shape), v.aval.dtype)
        found[place] = Stack(new_variable(aval), new_variable(aval))
        group.rows = group.rows or Rows(length, reverse, (counter.before, counter.after))
        row = v if alone and not uses.get(v) and call.target in _RECORDS else _copied(group, k, v)
        group.rows.arrays[row] = found[place].before, found[place].after
    return found


def rows_of(plan: Plan) -> set[Any]:
    """The variables that are rows of arrays and nothing else."""
    return {v for group in groups_in(plan) if group.rows for v in group.rows.arrays}


def _read_lists(plan: Plan, kept: Sequence[Kept], returned: set[Any], needed: set[Any]) -> None:
    """Let native calls read the list of new spikes in place of operations of XLA, and of calls that read a part."""
    spikes = {x.spikes[1]: x.spikes[1] for x in kept}  # by variables that are the same numbers, of any type
    parts: dict[Any, Any] = {}
    rest: Plan = []
    for item in plan:
        if isinstance(item, Group):
            _move_records(item, parts, plan, kept)
            rest += [item] if item.calls else []
            continue
        reads = item.invars and item.outvars and not isinstance(item.invars[0], Literal)
        own = spikes.get(item.invars[0]) if reads else None
        if own is not None and _keeps_numbers(item):
            spikes[item.outvars[0]] = own
        if own is not None and item.primitive.name == "slice":
            parts[item.outvars[0]] = item
        call = None if own is None else _reader(item, own, returned)
        if call:
            _append(plan, kept, item.replace(invars=[own]), call)
        else:
            rest.append(item)
    plan[:] = _without_unused(rest, needed, spikes)


def _append(plan: Plan, kept: Sequence[Kept], equation: Any, call: NativeCall) -> None:
    """Let a call that reads new spikes follow the one that makes them, before another population has its list."""
    own = next(x for x in kept if x.spikes[1] is equation.invars[0])
    maker = _maker(plan, own.after)
    assert maker is not None
    group, k = maker
    group.insert(k + 1, equation, call)


def _maker(plan: Plan, v: Any) -> tuple[Group, int] | None:
    """The group of the call that makes a variable, and the number of the call; None if an operation of XLA makes it."""
    return next(((group, k) for group in groups_in(plan) if (k := group.maker(v)) is not None), None)


def _keeps_numbers(equation: Any) -> bool:
    """Whether an operation on numbers that are 0 or 1 gives the same numbers."""
    if equation.primitive.name == "convert_element_type":
        return True
    is_test = equation.primitive.name in ("gt", "ne") and isinstance(equation.invars[1], Literal)
    return is_test and equation.invars[1].val == 0


def _reader(equation: Any, spikes: Any, returned: set[Any]) -> NativeCall | None:
    """The native call of an operation on spikes, which are 0 or 1, or on the same numbers of another type."""
    aval = equation.outvars[0].aval
    if _keeps_numbers(equation) and aval.dtype == bool and equation.outvars[0] in returned:
        return NativeCall(RASTER, (0,), (0,), (aval,), {})
    if equation.primitive.name != "reduce_sum" or aval.ndim or spikes.aval.size > _MOST:
        return None
    if aval.dtype == np.float32:
        return NativeCall(SUM, (0,), (0,), (aval,), {})
    ends = {"starts": np.array([0], np.int32), "stops": np.array([spikes.aval.size], np.int32)}
    return NativeCall(COUNT, (0,), (0,), (aval,), {}, ends) if aval.dtype == np.int32 else None


def _without_unused(plan: Plan, needed: set[Any], spikes: Mapping[Any, Any]) -> Plan:
    """The plan without the conversions of spikes whose results no operation reads."""
    rest: Plan = []
    used = {*needed}
    for item in reversed(plan):
        if isinstance(item, Group) or not spikes.keys() & {*item.outvars} or used.intersection(item.outvars):
            used |= variables([v for equation in equations_in(item) for v in equation.invars])
            rest.append(item)
    return rest[::-1]


def _move_records(group: Group, parts: Mapping[Any, Any], plan: Plan, kept: Sequence[Kept]) -> None:
    """Let bits of new spikes, or of a part of them, and counts be made where their list is."""
    for k in reversed(range(len(group.calls))):
        equation, call = group.equations[k], group.calls[k]
        if call.target == PACK and (part := parts.get(equation.invars[0])) and _is_dense(part):
            ends = part.params["start_indices"][0], part.params["limit_indices"][0]
            call = replace(call, target=PACK_PART, attributes={"part": np.array(ends, np.int32)})
            equation = equation.replace(invars=part.invars)
        is_record = call.target in (PACK, PACK_PART, COUNT)
        if is_record and any(x.spikes[1] is equation.invars[0] and x.after not in group.made() for x in kept):
            _append(plan, kept, equation, call)
            group.remove(k)


def _is_dense(part: Any) -> bool:
    """Whether a slice has no gaps."""
    return part.params["strides"] in (None, (1,))


def _copied(group: Group, k: int, v: Any) -> Any:
    """A row to which a call copies a variable, after the call `k` of the group that makes it."""
    row = new_variable(Aval(v.aval.shape, v.aval.dtype))
    equation = group.equations[k].replace(primitive=row_p, invars=[v], outvars=[row], params={})
    group.insert(k + 1, equation, NativeCall(ROW, (0,), (0,), (row.aval,), {}))
    return row


def shown(group: Group, k: int) -> str:
    """What the plan says of a call that writes rows."""
    arrays = group.rows.arrays if group.rows else {}
    return ", a row of what the loop returns" if variables(group.equations[k].outvars) & arrays.keys() else ""
