"""Gap junctions: electrical synapses between neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import init
from .._errors import ShapeError
from .._module import made_by_init_state
from .._state import ParamState, State
from .._tree import brief
from .._units import check_unit, number_in, unit_of, with_unit
from ._comm_projection import Projection
from ._neuron import Neuron


class _GapJunction(Projection):
    """What both kinds share: who is coupled with whom, and how the currents are delivered."""

    weights_of_pair: ClassVar[tuple[int, ...]]  # the shape of the weights of one pair

    def __init__(self, pre: Any, post: Any, conn: Any, weight: Any, param_type: Callable[..., State], name: str | None):
        super().__init__(name)
        where = name or type(self).__name__
        (self.pre, self.pre_state), (self.post, self.post_state) = pre, post
        _check_side(where, "pre", *pre)
        _check_side(where, "post", *post)
        self.pre_ids, self.post_ids = _pairs(conn, self.pre.varshape, self.post.varshape, where)
        self.weight = param_type(self._weights(weight, where))
        pre[0].take_current()
        post[0].take_current()

    def both_ways(self) -> tuple[Any, Any]:
        """The weights from pre to post, and back."""
        raise NotImplementedError

    def update(self) -> None:
        """Let the currents flow in the next step."""
        V_pre = _flat(getattr(self.pre, self.pre_state).value, self.pre.varshape)
        V_post = _flat(getattr(self.post, self.post_state).value, self.post.varshape)
        difference = V_pre[..., self.pre_ids] - V_post[..., self.post_ids]
        forth, back = self.both_ways()
        self._deliver(self.post, forth * difference, self.post_ids)
        self._deliver(self.pre, -back * difference, self.pre_ids)

    def _deliver(self, population: Neuron, currents: Any, targets: Any) -> None:
        """Add up the currents of each target."""
        unit = population.current_unit
        numbers = number_in(currents, unit, f"{self.path}: weight × {self.pre_state}")
        n = math.prod(population.varshape)
        sums = jnp.moveaxis(jax.ops.segment_sum(jnp.moveaxis(numbers, -1, 0), targets, n), 0, -1)
        sums = sums.reshape((*numbers.shape[:-1], *population.varshape))
        population.add_current_input(self.path, with_unit(sums, unit))

    def _weights(self, weight: Any, where: str) -> Any:
        weight = weight.value if isinstance(weight, State) else weight
        full = (len(self.pre_ids), *self.weights_of_pair)
        weight = weight(full) if callable(weight) else weight
        if jnp.shape(weight) not in (self.weights_of_pair, full):
            raise ShapeError(
                f"{where}: weight must have the shape {self.weights_of_pair} or {full}; given {jnp.shape(weight)}."
            )
        for population in (self.pre, self.post):
            unit = self.pre.state_unit(self.pre_state)
            if unit is not None:
                current = 1.0 * (unit_of(weight) * unit)
                check_unit(current, population.current_unit, f"{where}: weight × {self.pre_state}")
        return init.param(weight, full)


class SymmetryGapJunction(_GapJunction):
    r"""Gap junctions with the same conductance in both directions.

    $$I_\mathrm{post} = \sum w (V_\mathrm{pre} - V_\mathrm{post}), \qquad
    I_\mathrm{pre} = \sum w (V_\mathrm{post} - V_\mathrm{pre})$$

    A call reads the present potentials; its currents act in the next step of each population only.

    | name | meaning |
    |---|---|
    | `couples` | one population, coupled with itself, or two (pre, post) |
    | `states` | the name of the state that is coupled, such as 'V', or two (of pre, of post) |
    | `conn` | a list of pairs (i, j), a tuple (sources, targets) of arrays, or a function of the sizes that makes one |
    | `weight` | w: one number, one for each pair, or an initializer; a conductance |
    | `param_type` | the kind of State that holds the weights |
    | `name` | a name for messages |
    """

    weights_of_pair = ()

    def __init__(
        self,
        couples: Any,
        states: Any,
        conn: Any,
        weight: Any,
        param_type: Callable[..., State] = ParamState,
        name: str | None = None,
    ):
        pre, post = couples if isinstance(couples, (tuple, list)) else (couples, couples)
        pre_state, post_state = states if isinstance(states, (tuple, list)) else (states, states)
        super().__init__((pre, pre_state), (post, post_state), conn, weight, param_type, name)

    def both_ways(self) -> tuple[Any, Any]:
        """The weights from pre to post, and back."""
        return self.weight.value, self.weight.value


class AsymmetryGapJunction(_GapJunction):
    r"""Gap junctions with a conductance for each direction.

    $$I_\mathrm{post} = \sum w_1 (V_\mathrm{pre} - V_\mathrm{post}), \qquad
    I_\mathrm{pre} = \sum w_2 (V_\mathrm{post} - V_\mathrm{pre})$$

    A call reads the present potentials; its currents act in the next step of each population only.

    | name | meaning |
    |---|---|
    | `pre`, `post` | the populations; they may be the same |
    | `pre_state`, `post_state` | the names of the states that are coupled, such as 'V' |
    | `weight` | (w₁, w₂) for all pairs, an array (pairs, 2), or an initializer; conductances |
    | `conn`, `param_type`, `name` | as in `SymmetryGapJunction` |
    """

    weights_of_pair = (2,)

    def __init__(
        self,
        pre: Any,
        pre_state: str,
        post: Any,
        post_state: str,
        conn: Any,
        weight: Any,
        param_type: Callable[..., State] = ParamState,
        name: str | None = None,
    ):
        super().__init__((pre, pre_state), (post, post_state), conn, weight, param_type, name)

    def both_ways(self) -> tuple[Any, Any]:
        """The weights from pre to post, and back."""
        return self.weight.value[..., 0], self.weight.value[..., 1]


def _check_side(where: str, side: str, population: Any, state: Any) -> None:
    if not isinstance(population, Neuron):
        raise TypeError(f"{where}: {side} must be a neuron population; given {brief(population)}.")
    if state not in population.state_vars and not made_by_init_state(type(population), state):
        known = ", ".join(population.state_vars)
        raise ValueError(f"{where}: {side} has no state {state!r}; {type(population).__name__} has {known}.")


def _pairs(conn: Any, pre: tuple[int, ...], post: tuple[int, ...], where: str) -> tuple[np.ndarray, np.ndarray]:
    """(sources, targets) of each pair."""
    conn = conn(pre, post) if callable(conn) else conn
    if not isinstance(conn, (tuple, list, np.ndarray, jax.Array)):
        raise TypeError(f"{where}: conn must be a list of pairs or a tuple (sources, targets); given {conn!r}.")
    if not (isinstance(conn, tuple) and len(conn) == 2):
        conn = np.asarray(conn) if len(conn) else np.zeros((0, 2), int)
        if conn.ndim != 2 or conn.shape[1] != 2:
            raise ShapeError(f"{where}: conn must have the shape (pairs, 2); given {conn.shape}.")
        conn = conn.T
    sources, targets = (np.asarray(ids) for ids in conn)
    if sources.shape != targets.shape or sources.ndim != 1:
        raise ShapeError(
            f"{where}: conn must give as many sources as targets; given {sources.shape} and {targets.shape}."
        )
    for ids, size in ((sources, pre), (targets, post)):
        n = math.prod(size)
        if not np.issubdtype(ids.dtype, np.integer):
            raise TypeError(f"{where}: conn must hold whole numbers; given an array of {ids.dtype}.")
        if ids.size and (ids.min() < 0 or ids.max() >= n):
            raise ValueError(f"{where}: indices in conn must lie in 0 … {n - 1}; given {ids.min()} … {ids.max()}.")
    return sources, targets


def _flat(value: Any, size: tuple[int, ...]) -> Any:
    """A state with all axes of the population in one."""
    return value if len(size) == 1 else value.reshape((*value.shape[: value.ndim - len(size)], -1))
