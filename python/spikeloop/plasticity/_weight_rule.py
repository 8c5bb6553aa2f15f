"""WeightRule: what all rules that change the weights of a projection share."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import brainunit as u
import jax.numpy as jnp

from .. import environ
from .._form import Form
from .._units import check_not_negative, check_unit, number_in, unit_of, with_unit
from .._weights import Weights
from ..connect import Connection, Connectivity

if TYPE_CHECKING:
    from ..delays._line import DelayLine


class WeightRule(Form):
    """Base of rules that change the weights of a projection within bounds.

    A rule defines `update(connection, spikes)`, one step, given the spikes that reach the synapses.

    | argument | meaning | default |
    |---|---|---|
    | `w_max`, `w_min` | bounds, in the unit of the weight | , 0 |
    """

    has_size: ClassVar[bool] = False
    call_level = 3
    rates: ClassVar[tuple[str, ...]] = ()  # constants that must not be negative
    acts_on_spikes: ClassVar[bool] = False  # of which a projection has one at most
    options: ClassVar[dict[str, Any]] = {"w_max": None, "w_min": None}
    delivers_else: ClassVar[bool] = False  # something else than the weight that a step leaves behind

    delay: DelayLine | None = None  # of the spikes of targets on their way to the synapses
    delay_in: str = "axon"  # or "dendrite": where delays of the projection lie
    _unit: Any = None
    _sizes: tuple[int, int] | None = None
    _post: Any = None

    def _configure(self, **options: Any) -> None:
        super()._configure(**options)
        self.w_min = with_unit(0.0, unit_of(self.w_max)) if self.w_min is None else self.w_min

    def _check(self) -> None:
        super()._check()
        if self.w_max is None:
            raise TypeError(f"{self.path} needs w_max, the largest weight, in the unit of the weights.")
        where, unit = self.path, unit_of(self.w_max)
        if not number_in(self.w_min, unit, f"{where}: w_min") < u.get_mantissa(self.w_max):
            raise ValueError(f"{where}: w_min must lie below w_max; given {self.w_min} and {self.w_max}.")
        for name in self.rates:
            check_not_negative(getattr(self, name), f"{where}: {name}")

    def attach(self, connection: Any, post: Any, unit: Any, where: str, line: DelayLine | None) -> None:
        """Get ready for synapses onto `post`, which takes weights in `unit`; `line` is the projection's delay."""
        if self._sizes is not None:
            raise ValueError(f"{where}: this {type(self).__name__} belongs to another projection; make one for each.")
        _check_connection(connection, where)
        check_unit(self.w_max, unit, f"{where}: {type(self).__name__}: w_max")
        if self.acts_on_spikes and connection.weight.learned_in is not None:
            raise ValueError(
                f"{where}: the weights of {connection.path} learn by spikes in {connection.weight.learned_in} already."
            )
        self.prepare(connection, where, line)
        if self.acts_on_spikes:
            connection.weight.learned_in = where
        self._sizes, self._unit, self._post = (connection.n_pre, connection.n_post), unit, post
        numbers = jnp.asarray(number_in(connection.weight.value, unit, f"{where}: the weight"), environ.dftype())
        connection.weight.reinit(with_unit(connection.for_each(numbers), unit))

    def prepare(self, connection: Connection, where: str, line: DelayLine | None) -> None:
        """Make what the rule needs to know of the synapses."""

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the States."""
        if batch_size is not None:
            raise ValueError(f"{self.path}: all samples of a batch share the weights, so none can learn on its own. "
                             "Call init_all_states(model) without batch_size.")  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.params or name in self.options:
            self.flush()  # what has happened is not changed by a new constant
        super().__setattr__(name, value)

    def flush(self) -> None:
        """Bring the weights up to date, if they are updated lazily."""

    def refresh(self) -> None:
        """Weights or traces were assigned after a flush, which leaves nothing behind."""

    def update_eagerly(self) -> None:
        """Have no pending updates, where they do not pay and can be helped."""

    def add_into(self, connection: Connection, spikes: Any, target: Any, weight: Callable[[], Any]) -> Any:
        """A step, and `target` plus what the spikes deliver by the new weights, which `weight` returns."""
        self(connection, spikes)
        return connection.add_undelayed(spikes, target, weight())

    def numbers(self) -> SimpleNamespace:
        """All constants as plain numbers, and the bounds in the unit of the weight."""
        p = super().numbers()
        p.w_max = number_in(self.w_max, self._unit, f"{self.path}.w_max")
        p.w_min = number_in(self.w_min, self._unit, f"{self.path}.w_min")
        p.range = p.w_max - p.w_min
        return p


def weights_of(connection: Connection) -> Weights:
    """The State of the weights of a connection, which `attach` has looked at."""
    return cast(Weights, connection.weight)


def _check_connection(connection: Any, where: str) -> None:
    if not isinstance(connection, Connectivity):
        raise TypeError(
            f"{where}: plasticity needs a connection with stored synapses as comm, such as a rule of sl.connect; given "
            f"{connection!r}."
        )
    if not isinstance(connection, Connection):
        raise TypeError(
            f"{where}: plasticity changes stored weights, and a {type(connection).__name__} stores none. "
            "Use the rule itself, without Procedural."
        )
    if not isinstance(connection.weight, Weights):
        raise TypeError(
            f"{where}: {connection.path}.weight is a {type(connection.weight).__name__} that took the place of the "
            "State which the connection has made. Assign its .value instead; param_type must be a class of States."
        )
