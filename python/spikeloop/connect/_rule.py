"""What all rules share: sizes, seed, weights and delays, and the check of memory."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import brainunit as u
import jax
import numpy as np

from .. import environ, random
from .._delay_steps import delay_times
from .._jax import is_tracer
from .._keywords import NamesKeywords
from .._state import ParamState, State
from ..nn._module import as_size
from ..random._units import attach
from ._connection import Connection
from ._delays import steps_of, time_step
from ._draws import Draw, draw_of
from ._memory import check_fits
from ._rows import checked_weight, ordered
from ._spec import Spec, Synapses, build


class Shared(TypedDict, total=False):
    """The keywords of all rules."""

    delay: Any
    seed: int | None
    param_type: Callable[..., State]


class Rule(NamesKeywords):
    """Base of connection rules. `rule(source, target)` draws a `Connection` between two populations or sizes.

    The same seed gives the same synapses on every machine and for any number of threads. All rules take:

    | name | meaning | default |
    |---|---|---|
    | `weight` | one weight, one per synapse in the order of the rows, or an initializer | |
    | `delay` | a time, one per synapse, an initializer of times; rounded to steps of dt | none |
    | `seed` | seed of the draw | from `sl.random` |
    | `param_type` | kind of State that holds the weights | ParamState |

    Weights and delays of `init.Uniform`, `Normal`, `TruncatedNormal`, `LogNormal`, `Exponential` and `Clipped` ones
    are drawn while the synapses are built, without further memory. Raises MemoryError before building what will not
    fit.
    """

    def __init__(
        self,
        weight: Any,
        *,
        delay: Any = None,
        seed: int | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        self.weight, self.delay, self.seed, self.param_type = weight, delay, seed, param_type

    def __call__(self, source: Any, target: Any) -> Connection:
        in_size, out_size = _size(source, "source size"), _size(target, "target size")
        return Connection.of(self.synapses(in_size, out_size), in_size, out_size, param_type=self.param_type)

    def synapses(self, in_size: Any, out_size: Any) -> Synapses:
        """The synapses between populations of these shapes."""
        in_size, out_size = as_size(in_size, "source size"), as_size(out_size, "target size")
        n_pre, n_post = int(np.prod(in_size)), int(np.prod(out_size))
        for what, n in (("source", n_pre), ("target", n_post)):
            if n > 1 << 31:
                raise ValueError(f"{self!r}: a population can have at most 2**31 neurons; given {n} as {what}.")
        synapses = self.build(in_size, out_size)
        if synapses.indices.size == 0:
            warnings.warn(f"{self!r} from {in_size} to {out_size} makes no synapse at all.", stacklevel=3)
        return synapses

    def build(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> Synapses:
        """The synapses, from the builder."""
        n_pre, n_post = int(np.prod(in_size)), int(np.prod(out_size))
        weight, delay = self.weights(), self.delays()
        check_fits(f"{self!r} from {in_size} to {out_size}", self.expected(n_pre, n_post), n_pre, n_post,
                   weight.bytes, delay.bytes)  # fmt: skip
        found = build(self.spec(in_size, out_size, weight.draw, delay.draw))
        n = found.indices.size
        if weight.draw is not None:
            found = found._replace(weight=attach(found.weight, weight.unit))
        else:
            found = found._replace(weight=checked_weight(weight.given, n))
        if delay.draw is not None:
            return found._replace(dt=delay.unit)
        steps, dt = steps_of(delay.given, None, n, f"{self!r}: delay")
        found = found._replace(delay=steps, dt=dt)
        return found if np.ndim(found.delay) == 0 else ordered(found, n_pre)

    def spec(
        self, in_size: tuple[int, ...], out_size: tuple[int, ...], weight: Draw | None, delay: Draw | None
    ) -> Spec:
        """What the builder is told."""
        n_pre, n_post = int(np.prod(in_size)), int(np.prod(out_size))
        seed = _fresh_seed() if self.seed is None else _checked_seed(self.seed)
        spec = Spec(self.rule, seed, n_pre, n_post, weight=weight, delay=delay, wide=_wide())
        return dataclasses.replace(spec, **self.numbers(in_size, out_size))

    rule: str
    """The name of the rule among the builders."""

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        """What the builder needs to know besides sizes, and checks of it."""
        raise NotImplementedError(f"{type(self).__name__} does not define numbers(in_size, out_size).")

    def expected(self, n_pre: int, n_post: int) -> float:
        """The number of synapses to expect."""
        raise NotImplementedError(f"{type(self).__name__} does not define expected(n_pre, n_post).")

    def weights(self) -> Values:
        """The weights: a distribution, or what was given."""
        found = draw_of(self.weight, f"{type(self).__name__}: weight")
        each = 8 if _wide() else 4
        if found is None or environ.get_precision() not in (32, 64):
            single = not callable(self.weight) and np.ndim(_mantissa(self.weight)) == 0
            return Values(None, None, self.weight, 0 if single else each)
        return Values(*found, None, each)

    def delays(self) -> Values:
        """The delays in steps: a distribution, or what was given."""
        where = f"{type(self).__name__}: delay"
        found = draw_of(self.delay, where)
        if found is None:
            single = not callable(self.delay) and np.ndim(_mantissa(self.delay)) == 0
            return Values(None, None, self.delay, 0 if single else 1)
        draw, unit = found
        delay_times(u.Quantity(0.0, unit=unit), where)
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
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
        raise ValueError(f"{what}, not negative; given {value!r}.")
    return int(value)


def check_prob(value: Any, what: str) -> float:
    """A probability."""
    if is_tracer(value) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{what} must lie in [0, 1]; given {value!r}.")
    return float(value)


def _size(population: Any, where: str) -> tuple[int, ...]:
    return as_size(getattr(population, "varshape", population), where)


def _mantissa(value: Any) -> Any:
    value = value.value if isinstance(value, State) else value
    return getattr(value, "mantissa", value)


def _wide() -> bool:
    return environ.get_precision() == 64


def _fresh_seed() -> int:
    data = np.asarray(jax.random.key_data(random.split_key()))
    return int.from_bytes(data.tobytes()[:8], "little")


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 1 << 64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1; given {seed!r}.")
    return int(seed)
