"""Event-driven and sparse layers under the peer's names: thin fronts of `connect`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import init, random
from .._module import Module
from .._state import ParamState, State
from ..connect import Connection, FixedInDegree, FixedOutDegree, FixedProb, Rule
from ..connect._rows import rows_of
from ..connect._rule import check_prob
from ._linear import AllToAll


class EventFixedNumConn(Connection):
    """Every source has the same number of targets; work grows with the number of spikes.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of source and target | |
    | `conn_num` | targets per source: a number, or a fraction of the target population | |
    | `conn_weight` | one weight, one per synapse, or an initializer | |
    | `efferent_target` | 'post': every source has `conn_num` targets; 'pre': every target as many sources | 'post' |
    | `afferent_ratio` | probability that a source keeps its synapses; others have none | 1 |
    | `allow_multi_conn` | whether a source may reach the same target several times | True |
    | `seed` | seed of the draw | from `sl.random` |
    | `conn_init` | 'vmap' or 'for_loop', for call compatibility: synapses are drawn by native code | 'vmap' |
    | `param_type` | kind of State that holds the weights | ParamState |
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        conn_num: int | float,
        conn_weight: Any,
        efferent_target: str = "post",
        afferent_ratio: float = 1.0,
        allow_multi_conn: bool = True,
        seed: int | None = None,
        name: str | None = None,
        conn_init: str = "vmap",
        param_type: Callable[..., State] = ParamState,
    ):
        Module.__init__(self, name)
        self.in_size, self.out_size = in_size, out_size
        _check_choice("efferent_target", efferent_target, ("post", "pre"))
        _check_choice("conn_init", conn_init, ("vmap", "for_loop"))
        rule = self._rule(conn_num, efferent_target, allow_multi_conn)(conn_weight, seed=seed, param_type=param_type)
        synapses = rule.synapses(in_size, out_size)
        check_prob(afferent_ratio, f"{type(self).__name__}: afferent_ratio must lie in [0, 1]")
        if afferent_ratio < 1:
            rng = random.DEFAULT if seed is None else random.RandomState(seed)
            synapses = rows_of(synapses, np.asarray(rng.rand(self.n_pre)) < afferent_ratio)
        self._keep(synapses, param_type)

    def _rule(self, conn_num: int | float, target: str, multapses: bool) -> Callable[..., Rule]:
        """What draws the synapses, but for weights and seed."""
        rule, size = (FixedOutDegree, self.n_post) if target == "post" else (FixedInDegree, self.n_pre)
        return functools.partial(rule, _partners(conn_num, size), multapses=multapses)


class FixedNumConn(EventFixedNumConn):
    """`EventFixedNumConn` under its name for inputs that are numbers rather than spikes; it takes both."""


class EventFixedProb(EventFixedNumConn):
    """Every pair of neurons is connected with the probability `conn_num`, independently; work grows with spikes.

    A whole number as `conn_num` is a number of targets, and all parameters are those of `EventFixedNumConn`. With a
    probability, no pair is connected twice, whatever `allow_multi_conn`.
    """

    def _rule(self, conn_num: int | float, target: str, multapses: bool) -> Callable[..., Rule]:
        if isinstance(conn_num, (int, np.integer)):
            return super()._rule(conn_num, target, multapses)
        return functools.partial(FixedProb, conn_num)


class EventLinear(AllToAll):
    """Spikes, bool or graded, times a dense matrix, or times one weight for all pairs; work grows with the spikes.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of source and target, alike but for the last axis | |
    | `weight` | one weight, an array (in, out), or an initializer | |
    | `float_as_event` | for call compatibility; spikes that are numbers count as what they are | True |
    | `block_size` | for call compatibility; without effect | 64 |
    | `param_type` | kind of State that holds the weights | ParamState |
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        weight: Any,
        float_as_event: bool = True,
        block_size: int = 64,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        del float_as_event, block_size
        super().__init__(in_size, out_size, weight, None, name=name, param_type=param_type)

    def _hold(self, param_type: type, params: dict[str, Any]) -> None:
        self.weight = param_type(params["weight"])

    def _values(self) -> dict[str, Any]:
        return {"weight": self.weight.value}


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


def _check_choice(name: str, given: str, choices: tuple[str, str]) -> None:
    if given not in choices:
        raise ValueError(f"{name} must be {choices[0]!r} or {choices[1]!r}; given {given!r}.")


def _partners(conn_num: int | float, size: int) -> int:
    if isinstance(conn_num, (int, np.integer)):
        return int(conn_num)
    if not isinstance(conn_num, (float, np.floating)) or not 0.0 <= conn_num <= 1.0:
        raise ValueError(
            f"conn_num as a fraction must lie in [0, 1]; given {conn_num!r}. A number of targets is an int."
        )
    return int(conn_num * size)
