"""DopamineSTDP: plasticity of pairs of spikes that a reward turns into weight."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError
from .._flushed_state import BackendState, FlushedState, flushed
from .._form import param
from .._math import exp, exprel
from .._state import HiddenState
from .._trace import store, stored
from .._units import check_unit, with_unit
from ..connect import Connection
from ..delays._line import DelayLine
from ..kernels._eligibility import Elapsed, credit_columns, walk_rows
from ..kernels._plastic_learn import Delivery
from ..kernels._reinforce import is_faster
from ._pending_credits import LEAST, PendingCredits
from ._plasticity import Change
from ._stdp import STDP
from ._weight_rule import weights_of

_Eligibility = flushed(HiddenState)


class DopamineSTDP(STDP):
    r"""Pairs of spikes make a synapse eligible, and dopamine turns its eligibility into weight.

    $$\dot w = c\,(n - b), \qquad \dot c = -\frac{c}{\tau_c} + \mathrm{STDP}, \qquad
    \dot n = -\frac{n}{\tau_n} + \sum_k \frac{r_k}{\tau_n}\,\delta(t - t_k)$$

    The eligibility c changes by pairs as w does in `STDP` with exponents of 0: by A₊ W x at a spike of the target, by
    −A₋ W y at one of the source. `reward(r)` increases the dopamine n by r/τ_n, so that a reward of 1 adds
    c τ_c/(τ_c + τ_n) to the weight.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_plus`, `tau_minus`, `A_plus`, `A_minus`, `pairs` | as in `STDP` | | |
    | `tau_c` | time constant of the eligibility | ms | 1000 |
    | `tau_n` | time constant of the dopamine | ms | 200 |
    | `b` | dopamine at which weights stay as they are | Hz | 0 |
    | `w_max`, `w_min`, `delay_in` | as in `Plasticity` | | |

    This is exact between spikes; the bounds act on a weight when its source fires and when weights are read.

    Izhikevich EM (2007) Cereb. Cortex 17:2443; Potjans W, Morrison A, Diesmann M (2010) Front. Comput. Neurosci. 4:141.
    """

    tau_c = param(1000.0 * u.ms, positive=True)
    tau_n = param(200.0 * u.ms, positive=True)
    b = param(0.0 * u.Hz)
    mu_plus = None
    mu_minus = None

    rates = ("A_plus", "A_minus")
    lazy_trace = "x"
    options: ClassVar[dict[str, Any]] = {}

    n: HiddenState
    c: FlushedState  # without `pending`, stored as it was when the source of the synapse was last walked; since then:
    left: BackendState  # the part of it that is left
    gain: BackendState  # the integral of that part times n − b

    def reward(self, amount: Any) -> None:
        """Increase the dopamine by amount/tau_n; a negative amount is a punishment.

        It acts from the last call of the projection on. `amount` is one number, which may be traced.
        """
        where = f"{self.path}.reward: amount"
        check_unit(amount, u.UNITLESS, where)
        if jnp.shape(amount) != ():
            raise ShapeError(f"{where} must be one number; given shape {jnp.shape(amount)}.")
        n = self.n.value
        self.n.value = n + 1e3 / self.number("tau_n") * jnp.asarray(u.get_mantissa(amount), n.dtype)

    @property
    def eligibility(self) -> Any:
        """The eligibility c of each synapse at present, in the order of the weights."""
        return with_unit(self.c.value, self._unit)

    def flush(self) -> None:
        """Bring weights and eligibilities up to date; to read them does so."""
        if self._connection is None or "c" not in vars(self):
            return
        weights = self._connection.weight
        if self.pending is not None:
            if not self.pending.is_empty:
                self._apply_pending(self.pending, self._connection)
            return
        left, gain = stored(self.left), stored(self.gain)
        nothing = jnp.zeros_like(left), jnp.zeros(self._connection.n_post, left.dtype)
        synapses = u.get_mantissa(stored(weights)), stored(self.c)
        weight = self._walk(jnp.ones_like(left), Elapsed(left, gain), nothing, synapses)
        store(weights, with_unit(weight, self._unit))

    def update_eagerly(self) -> None:
        """Have no pending credits, where all weights are read in every step; they still gain late."""
        self.pending = None

    def prepare(self, connection: Connection, where: str, line: DelayLine | None) -> None:
        """Find the synapses; their weights are brought up to date when they are read."""
        if self.on_pre is not None or self.on_post is not None:
            raise TypeError(
                f"{where}: {type(self).__name__} changes eligibilities, which on_pre and on_post are not for."
            )
        super().prepare(connection, where, line)
        weights_of(connection).form = self

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the traces, and forget eligibility and dopamine; the weights keep what they have gained."""
        self.flush()
        super().init_state(batch_size)
        assert self._connection is not None
        weight = self._connection.weight
        dtype = u.get_mantissa(stored(weight)).dtype
        self.n = HiddenState(jnp.zeros((), dtype))
        self.c = _Eligibility(jnp.zeros(self._connection.num_synapses, dtype))
        if self.pending is None:
            self.left = BackendState(jnp.ones(self._connection.n_pre, dtype), of=weight)
            self.gain = BackendState(jnp.zeros(self._connection.n_pre, dtype), of=weight)
        self.c.form = self

    def _pending_form(self, dtype: Any, weight: Any) -> PendingCredits:
        assert self._sizes is not None
        return PendingCredits(self._sizes, dtype, weight)

    def _is_lazy(self, dtype: Any) -> bool:
        """Whether events of targets can be pending: eligibility and dopamine decay alike at all synapses."""
        one = all(np.ndim(u.get_mantissa(getattr(self, name))) == 0 for name in ("tau_c", "tau_n", "b"))
        stored_here = getattr(self._connection, "parts", None) is None
        return one and stored_here and is_faster(dtype) and super()._is_lazy(dtype)

    def _learn(
        self, connection: Connection, weight: Any, p: SimpleNamespace, change: Change, arrived: Any,
        delivery: Delivery | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        """(weights, targets): `_apply`, but events of targets are pending until their rows are walked."""
        assert isinstance(self.pending, PendingCredits)
        clock, left, gain = stored(self.pending.moment)
        left, gain = self._pass_time(p, left, gain)
        moment = clock * self._lazy_decay(p, weight.dtype), left, gain
        synapses, sides = self._synapses(connection), self._sides(p, change, weight.dtype)
        both = weight, stored(self.c)
        weight, eligibility, target = self.pending.credit(synapses, moment, arrived, sides, both, delivery)
        store(self.c, eligibility)
        return weight, target

    def _apply_pending(self, pending: Any, connection: Connection) -> None:
        both = u.get_mantissa(stored(connection.weight)), stored(self.c)
        law, _ = self._law_of_targets(self.numbers(), both[0].dtype)
        weight, eligibility = pending.credited(self._synapses(connection), law, both)
        store(self.c, eligibility)
        store(connection.weight, with_unit(weight, self._unit))

    def _apply(self, connection: Connection, weight: Any, p: SimpleNamespace, change: Change, arrived: Any) -> Any:
        """The weights after the step since the last call and the events of its end."""
        kind = weight.dtype
        left, gain = self._pass_time(p, stored(self.left), stored(self.gain))
        if self.delayed is not None:
            return self._apply_delayed(weight, p, change, arrived, Elapsed(left, gain))
        post, pre = jnp.asarray(change.post, kind), jnp.asarray(change.pre, kind)
        added = jnp.broadcast_to(jnp.asarray(change.of_sources, kind), left.shape) / left
        synapses = credit_columns(post, added, gain, self.columns, connection.indptr, (weight, stored(self.c)))
        walked = (arrived != 0) | (pre != 0) | (left < LEAST)
        targets = jnp.broadcast_to(jnp.asarray(change.of_targets, kind), connection.n_post)
        return self._walk(walked, Elapsed(left, gain), (pre, targets), synapses)

    def _apply_delayed(self, weight: Any, p: SimpleNamespace, change: Change, arrived: Any, elapsed: Elapsed) -> Any:
        """`_apply`, if each synapse has a delay: all events are credited, and rows that spikes reach are walked."""
        assert self.delayed is not None
        post, pre = self._sides(p, change, weight.dtype)
        self.delayed.put(post, pre)
        synapses = self.delayed.credit(post, pre, elapsed, (weight, stored(self.c)))
        walked = self.delayed.reached(arrived) | (elapsed.left < LEAST)
        nothing = jnp.zeros_like(elapsed.left), jnp.zeros_like(pre.coefficient)
        return self._walk(walked, elapsed, nothing, synapses)

    def _pass_time(self, p: SimpleNamespace, left: Any, gain: Any) -> tuple[Any, Any]:
        """(left, gain) after a step, in which the dopamine decays."""
        n, dt = self.n.value, p.dt
        both = 1 / (1 / p.tau_c + 1 / p.tau_n)
        flow = 1e-3 * dt * (n * exprel(-dt / both) - p.b * exprel(-dt / p.tau_c))  # b and n in Hz
        self.n.value = n * exp(-dt / p.tau_n)
        return left * exp(-dt / p.tau_c), gain + left * flow

    def _walk(self, walked: Any, elapsed: Elapsed, added: tuple[Any, Any], synapses: tuple[Any, Any]) -> Any:
        """The weights after sources were walked; `added` are spikes of sources and what they add at targets."""
        p, connection = self.numbers(), self._connection
        assert connection is not None
        bounds = jnp.asarray([p.w_min, p.w_max], synapses[0].dtype)
        rows = connection.indices, connection.indptr
        weight, eligibility = walk_rows(walked, elapsed, *added, bounds, *rows, synapses)
        store(self.c, eligibility)
        store(self.left, jnp.where(walked != 0, 1, elapsed.left))
        store(self.gain, jnp.where(walked != 0, 0, elapsed.gain))
        return weight
