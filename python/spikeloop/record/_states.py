"""Recording of States."""

from __future__ import annotations

import difflib
import math
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import NotInitializedError, ShapeError, StateChangedError
from .._flushed_state import BackendState
from .._module import made_by_init_state
from .._state import State
from .._trace import stored
from ._clock import period
from ._recorder import Recorder, flat, shape_of
from ._selection import listed_indices, take


class States(Recorder):
    """Records a State of a Module, at every step or in wider intervals, of all neurons or synapses or of some.

    | name | meaning | default |
    |---|---|---|
    | `population` | what holds the State: a population, a synapse, a connection, a rule of plasticity | |
    | `name` | its name, such as "V" or "weight" | |
    | `every` | the time between two rows, a multiple of dt | dt |
    | `neurons` | a slice or indices of the neurons, or of the synapses in the order of weights, to record | all |
    | `start`, `stop` | as in `Recorder`; multiples of `every` | |

    A row holds the values after the last step of its interval: with `every` = 1 ms and dt = 0.1 ms those of the steps
    at 0.9 ms, 1.9 ms and so on. Weights that learn are brought up to date for a row. A call returns one row; `read`
    makes `Traces`.

    >>> neurons = sl.nn.init_all_states(sl.LIF(5))
    >>> V = sl.record.States(neurons, "V", every=1 * u.ms, neurons=[0, 3])
    >>> sl.record.run(lambda: neurons(0.5 * u.mA), 10 * u.ms, record=V)["V"].values.shape
    (10, 2)
    """

    _kind = "states"
    in_parts = True

    def __init__(
        self, population: Any, name: str, *, every: Any = None, neurons: Any = None, start: Any = None, stop: Any = None
    ):
        super().__init__(population, start, stop)
        self._state = _checked_name(self._population, name, self.label)
        self._every = every
        if getattr(vars(self._population).get(name), "of_synapses", None) is not None:
            raise NotImplementedError(
                f"{self.label}: in sl.parallel.mesh() every device has the weights of its own synapses, which cannot "
                "be recorded. Save them between runs: sl.nn.save_states(net)."
            )
        self._shape = self._shape_of_value()
        self._size = math.prod(self._shape)
        self._neurons = self._choose(neurons, self._size)

    @property
    def label(self) -> str:
        name = vars(self).get("_state")
        return super().label if name is None else f"record.States of {self._place}.{name}"

    @property
    def default_name(self) -> str:
        return self._state

    def update(self) -> Any:
        """The row of this step, plain numbers (..., neurons) in the unit of the State."""
        value = u.get_mantissa(getattr(self._population, self._state).value)
        if not isinstance(value, (jax.Array, np.ndarray)):
            raise TypeError(f"{self.label} does not hold one array, but {type(value).__name__}.")
        return take(flat(value, self._shape, self.label), self._neurons)

    def _shape_of_value(self) -> tuple[int, ...]:
        """The shape without batch: that of the population, or all of a State that has another, such as weights."""
        shape, state = shape_of(self._population), vars(self._population).get(self._state)
        if state is None:
            if shape is None:
                raise NotInitializedError(f"{self.label} does not exist before sl.nn.init_all_states(model).")
            return shape
        given = jnp.shape(u.get_mantissa(now)) if len(jax.tree.leaves(now := stored(state))) == 1 else ()
        if shape is not None and given[max(len(given) - len(shape), 0) :] == shape:
            return shape
        if self._part is not None:
            raise ShapeError(f"{self.label} has the shape {given}, so a part of the population has no part of it.")
        return given

    def row_steps(self, dt: float) -> int:
        return 1 if self._every is None else period(self._every, dt, f"{self.label}: every")

    def describe(self, dt: float) -> dict[str, Any]:
        value = getattr(self._population, self._state).value
        unit = value.unit if isinstance(value, u.Quantity) else u.UNITLESS
        return {
            **super().describe(dt),
            "name": self._state,
            "unit": unit_name(unit, self.label),
            "size": self._size,
            "neurons": listed_indices(self._neurons, self._size),
        }


def unit_name(unit: Any, where: str) -> str:
    """The unit as an expression that `unit_of` understands."""
    if unit.is_unitless:
        return ""
    name = str(unit)
    if unit_of(name) != unit:
        raise StateChangedError(f"{where}: the unit {unit} cannot be written down.")
    return name


def unit_of(name: str) -> Any:
    """The unit that `unit_name` wrote down."""
    return u.parse_unit(name) if name else u.UNITLESS


def _checked_name(population: Any, name: str, where: str) -> str:
    known = [n for n, v in vars(population).items() if isinstance(v, State) and not isinstance(v, BackendState)]
    known = list(dict.fromkeys([*known, *getattr(type(population), "state_names", ())]))
    if name in known or (isinstance(name, str) and made_by_init_state(type(population), name)):
        return name
    lower = {n.lower(): n for n in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.6)
    hint = f" Did you mean {lower[near[0]]!r}?" if near else _hint_below(population, name)
    raise ValueError(f"{where} has no State {name!r}.{hint} It has {', '.join(known) or 'none'}.")


def _hint_below(population: Any, name: str) -> str:
    """Where a Module that this one holds has a State of this name."""
    for path in population.states():
        if len(path) > 1 and path[-1] == name:
            holder = ".".join(map(str, path[:-1]))
            return f" Its {holder} has one: write record.States(x.{holder}, {name!r})."
    return ""
