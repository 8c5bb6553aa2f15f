"""What all rules share: sizes, seed, weights and delays, and the check of memory."""

from __future__ import annotations

import copy
import dataclasses
import operator
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypedDict

import brainunit as u
import jax
import numpy as np

from .. import environ, random
from .._jax import is_tracer
from .._keywords import NamesKeywords
from .._state import ParamState, State, value_of
from ..delays._steps import delay_times
from ..random._units import attach
from ._connection import Connection
from ._delays import steps_of, time_step
from ._draws import Draw, draw_of
from ._expression import expression
from ._given_on_gpu import PairsOnGpu, ordered_on_gpu
from ._memory import check_fits
from ._on_gpu import Part, built_on_gpu
from ._pairs import Pairs
from ._positions import Positions
from ._rows import check_population, check_range, ordered, pairs_of, split_weight, weights_of
from ._spec import Spec, Synapses, build
from ._view import View, as_view, own_places


class Shared(TypedDict, total=False):
    """The keywords of all rules."""

    delay: Any
    seed: int | None
    positions: Positions | None
    param_type: Callable[..., State]


class Rule(NamesKeywords):
    """Base of connection rules. `rule(source, target)` draws a `Connection` between two populations, parts or sizes.

    The same seed gives the same synapses on every machine and for any number of threads. All rules take:

    | name | meaning | default |
    |---|---|---|
    | `weight` | a number, an array of a shape as below, an initializer, or a function of d, i or j | |
    | `delay` | likewise, as times; rounded to steps of dt | none |
    | `seed` | seed of the draw | from `sl.random` |
    | `positions` | where the neurons are, for functions of the distance d | unknown |
    | `param_type` | kind of State that holds the weights | ParamState |

    Arrays of weights or delays have the shape (synapses,) in the order of the rows, (sources, 1) for each source,
    (1, targets) for each target, or (sources, targets) for each pair. Functions such as `lambda d: ...`,
    `lambda i, j: ...` or `lambda d, i, j: ...` are called once with arrays over all synapses; i and j are the numbers
    of source and target in their populations, also where parts of these are connected.

    Weights and delays of `init.Uniform`, `Normal`, `TruncatedNormal`, `LogNormal`, `Exponential` and `Clipped` ones
    are drawn while the synapses are built, without further memory; a drawn delay is one step at least. Raises
    MemoryError before building what will not fit.

    `rule(source, target, targets=(lo, hi))` builds the synapses that reach targets lo to hi − 1 of `target`, as targets
    0 to hi − lo − 1: those of the whole, by work for the part alone. An array of weights or delays (synapses,) then
    has those of the part.
    """

    autapses: bool = True
    is_drawn: ClassVar[bool] = True
    """Whether which synapses there are depends on the seed."""
    by_target: ClassVar[bool] = False
    """Whether the rule draws the sources of a target, rather than the targets of a source."""

    def __init__(
        self,
        weight: Any,
        *,
        delay: Any = None,
        seed: int | None = None,
        positions: Positions | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        where = type(self).__name__
        if positions is not None and not isinstance(positions, Positions):
            raise TypeError(f"{where}: positions must be sl.connect.Positions(...); given {positions!r}.")
        self.weight, self.delay, self.seed, self.positions = weight, delay, seed, positions
        self.param_type = param_type
        if expression(weight, positions, f"{where}: weight") is None and not callable(weight):
            split_weight(value_of(weight), f"{where}: weight")
        expression(delay, positions, f"{where}: delay")

    def __call__(self, source: Any, target: Any, *, targets: tuple[int, int] | None = None) -> Connection:
        source, target = as_view(source, "source size"), as_view(target, "target size")
        synapses = self.synapses(source, target, targets=targets)
        out_size = target.varshape if targets is None else (targets[1] - targets[0],)
        return Connection.of(synapses, source.varshape, out_size, param_type=self.param_type)

    def synapses(self, source: Any, target: Any, *, targets: tuple[int, int] | None = None) -> Synapses:
        """The synapses between two populations, parts or sizes; with `targets`, those that reach lo … hi − 1.

        Sources are counted over all of them, targets from lo on.
        """
        source, target = as_view(source, "source size"), as_view(target, "target size")
        for what, neurons in (("source", source), ("target", target)):
            check_population(neurons.size, f"{self!r}: {what} size")
        wanted = None if targets is None else check_range(targets, target.size, f"{self!r}: targets")
        synapses = built_on_gpu(self, source, target, wanted)
        synapses = self.build(source, target, wanted) if synapses is None else synapses
        if targets is None and synapses.indices.size == 0:
            self.warn_of_none(source, target)
        return synapses

    def warn_of_none(self, source: View, target: View) -> None:
        """Warn that there is no synapse."""
        warnings.warn(f"{self!r} from {source.varshape} to {target.varshape} makes no synapse at all.", stacklevel=4)

    def draws_ranges(self) -> bool:
        """Whether the synapses of a range of targets can be drawn without the others."""
        given = self.weights().given, self.delays().given
        return not any(_is_drawn_whole(x, self.positions) or _is_list(x) for x in given)

    def seeded(self) -> Rule:
        """The rule with a seed, so that it draws the same synapses whenever it is called."""
        if self.seed is not None or not (self.is_drawn or self.weights().draw or self.delays().draw):
            return self
        new = copy.copy(self)
        new.seed = _fresh_seed(self)
        return new

    def build(self, source: View, target: View, targets: range | None = None) -> Synapses:
        """The synapses, from the builder; with `targets`, those that reach this range of targets."""
        weight, delay = self.weights(), self.delays()
        if targets is not None:
            self.check_values_of_range()
        wanted = range(target.size) if targets is None else targets
        what = f"{self!r} from {source.varshape} to {target.varshape}"
        expected = self.expected(source, target) * len(wanted) / max(target.size, 1)
        check_fits(what, expected, source.size, len(wanted), weight.bytes, delay.bytes)
        found = build(dataclasses.replace(self.spec(source, target, weight.draw, delay.draw), targets=targets))
        return self.completed(found, pairs_of(found.indices, found.indptr, source, target, wanted.start))

    def check_values_of_range(self) -> None:
        """Refuse values that are drawn for all synapses together, where only some are built."""
        for value, name in ((self.weights().given, "weight"), (self.delays().given, "delay")):
            if _is_drawn_whole(value, self.positions):
                raise TypeError(
                    f"{type(self).__name__}: {name}: {value!r} cannot be drawn for a range of targets alone. Use one "
                    "of init.Uniform, Normal, TruncatedNormal, LogNormal, Exponential or Clipped ones in 32 or 64 "
                    "bits, or a function of d, i or j."
                )

    def completed(self, found: Synapses, pairs: Pairs) -> Synapses:
        """The synapses from a builder, with the weights and delays that are not drawn."""
        weight, delay, where = self.weights(), self.delays(), type(self).__name__
        if weight.draw is not None:
            found = found._replace(weight=attach(found.weight, weight.unit))
        else:
            found = found._replace(weight=weights_of(weight.given, pairs, f"{where}: weight", self.positions))
        if delay.draw is not None:
            return found._replace(dt=delay.unit)
        steps, dt = steps_of(delay.given, None, pairs, f"{where}: delay", self.positions)
        found = found._replace(delay=steps, dt=dt)
        in_order = ordered_on_gpu if isinstance(pairs, PairsOnGpu) else ordered
        return found if np.ndim(found.delay) == 0 else in_order(found, pairs.source.size)

    def parts(self, source: View, target: View, wanted: range) -> list[Part]:
        """The rules that make the synapses to these targets, by source, then by target.

        Empty if this kind of rule builds otherwise.
        """
        return [Part(self, source, target, wanted, 0, 0)] if type(self).build is Rule.build else []

    def spec(self, source: View, target: View, weight: Draw | None, delay: Draw | None) -> Spec:
        """The specification for the builder."""
        drawn = self.is_drawn or weight is not None or delay is not None
        seed = (_fresh_seed(self) if drawn else 0) if self.seed is None else _checked_seed(self.seed)
        spec = Spec(self.rule, seed, source.size, target.size, weight=weight, delay=delay, wide=_wide())
        return dataclasses.replace(spec, **self.numbers(source, target))

    def with_delay(self, delay: Any, where: str) -> Rule:
        """A copy of this rule with the delay that a projection was given."""
        if self.delay is not None:
            raise ValueError(f"{where}: delays are given twice, here and by the rule {self!r}; remove one of them.")
        new = copy.copy(self)
        new.delay = delay
        return new

    rule: str
    """The name of the rule among the builders."""

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        """What the builder needs to know besides sizes, and checks of it."""
        raise NotImplementedError(f"{type(self).__name__} does not define numbers(source, target).")

    def expected(self, source: View, target: View) -> float:
        """The number of synapses to expect."""
        raise NotImplementedError(f"{type(self).__name__} does not define expected(source, target).")

    def own(self, source: View, target: View) -> range | np.ndarray | None:
        """The synapses that are left out if autapses are not wanted, as in `Spec`."""
        if self.autapses:
            return None
        sides = (target, source) if self.by_target else (source, target)
        return own_places(*sides, f"{self!r}")

    def weights(self) -> Values:
        """The weights: a distribution, or what was given."""
        found = draw_of(self.weight, f"{type(self).__name__}: weight")
        each = 8 if _wide() else 4
        if found is None or environ.get_precision() not in (32, 64):
            return Values(None, None, self.weight, 0 if _is_single(self.weight) else each)
        return Values(*found, None, each)

    def delays(self) -> Values:
        """The delays in steps: a distribution, or what was given."""
        where = f"{type(self).__name__}: delay"
        found = draw_of(self.delay, where)
        if found is None:
            return Values(None, None, self.delay, 0 if _is_single(self.delay) else 1)
        draw, unit = found
        delay_times(u.Quantity(0.0, unit=unit), where)
        if draw.lowest < 0 and (np.isfinite(draw.lowest) or draw.a < 0):
            raise ValueError(f"{where}: {self.delay!r} gives negative times. Clip it: init.Clipped(..., 0.1 * u.ms).")
        dt = time_step(where)
        return Values(draw.scaled(float(np.asarray(u.Quantity(1.0, unit=unit).to_decimal(u.ms))) / dt), dt, None, 1)


class Values(NamedTuple):
    """Weights or delays: a distribution for the builder, or what was given; and their bytes for each synapse."""

    draw: Draw | None
    unit: Any  # of weights; dt in ms for delays
    given: Any
    bytes: int


def check_count(value: Any, what: str) -> int:
    """A number of synapses."""
    _check_known(value, what)
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{what}, not negative; given {value!r}.")
    return number


def check_flag(value: Any, what: str) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} must be True or False; given {value!r}.")
    return bool(value)


