"""Rules: how to draw the synapses between two populations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
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
        return Connection(*self.synapses(in_size, out_size), self.weight, in_size, out_size, param_type=self.param_type)

    def synapses(self, in_size: Any, out_size: Any) -> tuple[np.ndarray, np.ndarray]:
        """(indices, indptr) for populations of these shapes."""
        in_size, out_size = as_size(in_size, "source size"), as_size(out_size, "target size")
        seed = _fresh_seed() if self.seed is None else _checked_seed(self.seed)
        indices, indptr = self.draw(seed, int(np.prod(in_size)), int(np.prod(out_size)))
        if indices.size == 0:
            warnings.warn(f"{self!r} from {in_size} to {out_size} makes no synapse at all.", stacklevel=3)
        return indices, indptr

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


class FixedProb(Rule):
    """Every pair of neurons is connected with the same probability, independently (Bernoulli).

    | name | meaning | default |
    |---|---|---|
    | `prob` | probability of a synapse, from 0 to 1 | |
    | `weight` | one weight, one per synapse, or an initializer | |
    | `autapses` | whether source i may reach target i | True |
    | `seed` | seed of the draw | from `sl.random` |
    | `param_type` | kind of State that holds the weights | ParamState |
    """

    def __init__(
        self,
        prob: float,
        weight: Any,
        *,
        autapses: bool = True,
        seed: int | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        super().__init__(weight, seed, param_type)
        if not 0.0 <= prob <= 1.0:
            raise ValueError(f"FixedProb: prob must lie in [0, 1]; given {prob!r}.")
        self.prob, self.autapses = float(prob), autapses

    def draw(self, seed: int, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices, indptr) of the synapses."""
        sources, targets = np.divmod(_successes(seed, n_pre * n_post, self.prob), max(n_post, 1))
        if not self.autapses:
            sources, targets = sources[sources != targets], targets[sources != targets]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_pre))])
        return targets.astype(np.uint32), indptr

    def __repr__(self) -> str:
        return f"FixedProb({self.prob:g})"


def _successes(seed: int, trials: int, prob: float) -> np.ndarray:
    """The numbers of those among `trials` independent trials that succeed, from the gaps between them."""
    if prob == 0.0 or trials == 0:
        return np.zeros(0, np.int64)
    rng = np.random.Generator(np.random.Philox(seed))
    found, last = [], -1
    while last < trials:
        expected = (trials - last) * prob
        gaps = rng.geometric(prob, int(expected + 5 * expected**0.5) + 16)
        gaps = np.minimum(gaps, trials + 1)  # with a tiny prob their sum would not fit into 64 bits
        found.append(last + np.cumsum(gaps))
        last = int(found[-1][-1])
    positions = np.concatenate(found)
    return positions[: np.searchsorted(positions, trials)]


def _fresh_seed() -> int:
    data = np.asarray(jax.random.key_data(random.split_key()))
    return int.from_bytes(data.tobytes()[:8], "little")


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 1 << 64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1; given {seed!r}.")
    return int(seed)
