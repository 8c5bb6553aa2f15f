"""Propagation of spikes along stored synapses, and the two products that its derivatives need.

Row i of the connectivity lists the targets of source i. With spikes s, weights w and targets t(i, j):

    scatter: out[t(i, j)] += s[i] w[i, j]        work only for rows with s[i] ≠ 0
    gather:  out[i] = Σ_j w[i, j] c[t(i, j)]
    outer:   out[i, j] = s[i] c[t(i, j)]         summed to one number if the weights are one number

Each is linear in each of its two factors, and the derivatives of one are the others.

Where synapses have delays d(i, j), targets are input ring buffers with an axis of slots, and t(i, j) stands for
the target in the slot d(i, j) after the cursor. Operands are then followed by the delays and the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._exact_sums import digits
from ._kernel import FLOATS, ByName, Kernel, Operand, inputs, params, state
from ._mesh_axes import STORED, ByTarget
from ._rules import lane_axis, lane_count, leading_axes, one_by_one


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))


class Rows(NamedTuple):
    """Which spikes the rows belong to, and how they are stored."""

    offset: int  # row i is source `offset + i` of the spike array
    n_pre: int
    sorted: bool = False  # each row ascends, by delay if there are delays, then by target: threads may share it
    slots: int | None = None  # the axis of the slots of a ring; axes before it are lanes, with a cursor each or one
    exact: bool = False  # whether sums on a GPU are exact, so that they do not depend on the order of additions
    shortest: int = 0  # no delay of a synapse has fewer steps

    def lanes(self, ring: Sequence[int]) -> int:
        """The number of rings that turn on their own in a target of this shape."""
        return 1 if self.slots is None else _size(ring[: self.slots])

    def at_once(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what arrives in one step at a target of this shape."""
        return shape if self.slots is None else (*shape[: self.slots], *shape[self.slots + 1 :])


def scatter(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, rows: Rows) -> Any:
    """`target` plus what the spikes deliver; spikes (..., n), weight (1,) or (nnz,), target (..., n_post)."""
    rest = {"weight": weight, "indices": indices, "indptr": indptr, "rows": rows}
    return over_batch(lambda s, t: scatter_p(spikes=s, target=t, **rest)[0], spikes, target, target.shape[-1])


def scatter_ring(
    spikes: Any, weight: Any, indices: Any, indptr: Any, delay: Any, cursor: Any, ring: Any, rows: Rows
) -> Any:
    """A ring (slots, ..., n_post) plus what spikes (..., n) deliver, each synapse `delay` steps after the cursor."""
    rest = {"weight": weight, "indices": indices, "indptr": indptr, "delay": delay, "cursor": cursor}
    (ring,) = scatter_p(spikes=spikes, target=ring, rows=rows._replace(slots=0), **rest)
    return ring


def gather(ct: Any, weight: Any, indices: Any, indptr: Any, rows: Rows) -> Any:
    """For each source, its weights times what stands at their targets."""
    return gather_p(ct=ct, weight=weight, indices=indices, indptr=indptr, rows=rows)[0]


def over_batch(run: Callable[[Any, Any], Any], spikes: Any, target: Any, n_post: int) -> Any:
    batch = jnp.broadcast_shapes(spikes.shape[:-1], target.shape[:-1])
    if spikes.ndim == 1 and target.ndim == 1:
        return run(spikes, target)
    spikes = jnp.broadcast_to(spikes, (*batch, spikes.shape[-1])).reshape(-1, spikes.shape[-1])
    target = jnp.broadcast_to(target, (*batch, n_post)).reshape(-1, n_post)
    return run(spikes, target).reshape(*batch, n_post)


# --- reference -------------------------------------------------------------------------------------------------------


def sources_of(indices: Any, indptr: Any, rows: Rows) -> Any:
    """The source of each synapse; an empty indptr means that all rows are equally long."""
    nnz = indices.size
    if indptr.size == 0:
        return jnp.arange(nnz, dtype=jnp.int32) // max(nnz // max(rows.n_pre, 1), 1)
    return jnp.repeat(jnp.arange(rows.n_pre, dtype=jnp.int32), jnp.diff(indptr), total_repeat_length=nnz)


