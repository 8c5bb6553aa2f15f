"""The values of the last steps, for synapses with a delay each whose weights change.

    record:  ring[cursor] = values, and a list of the neurons in which they are not 0
    deliver: target[t(i, j)] += ring[cursor − d(i, j), i] w[i, j]

What a spike delivers is decided by the weight at its arrival, where an input ring buffer (`scatter_ring`) takes
that of its departure. Work grows with the values that are not 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._jax import ad, zero_tangent
from ._event import Rows, sources_of
from ._exact_sums import are_exact, digits
from ._kernel import FLOATS, ByName, Kernel, cuda_tiles, inputs, params, state
from ._rules import is_zero
from ._turned_ring import put


class History(NamedTuple):
    """Values of the last steps: `ring` (slots, n), of which each slot lists `count` (slots,) `neurons` (slots, n)."""

    ring: Any
    count: Any
    neurons: Any


def record(values: Any, cursor: Any, history: History) -> History:
    """The history with the values (n,) of a step in the slot at the cursor."""
    return History(*record_p(values=values.astype(history.ring.dtype), cursor=cursor, **history._asdict()))


def deliver(history: History, cursor: Any, weight: Any, indices: Any, indptr: Any, delay: Any, target: Any) -> Any:
    """`target` (n_post,) plus the values that arrive in the present step, times the weights (1,) or (synapses,)."""
    synapses = {"weight": weight, "indices": indices, "indptr": indptr, "delay": delay}
    return deliver_p(**history._asdict(), cursor=cursor, **synapses, target=target, exact=are_exact())[0]


def ago(ring: Any, cursor: Any, delay: Any, neurons: Any) -> Any:
    """The values of neurons `delay` steps ago."""
    return ring[(cursor - delay.astype(jnp.int32)) % ring.shape[0], neurons]


# --- reference -------------------------------------------------------------------------------------------------------


def record_reference(values: Any, cursor: Any, ring: Any, count: Any, neurons: Any) -> list[Any]:
    n = values.size
    (found,) = jnp.nonzero(values, size=n, fill_value=n)
    number = (found < n).sum(dtype=count.dtype)
    listed = jnp.where(found < n, found.astype(neurons.dtype), neurons[cursor])
    return [put(ring, cursor, values), count.at[cursor].set(number), put(neurons, cursor, listed)]


def deliver_reference(
    ring: Any, count: Any, neurons: Any, cursor: Any, weight: Any, indices: Any, indptr: Any, delay: Any, target: Any,
    *, exact: bool,
) -> list[Any]:  # fmt: skip
    del count, neurons, exact  # for native kernels
    sources = sources_of(indices, indptr, Rows(0, ring.shape[1]))
    return [target.at[indices].add(ago(ring, cursor, delay, sources) * weight)]


# --- declarations ----------------------------------------------------------------------------------------------------


def _record_jvp(kernel: Kernel, o: ByName, tangents: ByName, structure: Any) -> Any:
    """Values and ring have tangents, which are recorded as they are."""
    outs = kernel.run(vars(o), structure)
    slopes = [zero_tangent(out) for out in outs]
    if not (is_zero(tangents.values) and is_zero(tangents.ring)):
        values, ring = ad.instantiate_zeros(tangents.values), ad.instantiate_zeros(tangents.ring)
        slopes[0] = put(ring, o.cursor, values)
    return outs, slopes


record_p = Kernel(
    "history_record",
    record_reference,
    operands=(*inputs("values", "cursor"), *state("ring", "count", "neurons")),
    jvp=_record_jvp,
    dtypes={"ring": FLOATS},
    scratch={"cuda": lambda o: [jax.ShapeDtypeStruct((max(cuda_tiles(o.values.size), 1),), jnp.uint32)]},
)
deliver_p = Kernel(
    "history_deliver",
    deliver_reference,
    structure=("exact",),
    operands=(
        *inputs("ring", "count", "neurons", "cursor"),
        *params("weight", "indices", "indptr", "delay"),
        *state("target"),
    ),
    dtypes={"target": FLOATS},
    scratch={"cuda": lambda o, exact: digits(o.target, exact)},
)
