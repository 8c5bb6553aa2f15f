"""The synapses of each target, found once when a rule is attached."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ..connect import Connection
from ..connect._rows import sources_of
from ..connect._spec import order
from ..kernels._plastic import Columns

_SHORT = 1 << 16  # sources that 16 bits can tell apart


def checked_number(connection: Connection) -> int:
    """The number of synapses, whose places must fit into 32 bits."""
    if (nnz := connection.num_synapses) >= 1 << 32:
        raise ValueError(f"{connection.path}: plasticity can have at most 2**32 synapses; given {nnz}.")
    return nnz


def columns_of(connection: Connection, short: int = _SHORT) -> Columns:
    """Where the synapses of each target stand among the weights: six bytes each, four of more than `short` sources."""
    n_pre, n_post, nnz = connection.n_pre, connection.n_post, checked_number(connection)
    if (parts := getattr(connection, "parts", None)) is not None:
        places, ends, sources = parts.columns(short)
        return Columns(places, ends, sources, 0)
    indices, indptr = np.asarray(connection.indices), np.asarray(connection.indptr)
    sources = sources_of(indices, indptr, n_pre)
    ends, places = order(indices.astype(np.uint32), sources, None, n_post)
    places = places.astype(np.uint32)
    if n_pre <= short:
        return Columns(jnp.asarray(places), jnp.asarray(ends), jnp.asarray(sources[places].astype(np.uint16)), 0)
    shift = max(int(np.log2(max(nnz // n_pre, 1))), 0)
    first = sources[:: 1 << shift].copy()
    return Columns(jnp.asarray(places), jnp.asarray(ends), jnp.asarray(first), shift)
