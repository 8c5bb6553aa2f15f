"""Procedural connectivity: synapses that are drawn again from the seed at every spike, and never stored."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._state import State, value_of
from ..kernels import _procedural as kernel
from ..kernels._event import Rows
from ..kernels._turned_ring import turn
from ._connection import Connection
from ._connectivity import Connectivity
from ._delays import steps_of
from ._describe import Description, delay_text, weight_text
from ._memory import check_fits, readable
from ._pairs import Pairs
from ._reference import most_steps
from ._rows import check_population, weights_of
from ._rule import Rule, Values
from ._spec import Spec, Synapses, build
from ._view import View, as_view

_INSTEAD = {
    "fixed_in_degree": "FixedOutDegree, which gives every source as many targets",
    "fixed_total_number": "FixedProb, which gives as many synapses on average",
}
_LONGEST = 65535  # steps


class Procedural(Rule):
    """A rule whose synapses are not stored: rows are drawn again from the seed whenever their source spikes.

    `Procedural(rule)(source, target)` is a `ProceduralConnection`; it delivers what `rule(source, target)` does, to
    the bit, with more time for each synaptic event and no memory. In a projection it stands where rules do.

    | name | meaning |
    |---|---|
    | `of` | `FixedOutDegree`, `FixedProb`, `AllToAll` or `OneToOne`, whose rows do not depend on each other |

    Weights and delays are one for all, or a distribution as in `Rule`. Raises TypeError for other rules and ShapeError
    for arrays of weights or delays.

    >>> large = sl.connect.Procedural(sl.connect.FixedOutDegree(1000, 0.1 * u.nS))(100_000, 100_000)
    >>> f"{large.num_synapses:,} synapses, none of them stored"
    '100,000,000 synapses, none of them stored'

    Knight JC, Nowotny T (2021) Larger GPU-accelerated brain simulations with procedural connectivity. Nature
    Computational Science 1, 136–142.
    """

    def __init__(self, of: Rule):
        if not isinstance(of, Rule) or isinstance(of, Procedural):
            raise TypeError(f"Procedural takes a rule of connect, such as FixedProb(0.1, weight); given {of!r}.")
        name = getattr(of, "rule", None)
        if name not in kernel.RULES:
            instead = _INSTEAD.get(str(name), f"{type(of).__name__} without Procedural, which stores them")
            raise TypeError(f"Procedural cannot draw the rows of {of!r} one by one. Use {instead}.")
        super().__init__(of.weight, delay=of.delay, seed=of.seed, param_type=of.param_type)
        self.of = of

    def __call__(self, source: Any, target: Any) -> ProceduralConnection:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ProceduralConnection(self.of, source, target)

    def with_delay(self, delay: Any, where: str) -> Rule:
        return Procedural(self.of.with_delay(delay, where))

    def build(self, source: View, target: View, targets: range | None = None) -> Synapses:
        return self.of.build(source, target, targets)

    def draws_ranges(self) -> bool:
        return False  # none are stored

    def __repr__(self) -> str:
        return f"Procedural({self.of!r})"


@dataclasses.dataclass(frozen=True)
class _Drawn(Spec):
    """A Spec that the kernels take; `arrays` is what they need where nothing native is there to draw."""

    def arrays(self) -> tuple[Any, ...]:
        found = build(self)
        weight = np.ones(1) if found.weight is None else found.weight
        return jnp.asarray(weight), jnp.asarray(found.indices), jnp.asarray(found.indptr), found.delay


class ProceduralConnection(Connectivity):
    """Synapses of a rule that are drawn again whenever they are needed; called as a `Connection` is.

    | attribute | meaning |
    |---|---|
    | `weight` | State with the weight of all synapses; of weights that are drawn, a factor in their unit, 1 at first |
    | `delay` | None, a number of steps for all, or the distribution |
    | `seed` | seed of the draw |
    | `dt` | time step in ms that delays were counted in; None if they were given in steps |
    | `num_synapses` | the number of synapses to expect |
    """

    def __init__(self, rule: Rule, in_size: Any, out_size: Any, *, name: str | None = None):
        super().__init__(name)
        source, target = as_view(in_size, "source size"), as_view(out_size, "target size")
        self.in_size, self.out_size = source.varshape, target.varshape
        self.rule = rule
        check_population(self.n_pre, "source size")
        check_population(self.n_post, "target size")
        weight, delay = rule.weights(), rule.delays()
        spec = rule.spec(source, target, weight.draw, delay.draw)
        if isinstance(spec.own, np.ndarray):
            raise TypeError(
                f"Procedural: {rule!r} without autapses needs a slice of the population as source; given a list of "
                "neurons. Use the rule without Procedural, which stores its synapses."
            )
        if spec.rule != "one_to_one":  # one row, as a check of the numbers
            build(dataclasses.replace(spec, n_pre=min(spec.n_pre, 1), own=None))
        self._drawn = _Drawn(**{f.name: getattr(spec, f.name) for f in dataclasses.fields(spec)})
        self.seed = spec.seed
        pairs = Pairs(source, target, 1, lambda: (np.zeros(1, int), np.zeros(1, int)))  # one value for all
        one = _one_weight(rule, weight, pairs)
        with jax.ensure_compile_time_eval():  # also within a trace the weight is known
            self.weight = rule.param_type(jax.tree.map(lambda leaf: jnp.asarray(leaf, environ.dftype()), one))
        self.delay, self.dt, self.longest_delay = _one_delay(rule, delay, pairs)
        self._expected = round(rule.expected(source, target))
        if self.num_synapses == 0:
            warnings.warn(f"{rule!r} from {self.in_size} to {self.out_size} makes no synapse at all.", stacklevel=3)

    @property
    def num_synapses(self) -> int:
        """The expected number of synapses."""
        return self._expected

    def _add(self, spikes: Any, weight: Any, target: Any) -> Any:
        return kernel.scatter(spikes.astype(target.dtype) * weight, target, self.n_pre, self._drawn)

    def _add_oldest(self, spikes: Any, weight: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        past, late = turn(spikes, cursor, past, Rows(0, self.n_pre, slots=0))
        return past, self._add(late, weight, target)

    def _add_later(self, spikes: Any, weight: Any, cursor: Any, ring: Any) -> Any:
        return kernel.scatter_ring(spikes.astype(ring.dtype) * weight, cursor, ring, self.n_pre, self._drawn)

    def stored(self) -> Connection:
        """The connection with these synapses stored; its weights are a State of their own."""
        spec = self._drawn
        check_fits(f"{self.rule!r} from {self.in_size} to {self.out_size}", self.num_synapses, self.n_pre, self.n_post,
                   *self._bytes())  # fmt: skip
        found = build(spec)
        weight = self.weight.value if found.weight is None else self.weight.value * found.weight
        delay = self.delay if found.delay is None else found.delay
        synapses = Synapses(found.indices, found.indptr, weight, delay, self.dt)
        return Connection.of(synapses, self.in_size, self.out_size, param_type=type(self.weight))

    def describe(self) -> Description:
        """A table of the rule, weights and delays, and of the memory that is saved."""
        n, (weight, delay) = self.num_synapses, self._bytes()
        size = n * ((2 if self.n_post <= 1 << 16 else 4) + weight + delay)
        rows = [
            ("synapses", f"about {n:,}, drawn by {self.rule!r} from the seed {self.seed} at every spike"),
            ("weight", weight_text(self.weight.value) if self._drawn.weight is None else repr(self.rule.weight)),
            ("delay", repr(self.rule.delay) if self.has_own_delays else delay_text(self)),
            ("memory", f"nothing is stored; {readable(size)} would be"),
        ]
        return Description(self, rows)

    def _bytes(self) -> tuple[int, int]:
        """Of the weight and of the delay of each synapse, were it stored."""
        spec = self._drawn
        steps = 0 if spec.delay is None else 1 if self.longest_delay <= 255 else 2
        return (0 if spec.weight is None else 8 if spec.wide else 4), steps


def _one_weight(rule: Rule, weight: Values, pairs: Pairs) -> Any:
    if weight.draw is not None:
        return jnp.asarray(1.0) if weight.unit.is_unitless else u.Quantity(1.0, unit=weight.unit)
    if callable(weight.given) and not isinstance(weight.given, State):
        raise TypeError(
            f"Procedural: {type(rule).__name__}: weight {weight.given!r} cannot be drawn one by one. Use one number, "
            "or init.Uniform, Normal, TruncatedNormal, LogNormal, Exponential with single numbers, in 32 or 64 bits."
        )
    where = f"Procedural: {type(rule).__name__}: weight"
    if (shape := jnp.shape(value_of(weight.given))) not in ((), (1,)):
        raise ShapeError(f"{where} must be one number or a distribution; given shape {shape}.")
    found = weights_of(weight.given, pairs, where)
    return found if np.ndim(u.get_mantissa(found)) == 0 else found.reshape(())


def _one_delay(rule: Rule, delay: Values, pairs: Pairs) -> tuple[Any, float | None, int]:
    """(delay, dt in ms, longest delay in steps)."""
    where = f"Procedural: {type(rule).__name__}: delay"
    if delay.draw is not None:
        longest = most_steps(delay.draw)
        if longest > _LONGEST:
            raise ValueError(f"{where}: {rule.delay!r} can be longer than {_LONGEST} steps. Use init.Clipped.")
        return delay.draw, delay.unit, longest
    if callable(delay.given):
        raise TypeError(f"{where} {delay.given!r} cannot be drawn one by one. Use one time, or a distribution of init.")
    if np.size(u.get_mantissa(delay.given)) > 1:
        raise ShapeError(f"{where} must be one time or a distribution; given shape {np.shape(delay.given)}.")
    steps, dt = steps_of(delay.given, None, pairs, where)
    steps = None if steps is None else int(np.reshape(steps, ()))
    return steps, dt, steps or 0