class _Targets:
    """Where the synapses stand in an array of targets, with all batch rows (lanes, rows) in front."""

    def __init__(self, shape: tuple[int, ...], indices: Any, timing: Sequence[Any], rows: Rows):
        self.shape, self.indices = shape, indices.ravel()
        self.lanes, self.slots = rows.lanes(shape), 1 if rows.slots is None else shape[rows.slots]
        self.slot = jnp.zeros((1, 1), jnp.int32)
        if timing:
            delay, cursor = timing
            self.slot = (cursor.reshape(-1, 1) + delay.astype(jnp.int32)) % self.slots
        self.slot = jnp.broadcast_to(self.slot, (self.lanes, self.indices.size))

    def lanes_of(self, values: Any) -> Any:
        """`values` (..., n) as (lanes, rows, n)."""
        return values.reshape(self.lanes, _size(values.shape[:-1]) // self.lanes, values.shape[-1])

    def _rings(self, target: Any) -> Any:
        rows = _size(self.shape[:-1]) // (self.lanes * self.slots)
        return target.reshape(self.lanes, self.slots, rows, self.shape[-1])

    def read(self, target: Any) -> Any:
        """What stands at the targets of the synapses, (lanes, rows, synapses)."""
        return jax.vmap(lambda ring, slot: ring[slot, :, self.indices].T)(self._rings(target), self.slot)

    def add(self, target: Any, values: Any) -> Any:
        """`target` plus the values (lanes, rows, synapses)."""
        one = jax.vmap(lambda ring, slot, x: ring.at[slot, :, self.indices].add(x.T))
        return one(self._rings(target), self.slot, values).reshape(self.shape)


def scatter_reference(
    spikes: Any, weight: Any, indices: Any, indptr: Any, *timing_and_target: Any, rows: Rows
) -> list[Any]:
    *timing, target = timing_and_target
    targets = _Targets(target.shape, indices, timing, rows)
    spikes = targets.lanes_of(spikes)[..., rows.offset + sources_of(indices, indptr, rows)]
    return [targets.add(target, spikes.astype(target.dtype) * weight)]


def gather_reference(ct: Any, weight: Any, indices: Any, indptr: Any, *timing: Any, rows: Rows) -> list[Any]:
    values = _Targets(ct.shape, indices, timing, rows).read(ct) * weight
    out = jnp.zeros((*values.shape[:-1], rows.n_pre), ct.dtype)
    out = out.at[..., sources_of(indices, indptr, rows)].add(values)
    return [out.reshape(*rows.at_once(ct.shape)[:-1], rows.n_pre)]


def _outer_reference(
    spikes: Any, ct: Any, indices: Any, indptr: Any, *timing: Any, rows: Rows, single: bool
) -> list[Any]:
    targets = _Targets(ct.shape, indices, timing, rows)
    spikes = targets.lanes_of(spikes)[..., rows.offset + sources_of(indices, indptr, rows)]
    values = (spikes.astype(ct.dtype) * targets.read(ct)).sum((0, 1))
    return [values.sum(keepdims=True) if single else values]


# --- derivatives: each of the three is linear in two operands, and its cotangents are the other two ------------------


def _gathered(ct: Any, weight: Any, o: ByName, rows: Rows) -> Any:
    """The cotangent of the spikes: of the rows, as that of the whole array of spikes."""
    by_row = gather_p(ct=ct, weight=weight, **_connectivity(o), rows=rows)[0]
    by_row = by_row.reshape(*o.spikes.aval.shape[:-1], rows.n_pre)
    after = o.spikes.aval.shape[-1] - rows.offset - rows.n_pre
    return jnp.pad(by_row, [(0, 0)] * (by_row.ndim - 1) + [(rows.offset, after)])


def _multiplied(spikes: Any, ct: Any, o: ByName, rows: Rows) -> Any:
    """The cotangent of the weights."""
    return outer_p(spikes=spikes, ct=ct, **_connectivity(o), rows=rows, single=o.weight.aval.size == 1)[0]


def _scattered(spikes: Any, weight: Any, o: ByName, rows: Rows) -> Any:
    """The cotangent of what was gathered."""
    zero = jnp.zeros(o.ct.aval.shape, o.ct.aval.dtype)
    return scatter_p(spikes=spikes, weight=weight, target=zero, **_connectivity(o), rows=rows)[0]


def _connectivity(o: ByName) -> dict[str, Any]:
    return {name: x for name, x in vars(o).items() if name in ("indices", "indptr", "delay", "cursor")}


# --- batches ---------------------------------------------------------------------------------------------------------


def populations(*names: str, ring: str) -> Callable[..., list[Any]]:
    """Lanes become rows of the populations `names`, or lanes of rings; with lanes in the connectivity, one by one."""
    plain = leading_axes(*names)

    def rule(kernel: Kernel, o: ByName, axes: ByName, structure: Any) -> list[Any]:
        rows: Rows = structure["rows"]
        if rows.slots is None:
            return plain(kernel, o, axes, structure)
        if any(d is not None and name not in (*names, "cursor") for name, d in vars(axes).items()):
            return one_by_one(kernel, o, axes, structure)
        lanes = lane_count(o, axes)
        moved = {name: lane_axis(getattr(o, name), getattr(axes, name), lanes) for name in names}
        inner = rows.lanes(moved[ring].shape[1:])
        moved["cursor"] = cursors(o.cursor, axes.cursor, lanes, inner)
        return kernel.run({**vars(o), **moved}, {**structure, "rows": rows._replace(slots=rows.slots + 1)})

    return rule


def cursors(cursor: Any, axis: int | None, lanes: int, inner: int) -> Any:
    """One cursor for all lanes, or one for each, of which each of `lanes` has `inner`."""
    if axis is None and cursor.size == 1:
        return cursor
    return jnp.broadcast_to(lane_axis(cursor, axis, lanes).reshape(lanes, -1), (lanes, inner)).reshape(-1)


# --- declarations ----------------------------------------------------------------------------------------------------


def _connected(before: tuple[Operand, ...], after: tuple[Operand, ...] = ()) -> Callable[..., tuple[Operand, ...]]:
    """Operands around the connectivity, which holds delays where targets are rings."""

    def operands(rows: Rows, **_: Any) -> tuple[Operand, ...]:
        timing = () if rows.slots is None else params("delay", "cursor")
        return (*before, *params("indices", "indptr"), *timing, *after)

    return operands


def ring_attributes(target: Any, rows: Rows) -> dict[str, int]:
    """What the native code has to know of targets that are rings."""
    return {} if rows.slots is None else {"slots": target.shape[rows.slots], "lanes": rows.lanes(target.shape)}


def _attributes(target: str) -> Callable[..., dict[str, Any]]:
    def attributes(o: ByName, rows: Rows, **_: Any) -> dict[str, Any]:
        ring = ring_attributes(getattr(o, target), rows)
        return {"offset": rows.offset, "n_pre": rows.n_pre, "sorted": rows.sorted, **ring}

    return attributes


def gathered_shape(o: ByName, rows: Rows, **_: Any) -> dict[str, Any]:
    """The shape of what is gathered: one number for each row."""
    return {"gathered": jax.ShapeDtypeStruct((*rows.at_once(o.ct.shape)[:-1], rows.n_pre), o.ct.dtype)}


def _outer_shape(o: ByName, rows: Rows, single: bool) -> dict[str, Any]:
    del rows
    return {"product": jax.ShapeDtypeStruct((1,) if single else (o.indices.size,), o.ct.dtype)}


def _sums_of_blocks(o: ByName, rows: Rows, single: bool) -> list[jax.ShapeDtypeStruct]:
    """One sum for each block of threads, where all are one number."""
    del rows
    return [jax.ShapeDtypeStruct((1024 if single else 0,), o.ct.dtype)]


scatter_p = Kernel(
    "event_scatter",
    scatter_reference,
    structure=("rows",),
    operands=_connected((*inputs("spikes"), *params("weight")), state("target")),
    linear={
        "spikes": lambda ct, o, rows: _gathered(ct, o.weight, o, rows),
        "weight": lambda ct, o, rows: _multiplied(o.spikes, ct, o, rows),
    },
    adds_to="target",
    batch=populations("spikes", "target", ring="target"),
    dtypes={"target": FLOATS},
    attributes=_attributes("target"),
    scratch={"cuda": lambda o, rows: digits(o.target, rows.exact)},
    mesh=ByTarget({"target": -1}, STORED, ("spikes",)),
)
gather_p = Kernel(
    "event_gather",
    gather_reference,
    structure=("rows",),
    operands=_connected((*inputs("ct"), *params("weight"))),
    outputs=gathered_shape,
    linear={
        "ct": lambda ct, o, rows: _scattered(ct, o.weight, o, rows._replace(offset=0)),
        "weight": lambda ct, o, rows: _multiplied(ct, o.ct, o, rows._replace(offset=0)),
    },
    batch=populations("ct", ring="ct"),
    dtypes={"ct": FLOATS},
    attributes=_attributes("ct"),
    mesh=ByTarget({"ct": -1}, STORED, sums=("gathered",)),
)
outer_p = Kernel(
    "event_outer",
    _outer_reference,
    structure=("rows", "single"),
    operands=_connected(inputs("spikes", "ct")),
    outputs=_outer_shape,
    linear={
        "spikes": lambda ct, o, rows, single: _gathered(o.ct, ct, o, rows),
        "ct": lambda ct, o, rows, single: _scattered(o.spikes, ct, o, rows),
    },
    dtypes={"ct": FLOATS},
    attributes=_attributes("ct"),
    scratch={"cuda": _sums_of_blocks},
    mesh=ByTarget({"ct": -1}, (*STORED, "product"), ("spikes",)),
)
