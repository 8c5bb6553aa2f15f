"""FixedProb: independent synapses, with one probability or a function of the pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import brainunit as u
import numpy as np

from .._jax import is_tracer
from ._expression import EXAMPLE, Expression, expression
from ._rule import Rule, Shared, check_flag, check_prob
from ._view import View

_LOOKED_AT = 64  # sources, for an estimate of the number of synapses


class FixedProb(Rule):
    """Every pair of neurons is connected independently (Bernoulli), with one probability or one for each pair.

    | name | meaning | default |
    |---|---|---|
    | `prob` | probability of a synapse, from 0 to 1, or a function of d, i or j as in `Rule` | |
    | `weight`, `delay`, `seed`, `positions`, `param_type` | as in `Rule` | |
    | `autapses` | whether a neuron may reach itself, as in `AllToAll` | True |

    A function is called with all pairs, block by block, so the cost grows with their number; `DistanceDependent` only
    looks at near ones.

    >>> synapses = sl.connect.FixedProb(0.1, 2.0 * u.nS, seed=1)(1000, 500)
    >>> abs(synapses.num_synapses - 50_000) < 1000
    True
    """

    rule = "fixed_prob"

    def __init__(
        self, prob: float | Callable[..., Any], weight: Any, *, autapses: bool = True, **shared: Unpack[Shared]
    ):
        super().__init__(weight, **shared)
        self.autapses = check_flag(autapses, "FixedProb: autapses")
        self.prob: float | Expression
        found = expression(prob, self.positions, "FixedProb: prob")
        if found is not None:
            self.rule, self.prob = "pair_prob", found
        elif callable(prob):
            raise TypeError(f"FixedProb: prob must be a number or a function: {EXAMPLE}; given {prob!r}.")
        else:
            self.prob = check_prob(prob, "FixedProb: prob must lie in [0, 1]")

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        own, prob = self.own(source, target), self.prob
        if not isinstance(prob, Expression):
            return {"prob": prob, "own": own}
        return {"own": own, "pairs": lambda sources, targets: _probs(prob, source, target, sources, targets)}

    def expected(self, source: View, target: View) -> float:
        pairs = source.size * target.size
        if not isinstance(self.prob, Expression):
            return pairs * self.prob
        some = np.unique(np.linspace(0, source.size - 1, _LOOKED_AT).astype(int))
        return pairs * float(_probs(self.prob, source, target, some, np.arange(target.size)).mean()) if pairs else 0.0

    def __repr__(self) -> str:
        return f"FixedProb({self.prob!r})" if isinstance(self.prob, Expression) else f"FixedProb({self.prob:g})"


def _probs(prob: Expression, source: View, target: View, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The probabilities (sources, targets) of these pairs."""
    i, j = (x.reshape(-1) for x in np.meshgrid(sources, targets, indexing="ij"))
    values = prob(source, target, i, j, known=True)
    if isinstance(values, u.Quantity) or is_tracer(values):
        raise TypeError(f"FixedProb: prob must return known numbers without a unit; it gives {values}.")
    values = np.asarray(values, np.float64)
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        pair = f"i = {source.numbers(i[wrong])[0]}, j = {target.numbers(j[wrong])[0]}"
        raise ValueError(f"FixedProb: prob must return numbers in [0, 1]; it gives {values[wrong][0]} for {pair}.")
    return values.reshape(sources.size, targets.size)
