"""Rules: how to draw the synapses between two populations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import random
from .._state import ParamState, State
from ..kernels import _library
from ..nn._module import as_size
from ._connection import Connection
from ._reference import fixed_out_degree as fixed_out_degree_reference


class Rule:
    """Base of connection rules. `rule(source size, target size)` draws a `Connection`.

    The same seed gives the same synapses on every machine and for any number of threads.
    """

    def __init__(self, weight: Any, seed: int | None, param_type: Callable[..., State]):
        self.weight, self.seed, self.param_type = weight, seed, param_type

    def __call__(self, in_size: Any, out_size: Any) -> Connection:
        in_size, out_size = as_size(in_size, "source size"), as_size(out_size, "target size")
        seed = _fresh_seed() if self.seed is None else _checked_seed(self.seed)
        indices, indptr = self.draw(seed, int(np.prod(in_size)), int(np.prod(out_size)))
        return Connection(indices, indptr, self.weight, in_size, out_size, param_type=self.param_type)

    def draw(self, seed: int, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices, indptr) of the synapses; indptr is empty if all rows are equally long."""
        raise NotImplementedError


class FixedOutDegree(Rule):
    """Every source has the same number of targets, drawn uniformly.

    | name | meaning | default |
    |---|---|---|
    | `num` | targets per source | |
    | `weight` | one weight, one per synapse, or an initializer | |
    | `multapses` | whether a source may reach the same target several times | True |
    | `autapses` | whether source i may reach target i | True |
    | `seed` | seed of the draw | from `sl.random` |
    | `param_type` | kind of State that holds the weights | ParamState |

    Raises ValueError if `num` distinct targets are asked for and there are fewer.
    """

    def __init__(
        self,
        num: int,
        weight: Any,
        *,
        multapses: bool = True,
        autapses: bool = True,
        seed: int | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        super().__init__(weight, seed, param_type)
        if isinstance(num, bool) or not hasattr(num, "__index__") or num < 0:
            raise ValueError(f"FixedOutDegree: num must be a number of targets, not negative; given {num!r}.")
        self.num, self.multapses, self.autapses = int(num), multapses, autapses

    def draw(self, seed: int, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
        build = fixed_out_degree_reference if _library.native is None else _library.native.fixed_out_degree
        return build(seed, n_pre, n_post, self.num, self.multapses, self.autapses), np.zeros(0, np.int32)

    def __repr__(self) -> str:
        return f"FixedOutDegree({self.num})"


def _fresh_seed() -> int:
    return int.from_bytes(np.asarray(random.split_key(), np.uint32).tobytes(), "little")


def _checked_seed(seed: int) -> int:
    if not 0 <= int(seed) < 1 << 64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1; given {seed!r}.")
    return int(seed)