def check_prob(value: Any, what: str) -> float:
    """A probability; `what` says what it must be."""
    _check_known(value, what)
    plain = isinstance(value, (int, float, np.ndarray, np.generic, jax.Array)) and np.ndim(value) == 0
    if not plain or not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"{what}, without a unit; given {value}.")
    return float(value)


def _check_known(value: Any, what: str) -> None:
    if any(map(is_tracer, jax.tree.leaves(value))):
        raise TypeError(f"{what}; it decides which synapses there are, so it must be known before tracing. "
                        f"Given {value}.")  # fmt: skip


def _is_drawn_whole(value: Any, positions: Positions | None) -> bool:
    """Whether weights or delays are an initializer that is called once for all synapses."""
    return callable(value) and not isinstance(value, State) and expression(value, positions, "") is None


def _is_list(value: Any) -> bool:
    """Whether weights or delays are given as an array (synapses,)."""
    if value is None or (callable(value) and not isinstance(value, State)):
        return False
    shape = np.shape(u.get_mantissa(value_of(value)))
    return len(shape) == 1 and shape != (1,)


def _is_single(value: Any) -> bool:
    """Whether this is one weight or delay for all synapses."""
    value = u.get_mantissa(value_of(value))
    return not callable(value) and not isinstance(value, (list, tuple)) and np.ndim(value) == 0


def _wide() -> bool:
    return environ.get_precision() == 64


def _fresh_seed(rule: Rule) -> int:
    data = jax.random.key_data(random.split_key())
    if is_tracer(data):
        raise TypeError(
            f"{rule!r}: inside a traced function the keys of sl.random are not known, but the synapses must be. "
            "Pass seed=, as in FixedProb(0.1, weight, seed=1)."
        )
    return int.from_bytes(np.asarray(data).tobytes()[:8], "little")


def _checked_seed(seed: int) -> int:
    _check_known(seed, "A seed is a whole number")
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 1 << 64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1; given {seed!r}.")
    return int(seed)
