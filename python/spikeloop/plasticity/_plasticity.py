"""Plasticity: what all rules share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._flushed_state import flushed
from .._jax import is_tracer
from .._math import exp
from .._state import HiddenState, State
from .._trace import store, stored
from .._units import number_in, with_unit
from ..connect import Connection
from ..connect._connectivity import join, plain_spikes, split
from ..delays._line import DelayLine
from ..kernels._plastic import (
    ADDITIVE,
    LINEAR,
    POWER,
    Columns,
    Side,
    clipped,
)
from ..kernels._plastic_learn import Delivery, is_faster
from ..kernels._record import number_of
from ..transform import jit
from ._columns import columns_of
from ._delayed_synapses import DelayedSynapses
from ._pending_updates import PendingUpdates
from ._undelayed_synapses import UndelayedSynapses
from ._weight_rule import WeightRule, weights_of

_TraceState = flushed(HiddenState)


@dataclass(frozen=True)
class Trace:
    """A variable of each source or each target that forgets with the time constant `tau`."""

    side: str
    tau: str
    follows: str


def trace(side: str, tau: str, *, follows: str = "spikes") -> Any:
    """Declare a trace of the `side` "pre" or "post", with the name of its time constant.

    It decays, and each spike adds 1; if it `follows` "V", it is the low-pass filtered potential of the target instead.
    """
    return Trace(side, tau, follows)


class Change(NamedTuple):
    """What a step does: events, 0 where there is none, of each side, and the coefficients of the other side."""

    pre: Any
    of_targets: Any
    post: Any
    of_sources: Any


class Step(NamedTuple):
    """A step of a rule: weights and constants as numbers, both sides with their traces, and the changes."""

    weight: Any
    p: SimpleNamespace
    pre: SimpleNamespace
    post: SimpleNamespace
    arrived: Any  # not 0 for sources whose spikes reach the synapses
    change: Change


class Plasticity(WeightRule):
    r"""Base of rules of spikes, given to a projection as in `AlignPostProj(..., plasticity=rule)`.

    A rule declares constants with `param`, traces with `trace`, and defines `change`. In a step traces decay; then the
    events r of targets and s of sources that `change` returns act on the weights, with coefficients b of the sources
    and a of the targets,

    $$w_{ij} \leftarrow w_{ij} + r_j b_i\, G(w_{ij}), \qquad w_{ij} \leftarrow w_{ij} + s_i a_j\, F(w_{ij}),$$

    each followed by a clip to the bounds; then spikes and V enter the traces. So two spikes of the same step do not
    count as a pair. Only synapses of neurons that have an event are touched.

    A rule whose b follow one trace of the sources, b = constant · trace, says its name in `lazy_trace`; a subclass with
    another `change` or `jump` says it again. Updates by events of targets are then pending until the source of a
    synapse spikes, or the weight is read, which changes nothing but the time it takes.

    | argument | meaning | default |
    |---|---|---|
    | `w_max`, `w_min` | bounds, in the unit of the weight | , 0 |
    | `delay_in` | where the delay of the projection lies: "axon" or "dendrite" | "axon" |

    By `mu_plus` and `mu_minus`, if a rule has them, G(w) = ((w_max − w)/(w_max − w_min))^mu_plus and
    F(w) = ((w − w_min)/(w_max − w_min))^mu_minus; else both are 1. A rule with another dependence defines
    `on_post(self, w, x)` or `on_pre(self, w, x)`, the new weight from the old one and the product above; it runs as JAX
    code then.
    """

    traces: ClassVar[dict[str, Trace]] = {}
    lazy_trace: ClassVar[str | None] = None
    on_pre: Callable[[Any, Any], Any] | None = None
    on_post: Callable[[Any, Any], Any] | None = None
    options: ClassVar[dict[str, Any]] = {"delay_in": "axon"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"delay_in": ("axon", "dendrite")}

    acts_on_spikes = True
    columns: Columns
    _connection: Connection | None = None
    pending: PendingUpdates | None = None  # of weights that are updated lazily
    delayed: DelayedSynapses | None = None  # if each synapse has a delay of its own
    delay: DelayLine | None = None

    def __init_subclass__(cls, **kwargs: Any):
        declared = {k: v for k, v in vars(cls).items() if isinstance(v, Trace)}
        cls.traces = {**cls.traces, **declared}
        if "lazy_trace" not in vars(cls) and {"change", "jump"} & vars(cls).keys():
            cls.lazy_trace = None  # what was said of other equations
        lazy = [k for k, v in cls.traces.items() if v.side == "pre" and v.follows == "spikes"]
        if cls.lazy_trace not in (None, *lazy):
            raise ValueError(
                f"{cls.__name__}: lazy_trace must name a trace of the sources that follows spikes, one of {lazy}; "
                f"given {cls.lazy_trace!r}."
            )
        for name in declared:
            delattr(cls, name)
        super().__init_subclass__(**kwargs)
        cls.state_names = (*cls.traces,)

    @staticmethod
    def change(p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:
        """Events and coefficients; `pre` and `post` hold the traces and `spikes`, 0 or 1, and `post` also `V`."""
        raise NotImplementedError("Plasticity does not define change(p, pre, post); a rule does.")

    def jump(self, value: Any, spikes: Any) -> Any:
        """A trace after the spikes."""
        return value + spikes

    # --- a projection's side -----------------------------------------------------------------------------------------

    def attach(self, connection: Any, post: Any, unit: Any, where: str, line: DelayLine | None) -> None:
        """Get ready for synapses onto `post`, and update their weights lazily where that can be done."""
        super().attach(connection, post, unit, where, line)
        self._connection = connection
        weight = weights_of(connection)
        dtype = u.get_mantissa(stored(weight)).dtype
        if connection.has_own_delays:
            self.delayed = DelayedSynapses(connection, self.delay_in, dtype, self._before_all_spikes)
        elif self._is_lazy(dtype):
            self.pending = self._pending_form(dtype, weight)
            weight.form = self

    def update_eagerly(self) -> None:
        """Have no pending updates, where all weights are read in every step."""
        if self.pending is not None:
            assert self._connection is not None
            self.pending = weights_of(self._connection).form = None

    def prepare(self, connection: Connection, where: str, line: DelayLine | None) -> None:
        """Find the synapses of each target, and remember spikes of targets for as long as a dendrite takes."""
        if self.delay_in == "dendrite" and any(t.follows == "V" for t in self.traces.values()):
            raise ValueError(f"{where}: {type(self).__name__} reads V, so the delay must lie in the axon.")
        if not connection.has_own_delays:
            self.columns = columns_of(connection)
        if line is not None and self.delay_in == "dendrite":
            self.delay = DelayLine(line.time, connection.n_post)

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the traces."""
        super().init_state(batch_size)
        assert self._sizes is not None
        for name, declared in self.traces.items():
            start = self._potential() if declared.follows == "V" else jnp.zeros(self._sizes[declared.side == "post"])
            setattr(self, name, _TraceState(start.astype(environ.dftype()) + jnp.zeros((), environ.dftype())))
        self.hold_lazily()

    def hold_lazily(self) -> None:
        """Let the trace of lazy updates be flushed before it is read."""
        if self.pending is not None:
            assert self.lazy_trace is not None
            getattr(self, self.lazy_trace).form = self

    def _pending_form(self, dtype: Any, weight: Any) -> Any:
        """What keeps the pending updates of `weight`."""
        assert self._sizes is not None
        return PendingUpdates(self._sizes, dtype, self._is_graded(), weight)

    def _is_lazy(self, dtype: Any) -> bool:
        """Whether updates by events of targets can be pending: b falls by one factor a step."""
        if self.lazy_trace is None or self.on_post is not None or self.on_pre is not None:
            return False
        tau = getattr(self, self.traces[self.lazy_trace].tau)
        varies = np.ndim(u.get_mantissa(tau)) or any(isinstance(getattr(self, name), State) for name in self.params)
        return not varies and is_faster(dtype)

    def add_into(self, connection: Connection, spikes: Any, target: Any, weight: Callable[[], Any]) -> Any:
        """A step, and `target` plus what the spikes deliver: in one walk along the rows, if updates are lazy."""
        numbers, _ = split(target)
        if self.pending is None or numbers.dtype != u.get_mantissa(stored(connection.weight)).dtype:
            return super().add_into(connection, spikes, target, weight)
        spikes = plain_spikes(spikes, connection.n_pre, connection.path)
        return join(self(connection, spikes, numbers.reshape(-1)), target)

    def update(self, connection: Connection, spikes: Any, target: Any = None) -> Any:
        """One step: change the weights by the spikes that reach the synapses now and those of the targets.

        With lazy updates the spikes can be delivered to `target`, numbers in the unit of the weights: it is returned.
        """
        step = self._begin(connection, spikes)
        if self.pending is None:
            changed = self._apply(connection, step.weight, step.p, step.change, step.arrived)
        else:
            delivery = None if target is None else Delivery(jnp.asarray(spikes, step.weight.dtype), target)
            changed, target = self._learn(connection, step.weight, step.p, step.change, step.arrived, delivery)
        self._end(connection, step, changed)
        return target

    def _begin(self, connection: Connection, spikes: Any) -> Step:
        """What a step does, from the spikes and the traces, which have decayed."""
        self._check_weight(connection)
        fired = self._post.get_spike().reshape(-1)
        if self.delay is not None:
            fired = self.delay(fired)
        weight = u.get_mantissa(stored(connection.weight))
        p = self.numbers()
        pre, post = (SimpleNamespace(spikes=number_of(x).astype(weight.dtype)) for x in (spikes, fired))
        p.dt, post.V, arrived = self.dt(), self._potential(), pre.spikes
        self._decay(p, pre, post)
        return Step(weight, p, pre, post, arrived, self.change(p, pre, post))

    def _end(self, connection: Connection, step: Step, weight: Any) -> None:
        """Keep the new weights, and let the spikes enter the traces."""
        store(connection.weight, with_unit(weight, self._unit))
        self._follow(step.p, step.pre, step.post)

    def _decay(self, p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> None:
        """Put the traces as they are before the spikes of this step into `pre` and `post`."""
        for name, declared in self.traces.items():
            decay = exp(-p.dt / getattr(p, declared.tau)) if declared.follows == "spikes" else 1.0
            setattr(pre if declared.side == "pre" else post, name, stored(getattr(self, name)) * decay)

    def _follow(self, p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> None:
        """Keep the traces after the spikes of this step."""
        for name, declared in self.traces.items():
            side = pre if declared.side == "pre" else post
            value = getattr(side, name)
            if declared.follows == "V":
                value = post.V + (value - post.V) * exp(-p.dt / getattr(p, declared.tau))
            else:
                value = self.jump(value, side.spikes)
            store(getattr(self, name), value)

    def _check_weight(self, connection: Connection) -> None:
        """Refuse a State of weights that was put in the place of the one which learns."""
        if getattr(connection.weight, "learned_in", None) is None:
            raise ValueError(
                f"{self.path}: {connection.path}.weight is not the State that learns any more. Assign its .value "
                "instead of another State."
            )

    def _potential(self) -> Any:
        """V of the targets as plain numbers."""
        post = self._post
        return number_in(post.V.value, post.state_unit("V"), f"{self.path}: V").reshape(-1)

    def _sides(self, p: SimpleNamespace, change: Change, kind: Any) -> tuple[Side, Side]:
        """What events of targets and of sources do."""
        assert self._sizes is not None
        of = {"pre": change.of_sources, "post": change.of_targets}
        sources, targets = (
            jnp.broadcast_to(jnp.asarray(x, kind), n) for x, n in zip(of.values(), self._sizes, strict=True)
        )
        post, pre = jnp.asarray(change.post, kind), jnp.asarray(change.pre, kind)
        return Side(post, sources, *self._law_of_targets(p, kind)), Side(pre, targets, *self._law_of_sources(p, kind))

    def _law_of_targets(self, p: SimpleNamespace, kind: Any) -> tuple[Any, int]:
        return _law(p, p.w_max, -1.0, getattr(p, "mu_plus", 0.0), kind)

    def _law_of_sources(self, p: SimpleNamespace, kind: Any) -> tuple[Any, int]:
        return _law(p, p.w_min, 1.0, getattr(p, "mu_minus", 0.0), kind)

    def _apply(self, connection: Connection, weight: Any, p: SimpleNamespace, change: Change, arrived: Any) -> Any:
        """The weights after the events of targets, then of sources; `arrived` is not 0 for sources that spike."""
        del arrived  # all weights are up to date
        post, pre = self._sides(p, change, weight.dtype)
        synapses = self._put(connection, post, pre)
        weight = self._after_targets(synapses, post, p, weight)
        return self._after_sources(synapses, pre, p, weight)

    def _put(self, connection: Connection, post: Side, pre: Side) -> UndelayedSynapses | DelayedSynapses:
        """The synapses, which these events reach or will reach."""
        synapses = UndelayedSynapses(connection, self.columns) if self.delayed is None else self.delayed
        synapses.put(post, pre)
        return synapses

    def _after_targets(self, synapses: Any, post: Side, p: SimpleNamespace, weight: Any) -> Any:
        """The weights after the events of targets."""
        if self.on_post is None:
            return synapses.update_columns(post, weight)
        event, b = synapses.down_columns(post)
        return clipped(weight, event, self.on_post(weight, event * b), p.w_min, p.w_max)

    def _after_sources(self, synapses: Any, pre: Side, p: SimpleNamespace, weight: Any) -> Any:
        """The weights after the events of sources."""
        if self.on_pre is None:
            return synapses.update_rows(pre, weight)
        event, a = synapses.along_rows(pre)
        return clipped(weight, event, self.on_pre(weight, event * a), p.w_min, p.w_max)

    def _learn(
        self, connection: Connection, weight: Any, p: SimpleNamespace, change: Change, arrived: Any,
        delivery: Delivery | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        """(weights, targets): `_apply`, but updates by events of targets are pending until their rows are walked."""
        assert self.pending is not None
        sides, decay = self._sides(p, change, weight.dtype), self._lazy_decay(p, weight.dtype)
        return self.pending.learn(self._synapses(connection), decay, arrived, sides, weight, delivery)

    def _lazy_decay(self, p: SimpleNamespace, dtype: Any) -> Any:
        """The factor by which coefficients of sources fall in a step."""
        assert self.lazy_trace is not None
        decay = exp(-p.dt / getattr(p, name := self.traces[self.lazy_trace].tau))
        if not is_tracer(decay) and dtype.type(decay) >= 1:
            raise ValueError(f"{self.path}.{name} is so long that {dtype} cannot tell one step from the next; "
                             "call sl.environ.set(precision=64).")  # fmt: skip
        return decay

    def flush(self) -> None:
        """Apply the pending updates."""
        pending, connection = self.pending, self._connection
        if pending is None or connection is None or pending.is_empty:
            return
        if getattr(connection, "parts", None) is None:
            self._apply_pending(pending, connection)
        else:  # a program for the devices that the synapses lie on
            jit(lambda: self._apply_pending(pending, connection))()

    def _apply_pending(self, pending: Any, connection: Connection) -> None:
        weight = u.get_mantissa(stored(connection.weight))
        law = self._law_of_targets(self.numbers(), weight.dtype)
        store(connection.weight, with_unit(pending.flushed(self._synapses(connection), *law, weight), self._unit))

    def _synapses(self, connection: Connection) -> Any:
        return connection.indices, connection.indptr, self.columns

    def _is_graded(self) -> bool:
        """Whether events of targets can differ from 1."""
        given, p = [], self.numbers()
        p.dt = 1.0

        def look() -> None:
            sides = self._silent()
            given.append(self.change(p, *sides).post is not sides[1].spikes)

        jax.eval_shape(look)
        return given[0]

    def _before_all_spikes(self) -> tuple[Any, Any]:
        """Events and coefficients of the side whose spikes take time, when it has not spiked yet."""
        p = self.numbers()
        p.dt = self.dt()
        change = self.change(p, *self._silent())
        return (change.pre, change.of_sources) if self.delay_in == "axon" else (change.post, change.of_targets)

    def _silent(self) -> list[SimpleNamespace]:
        """Sources and targets that have not spiked yet."""
        assert self._sizes is not None
        sides = [SimpleNamespace(spikes=jnp.zeros(n), V=jnp.zeros(n)) for n in self._sizes]
        for name, declared in self.traces.items():
            side = sides[declared.side == "post"]
            setattr(side, name, jnp.zeros_like(side.spikes))
        return sides


def _law(p: SimpleNamespace, origin: Any, sign: float, exponent: Any, kind: Any) -> tuple[Any, int]:
    """(the law of one side, the form of its dependence on the weight)."""
    known = isinstance(exponent, (int, float, np.number))
    dependence = ADDITIVE if known and exponent == 0 else LINEAR if known and exponent == 1 else POWER
    if dependence == ADDITIVE:
        origin, scale = 0.0, 1.0
    else:
        scale = sign / p.range
    return jnp.asarray([p.w_min, p.w_max, origin, scale, exponent], kind), dependence
