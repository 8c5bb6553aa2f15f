"""Event-driven and sparse layers under the peer's names: thin fronts of `connect`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import init
from .._state import ParamState, State
from ..connect import Connection, FixedInDegree, FixedOutDegree, FixedProb, Rule
from ._linear import AllToAll
from ._module import Module, as_size


class _Drawn(Connection):
    """A connection that draws its own synapses."""

    def __init__(self, rule: Rule, in_size: Any, out_size: Any, name: str | None):
        Module.__init__(self, name)
        self.in_size, self.out_size = in_size, out_size
        self._keep(rule.synapses(in_size, out_size), rule.param_type)


class EventFixedNumConn(_Drawn):
    """Every source has the same number of targets; work grows with the number of spikes.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of source and target | |
    | `conn_num` | targets per source: a number, or a fraction of the target population | |
    | `conn_weight` | one weight, one per synapse, or an initializer | |
    | `efferent_target` | 'post': every source has `conn_num` targets; 'pre': every target as many sources | 'post' |
    | `allow_multi_conn` | whether a source may reach the same target several times | True |
    | `seed` | seed of the draw | from `sl.random` |
    | `param_type` | kind of State that holds the weights | ParamState |
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        conn_num: int | float,
        conn_weight: Any,
        efferent_target: str = "post",
        *,
        allow_multi_conn: bool = True,
        seed: int | None = None,
        name: str | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        if efferent_target not in _RULES:
            raise ValueError(f"efferent_target must be 'post' or 'pre'; given {efferent_target!r}.")
        rule, size = _RULES[efferent_target], out_size if efferent_target == "post" else in_size
        num = _partners(conn_num, math.prod(as_size(size, "in_size or out_size")))
        drawn = rule(num, conn_weight, multapses=allow_multi_conn, seed=seed, param_type=param_type)
        super().__init__(drawn, in_size, out_size, name)


class FixedNumConn(EventFixedNumConn):
    """`EventFixedNumConn` under its name for inputs that are numbers rather than spikes; it takes both."""


class EventFixedProb(_Drawn):
    """Every pair of neurons is connected with the same probability, independently; work grows with spikes.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of source and target | |
    | `conn_num` | probability of a synapse | |
    | `conn_weight` | one weight, one per synapse, or an initializer | |
    | `seed` | seed of the draw | from `sl.random` |
    | `param_type` | kind of State that holds the weights | ParamState |
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        conn_num: float,
        conn_weight: Any,
        *,
        seed: int | None = None,
        name: str | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        super().__init__(FixedProb(conn_num, conn_weight, seed=seed, param_type=param_type), in_size, out_size, name)


class EventLinear(AllToAll):
    """Spikes times a dense matrix, or times one weight for all pairs.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of source and target, alike but for the last axis | |
    | `weight` | one weight, an array (in, out), or an initializer | |
    | `float_as_event` | for call compatibility; spikes that are numbers count as what they are | True |
    | `param_type` | kind of State that holds {'weight'} | ParamState |
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        weight: Any,
        float_as_event: bool = True,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        del float_as_event
        super().__init__(in_size, out_size, weight, None, name=name, param_type=param_type)


class SparseLinear(Module):
    """y = x W + b for a sparse matrix W (in, out) with trained entries, held by the connection `rows`.

    | name | meaning | default |
    |---|---|---|
    | `spar_mat` | W in compressed rows: a matrix of SciPy or any object with `data`, `indices`, `indptr`, `shape` | |
    | `b_init` | b: an initializer, an array, or None for no bias | None |
    | `in_size` | shape of the input | (rows of W,) |
    | `param_type` | kind of State that holds the entries, and that of the bias | ParamState |
    """

    bias: State | None

    def __init__(
        self,
        spar_mat: Any,
        b_init: Any = None,
        in_size: Any = None,
        name: str | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        rows = spar_mat.tocsr() if hasattr(spar_mat, "tocsr") else spar_mat
        if not all(hasattr(rows, part) for part in ("data", "indices", "indptr", "shape")):
            raise TypeError(f"SparseLinear takes a matrix in compressed rows; given {type(spar_mat).__name__}.")
        n_in, n_out = rows.shape
        super().__init__(name)
        self.in_size, self.out_size = n_in if in_size is None else in_size, n_out
        self.rows = Connection(rows.indices, rows.indptr, rows.data, self.in_size, n_out, param_type=param_type)
        bias = init.param(b_init, (n_out,), allow_scalar=False, name="SparseLinear: b_init")
        self.bias = None if bias is None else param_type(bias)

    def update(self, x: Any) -> Any:
        """The output x W + b."""
        y = self.rows(x)
        return y if self.bias is None else y + self.bias.value


_RULES: dict[str, type[FixedOutDegree] | type[FixedInDegree]] = {"post": FixedOutDegree, "pre": FixedInDegree}


def _partners(conn_num: int | float, size: int) -> int:
    if isinstance(conn_num, (int, np.integer)):
        return int(conn_num)
    if not isinstance(conn_num, (float, np.floating)) or not 0.0 <= conn_num <= 1.0:
        raise ValueError(
            f"conn_num as a fraction must lie in [0, 1]; given {conn_num!r}. A number of targets is an int."
        )
    return int(conn_num * size)
