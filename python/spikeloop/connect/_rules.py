"""Rules of degrees and probabilities."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ._rule import Rule, Shared, check_count, check_flag, check_prob
from ._view import View, has_own, own_places


class OneToOne(Rule):
    """Source i reaches target i; the populations are of one size. Parameters as in `Rule`.

    Neurons of parts count from 0: the first neuron of one part reaches the first of the other. The layer is
    `nn.OneToOne`.

    >>> sl.connect.OneToOne(2.0 * u.nS)(3, 3).indices.tolist()
    [0, 1, 2]
    """

    rule, is_drawn = "one_to_one", False

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        check_same_size(self, source, target)
        return {}

    def expected(self, source: View, target: View) -> float:
        return source.size

    def __repr__(self) -> str:
        return "OneToOne()"


class AllToAll(Rule):
    """Every source reaches every target.

    `autapses=False` leaves out the synapses from a neuron to itself, also between parts of one population. Two sizes
    mean one population; two populations have no autapses. The rest is as in `Rule`. The layer with a dense matrix is
    `nn.AllToAll`.

    >>> sl.connect.AllToAll(2.0 * u.nS, autapses=False)(3, 3).num_synapses
    6
    """

    rule, is_drawn = "all_to_all", False

    def __init__(self, weight: Any, *, autapses: bool = True, **shared: Unpack[Shared]):
        super().__init__(weight, **shared)
        self.autapses = check_flag(autapses, "AllToAll: autapses")

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        return {"own": self.own(source, target)}

    def expected(self, source: View, target: View) -> float:
        return source.size * target.size

    def __repr__(self) -> str:
        return "AllToAll()"


class _FixedNumber(Rule):
    counted: str

    def __init__(
        self, num: int, weight: Any, *, multapses: bool = True, autapses: bool = True, **shared: Unpack[Shared]
    ):
        super().__init__(weight, **shared)
        self.num = check_count(num, f"{type(self).__name__}: num must be a number of {self.counted}")
        self.multapses = check_flag(multapses, f"{type(self).__name__}: multapses")
        self.autapses = check_flag(autapses, f"{type(self).__name__}: autapses")

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        own = self.own(source, target)
        self.check_available(*((target, source) if self.by_target else (source, target)), own)
        return {"num": self.num, "multapses": self.multapses, "own": own}

    def check_available(self, neurons: View, partners: View, own: range | np.ndarray | None) -> None:
        """Refuse more partners of a neuron than there are."""
        available = partners.size - has_own(own, partners.size)
        if neurons.size and self.num and (available == 0 or (not self.multapses and self.num > available)):
            raise ValueError(f"{self!r}: {self.num} distinct {self.counted} asked for, but there are only {available}.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num})"


class FixedOutDegree(_FixedNumber):
    """Every source has the same number of targets, drawn uniformly.

    | name | meaning | default |
    |---|---|---|
    | `num` | targets per source | |
    | `weight`, `delay`, `seed`, `positions`, `param_type` | as in `Rule` | |
    | `multapses` | whether a source may reach the same target several times | True |
    | `autapses` | whether a neuron may reach itself, as in `AllToAll` | True |

    Raises ValueError if `num` distinct targets are requested and fewer exist.

    >>> sl.connect.FixedOutDegree(10, 2.0 * u.nS)(3, 100).out_degree.tolist()
    [10, 10, 10]
    """

    rule, counted = "fixed_out_degree", "targets"

    def expected(self, source: View, target: View) -> float:
        return source.size * self.num


class FixedInDegree(_FixedNumber):
    """Every target has the same number of sources, drawn uniformly.

    `num` is the number of sources per target; the rest is as in `FixedOutDegree`.

    >>> sl.connect.FixedInDegree(10, 2.0 * u.nS)(100, 3).in_degree.tolist()
    [10, 10, 10]
    """

    rule, counted, by_target = "fixed_in_degree", "sources", True

    def expected(self, source: View, target: View) -> float:
        return target.size * self.num


class FixedTotalNumber(_FixedNumber):
    """A fixed number of synapses in all, each between a pair drawn uniformly.

    `num` is the number of synapses; the rest is as in `FixedOutDegree`.

    >>> sl.connect.FixedTotalNumber(1000, 2.0 * u.nS)(100, 50).num_synapses
    1000
    """

    rule, counted = "fixed_total_number", "synapses"

    def check_available(self, neurons: View, partners: View, own: range | np.ndarray | None) -> None:
        """Left to the builder, which counts the pairs."""

    def expected(self, source: View, target: View) -> float:
        return self.num


class SmallWorld(Rule):
    """A ring in which every neuron reaches its `num` nearest neighbours; with probability `prob` a synapse is rewired.

    A rewired synapse keeps its source and gets a target drawn uniformly among those not yet reached. Neurons of a part
    count from 0.

    | name | meaning | default |
    |---|---|---|
    | `num` | neighbours, an even number, half of them on each side | |
    | `prob` | probability that a synapse is rewired | |
    | `weight`, `delay`, `seed`, `positions`, `param_type` | as in `Rule` | |

    Watts DJ, Strogatz SH (1998) Collective dynamics of 'small-world' networks. Nature 393, 440–442; here for directed
    synapses.
    """

    rule = "small_world"

    def __init__(self, num: int, prob: float, weight: Any, **shared: Unpack[Shared]):
        super().__init__(weight, **shared)
        self.num = check_count(num, "SmallWorld: num must be a number of neighbours")
        self.prob = check_prob(prob, "SmallWorld: prob must lie in [0, 1]")
        if self.num % 2:
            raise ValueError(f"SmallWorld: num must be even, half of it on each side; given {num}.")

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        n = check_same_size(self, source, target)
        known = source.population is not None and target.population is not None
        own = own_places(source, target, repr(self)) if known else None
        if own is not None and has_own(own, n) and not np.array_equal(own, range(n)):
            raise ValueError(f"{self!r} connects a part with itself or with another one; given two that overlap.")
        if 0 < n <= self.num:
            raise ValueError(f"{self!r}: {n} neurons have at most {n - 1} neighbours; num must be smaller than {n}.")
        return {"num": self.num, "prob": self.prob}

    def expected(self, source: View, target: View) -> float:
        return source.size * self.num

    def __repr__(self) -> str:
        return f"SmallWorld({self.num}, {self.prob:g})"


def check_same_size(rule: Rule, source: View, target: View) -> int:
    """The number of neurons of both populations."""
    if source.size != target.size:
        raise ValueError(f"{rule!r} needs populations of one size; given {source.varshape} and {target.varshape}.")
    return source.size
