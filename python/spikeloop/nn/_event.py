"""Event-driven layers under the peer's names: thin fronts of the rules in `connect`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._state import ParamState, State
from ..connect import Connection, FixedOutDegree, FixedProb, Rule
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
        *,
        allow_multi_conn: bool = True,
        seed: int | None = None,
        name: str | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        num = _targets(conn_num, int(np.prod(as_size(out_size, "out_size"))))
        rule = FixedOutDegree(num, conn_weight, multapses=allow_multi_conn, seed=seed, param_type=param_type)
        super().__init__(rule, in_size, out_size, name)


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


def _targets(conn_num: int | float, n_post: int) -> int:
    if isinstance(conn_num, (int, np.integer)):
        return int(conn_num)
    if not 0.0 <= conn_num <= 1.0:
        raise ValueError(f"conn_num as a fraction must lie in [0, 1]; given {conn_num}. A number of targets is an int.")
    return int(conn_num * n_post)
