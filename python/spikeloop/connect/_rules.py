"""Rules of degrees and probabilities."""

from __future__ import annotations

import math
from typing import Any, Unpack

from ._rule import Rule, Shared, check_count, check_prob


class OneToOne(Rule):
    """Source i reaches target i; the populations are of one size. Parameters as in `Rule`."""

    rule = "one_to_one"

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        check_same_size(self, in_size, out_size)
        return {}

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_pre

    def __repr__(self) -> str:
        return "OneToOne()"


class AllToAll(Rule):
    """Every source reaches every target.

    `autapses=False` leaves out the synapses from neuron i to neuron i. The rest is as in `Rule`.
    """

    rule = "all_to_all"

    def __init__(self, weight: Any, *, autapses: bool = True, **shared: Unpack[Shared]):
        super().__init__(weight, **shared)
        self.autapses = autapses

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        return {"autapses": self.autapses}

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_pre * n_post

    def __repr__(self) -> str:
        return "AllToAll()"


class FixedProb(Rule):
    """Every pair of neurons is connected with the same probability, independently (Bernoulli).

    | name | meaning | default |
    |---|---|---|
    | `prob` | probability of a synapse, from 0 to 1 | |
    | `weight`, `delay`, `seed`, `param_type` | as in `Rule` | |
    | `autapses` | whether source i may reach target i | True |
    """

    rule = "fixed_prob"

    def __init__(self, prob: float, weight: Any, *, autapses: bool = True, **shared: Unpack[Shared]):
        super().__init__(weight, **shared)
        self.prob, self.autapses = check_prob(prob, "FixedProb: prob"), autapses

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        return {"prob": self.prob, "autapses": self.autapses}

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_pre * n_post * self.prob

    def __repr__(self) -> str:
        return f"FixedProb({self.prob:g})"


class _FixedNumber(Rule):
    counted: str

    def __init__(
        self, num: int, weight: Any, *, multapses: bool = True, autapses: bool = True, **shared: Unpack[Shared]
    ):
        super().__init__(weight, **shared)
        self.num = check_count(num, f"{type(self).__name__}: num must be a number of {self.counted}")
        self.multapses, self.autapses = multapses, autapses

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        return {"num": self.num, "multapses": self.multapses, "autapses": self.autapses}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num})"


class FixedOutDegree(_FixedNumber):
    """Every source has the same number of targets, drawn uniformly.

    | name | meaning | default |
    |---|---|---|
    | `num` | targets per source | |
    | `weight`, `delay`, `seed`, `param_type` | as in `Rule` | |
    | `multapses` | whether a source may reach the same target several times | True |
    | `autapses` | whether source i may reach target i | True |

    Raises ValueError if `num` distinct targets are asked for and there are fewer.
    """

    rule, counted = "fixed_out_degree", "targets"

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_pre * self.num


class FixedInDegree(_FixedNumber):
    """Every target has the same number of sources, drawn uniformly.

    `num` is the number of sources per target; the rest is as in `FixedOutDegree`.
    """

    rule, counted = "fixed_in_degree", "sources"

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_post * self.num


class FixedTotalNumber(_FixedNumber):
    """A fixed number of synapses in all, each between a pair drawn uniformly.

    `num` is the number of synapses; the rest is as in `FixedOutDegree`.
    """

    rule, counted = "fixed_total_number", "synapses"

    def expected(self, n_pre: int, n_post: int) -> float:
        return self.num


class SmallWorld(Rule):
    """A ring in which every neuron reaches its `num` nearest neighbours; with probability `prob` a synapse is rewired.

    A rewired synapse keeps its source and gets a target drawn uniformly among those not yet reached.

    | name | meaning | default |
    |---|---|---|
    | `num` | neighbours, an even number, half of them on each side | |
    | `prob` | probability that a synapse is rewired | |
    | `weight`, `delay`, `seed`, `param_type` | as in `Rule` | |

    Watts DJ, Strogatz SH (1998) Collective dynamics of 'small-world' networks. Nature 393, 440–442; here for directed
    synapses.
    """

    rule = "small_world"

    def __init__(self, num: int, prob: float, weight: Any, **shared: Unpack[Shared]):
        super().__init__(weight, **shared)
        self.num = check_count(num, "SmallWorld: num must be a number of neighbours")
        self.prob = check_prob(prob, "SmallWorld: prob")
        if self.num % 2:
            raise ValueError(f"SmallWorld: num must be even, half of it on each side; given {num}.")

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        n = check_same_size(self, in_size, out_size)
        if 0 < n <= self.num:
            raise ValueError(f"{self!r}: {n} neurons have at most {n - 1} neighbours; num must be smaller than {n}.")
        return {"num": self.num, "prob": self.prob}

    def expected(self, n_pre: int, n_post: int) -> float:
        return n_pre * self.num

    def __repr__(self) -> str:
        return f"SmallWorld({self.num}, {self.prob:g})"


def check_same_size(rule: Rule, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> int:
    """The number of neurons of both populations."""
    n_pre, n_post = math.prod(in_size), math.prod(out_size)
    if n_pre != n_post:
        raise ValueError(f"{rule!r} needs populations of one size; given {in_size} and {out_size}.")
    return n_pre
