"""Let event kernels read a part of a population in place.

`proj(spikes[:n])` records a slice, which XLA would copy before the kernel reads it. The kernel can start at an offset,
so the slice and its copy go away.
"""

from __future__ import annotations

from typing import Any

from .._jax import ClosedJaxpr
from ._event import Rows, scatter_p
from ._ring import relay_p
from ._spike_queue import enqueue_p
from ._turned_ring import turn_p

# They read their first operand from an offset on.
_READERS = [kernel.primitive for kernel in (scatter_p, relay_p, enqueue_p, turn_p)]


def fold_slices(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` with every slice along the last axis folded into the event kernels that read it."""
    parts: dict[Any, tuple[Any, int]] = {}
    eqns = []
    for eqn in closed.jaxpr.eqns:
        if eqn.primitive.name == "slice" and (start := _start(eqn)) is not None:
            parts[eqn.outvars[0]] = (eqn.invars[0], start)
        elif eqn.primitive in _READERS and _is_var(eqn.invars[0]) and eqn.invars[0] in parts:
            whole, start = parts[eqn.invars[0]]
            rows: Rows = eqn.params["rows"]
            moved = rows._replace(offset=rows.offset + start)
            eqn = eqn.replace(invars=[whole, *eqn.invars[1:]], params={**eqn.params, "rows": moved})
        eqns.append(eqn)
    return ClosedJaxpr(closed.jaxpr.replace(eqns=eqns), closed.consts) if parts else closed


def _is_var(atom: Any) -> bool:
    return not hasattr(atom, "val")  # literals are not hashable


def _start(eqn: Any) -> int | None:
    """Where a slice begins if it cuts only the last axis, without gaps."""
    shape = eqn.invars[0].aval.shape
    starts, limits, strides = (eqn.params[k] for k in ("start_indices", "limit_indices", "strides"))
    whole = all(s == 0 and end == n for s, end, n in zip(starts[:-1], limits[:-1], shape[:-1], strict=True))
    dense = strides is None or all(stride == 1 for stride in strides)
    return starts[-1] if shape and whole and dense and _is_var(eqn.invars[0]) else None
