"""Part: some neurons of a population, as sources or targets of projections, and to be recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError
from .._module import made_by_init_state
from .._state import State
from .._tree import brief
from .._units import check_unit, fits, number_in, with_unit
from ..connect import Connection, View
from ._population import Population


class Part(View):
    """Some neurons of a population, `population[index]`; projections take it as `pre` and `post`.

    `index` is a slice, a list of numbers, or a mask, as in NumPy, but holds every neuron once; a part has parts
    itself. `part.indices` holds the numbers of the neurons in the population, and `part.V.value` is that part of its
    State V, which may also be assigned to.
    """

    population: Any

    def __init__(self, population: Population | Part, index: Any):
        whole_one = whole(population)
        where = f"{type(whole_one).__name__}[...]"
        if len(whole_one.varshape) != 1:
            raise ShapeError(f"{where}: only a population with one axis has parts; this one is {whole_one.varshape}.")
        of = population if isinstance(population, Part) else View(whole_one, whole_one.varshape)
        super().__init__(whole_one, whole_one.varshape, of.among(index, where).members)

    def __getitem__(self, index: Any) -> Part:
        """A part of this part."""
        return Part(self, index)

    def __len__(self) -> int:
        return self.size

    def take(self, values: Any) -> Any:
        """The values of these neurons from an array (..., neurons of the population)."""
        return values[..., self._index]

    def get_spike(self) -> Any:
        """The spikes of these neurons."""
        return self.take(self.population.get_spike())

    def prefetch(self, item: str) -> Callable[..., Any]:
        """A function that returns this part of the State `item` as it is when called; for the front of projections."""
        return lambda *_: getattr(self, item).value

    def prefetch_delay(self, item: str, time: Any, **options: Any) -> Any:
        """`population.prefetch_delay` for these neurons."""
        return self.population.prefetch_delay(item, time, self.indices, **options)

    def __getattr__(self, name: str) -> PartOfState:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        population = vars(self).get("population")
        if population is None:  # not made yet, as while it is copied
            raise AttributeError(f"Part has no attribute {name!r}.")
        if not isinstance(vars(population).get(name), State) and not made_by_init_state(type(population), name):
            names = [key for key, value in vars(population).items() if isinstance(value, State)]
            raise AttributeError(f"{self!r} has no State {name!r}; {population.path} has {', '.join(names) or 'none'}.")
        return PartOfState(self, getattr(population, name))

    def embed(self, comm: Any, where: str, *, may_reorder: bool) -> Connection:
        """`comm`, whose targets are this part, as a connection to the whole population."""
        if not isinstance(comm, Connection):
            raise TypeError(
                f"{where}: a part of a population as target takes a rule or a connection that stores its synapses; "
                f"given {brief(comm)}."
            )
        if comm.n_post != self.size:
            raise ShapeError(f"{where}: comm has {comm.n_post} targets, the part {self.size} neurons.")
        return comm.into(self, where, may_reorder=may_reorder)

    @property
    def _index(self) -> slice | np.ndarray:
        """The neurons in the form in which arrays are cut fastest."""
        members = self.members
        if not isinstance(members, range):
            return members
        stop = None if members.stop < 0 else members.stop
        return slice(members.start, stop, members.step) if members else slice(0, 0)

    def __repr__(self) -> str:
        members, name = self.members, type(self.population).__name__
        if isinstance(members, range):
            step = "" if members.step == 1 else f":{members.step}"
            stop = "" if members.stop < 0 else members.stop
            return f"{name}[{members.start}:{stop}{step}]"
        return f"{name}[{np.array2string(members, separator=', ', threshold=8)}]"


class PartOfState:
    """The values of a State for a part of its population; assigning to `value` changes these and no others."""

    def __init__(self, part: Part, state: State):
        self._part, self._state = part, state

    @property
    def value(self) -> Any:
        """The values, with the neurons on the last axis."""
        return jax.tree.map(self._part.take, self._state.value)

    @value.setter
    def value(self, value: Any) -> None:
        whole_value, present = self._state.value, self.value
        where = f"{self._part!r}.{self._state.path}"
        unit = whole_value.unit if isinstance(whole_value, u.Quantity) else u.UNITLESS
        check_unit(value, unit, where)
        numbers = jnp.asarray(number_in(value, unit, where), present.dtype)
        if not fits(numbers.shape, present.shape):
            raise ShapeError(f"{where} has the shape {present.shape}; given {numbers.shape}.")
        at = u.get_mantissa(whole_value)
        self._state.value = with_unit(at.at[..., self._part._index].set(numbers), unit)

    def __repr__(self) -> str:
        return f"PartOfState({self._part!r}, {self.value})"


def whole(post: Any) -> Any:
    """The population that this is, or is a part of."""
    return post.population if isinstance(post, Part) else post
