"""Integration: the step of a model that declares its derivative, by an integrator that is chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from .. import _integrators
from .._integrators import ADAPTIVE, EXACT, Integrator, NotLinear, Pair
from .._jax import is_tracer
from ..kernels import Drive

DT, OWN = "dt", "own factor"  # operands; that of the potential in its own rate
NEXT_STEP = "integration_step"  # a State of models that carry on the step of `rkf45`
_INPUTS = ("current", "synaptic")


@dataclass(frozen=True)
class Integration:
    """An integrator for a model, with the operands that it adds to those of the model.

    A model that `solves` calls it itself, as `p.solve(rates, states)` in its `integrate`.
    """

    model: Any
    by: Integrator
    pairs: tuple[Pair, ...] = ()  # of the exact method: which state acts on which

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the operands."""
        dt = () if DT in self.model.operands else (DT,)
        return (*dt, *[OWN] * bool(self.pairs), *(_name(pair) for pair in self.pairs))

    def derive(self, operands: Mapping[str, Any], dt: Any) -> tuple[Any, ...]:
        """The operands, from those of the model and the time step in ms."""
        found = {DT: dt}
        if self.pairs:
            entries = self._entries(operands)
            first = next(iter(self.model.state_vars))
            propagators = _integrators.integral(entries, [*self.model.state_vars], dt)
            found |= {OWN: entries.get((first, first), 0.0), **{_name(k): x for k, x in propagators.items()}}
        return tuple(found[name] for name in self.operands)

    def __call__(self, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:
        """One step of the states; the current of the receptors follows V to first order.

        Returns the spikes of a model that makes them in its `integrate`.
        """
        if self.model.solves:
            p.by, p.solve = self.by, lambda rates, x: self._advanced(s, rates, x, p.dt)
            return self.model.integrate(p, s, drive)
        start = {name: getattr(s, name) for name in self.model.state_vars if name != NEXT_STEP}
        first = next(iter(start))

        def rates(x: Mapping[str, Any], part: float = 0.0) -> dict[str, Any]:
            del part  # nothing depends on time
            synaptic = drive.synaptic + drive.slope * (x[first] - start[first])
            return _rates(self.model, p, x, drive._replace(synaptic=synaptic))

        if self.by.method == EXACT:
            integral = {pair: getattr(p, _name(pair)) for pair in self.pairs}
            new = _integrators.exact(rates, start, integral, first, getattr(p, OWN), p.dt)
        else:
            new = self._advanced(s, rates, start, p.dt)
        vars(s).update(new)
        return None

    def _advanced(self, s: Any, rates: Any, x: Mapping[str, Any], dt: Any) -> Mapping[str, Any]:
        """The states after a step by a method other than the exact one."""
        if self.by.method != ADAPTIVE:
            return _integrators.advanced(self.by, rates, x, dt)
        new, following = _integrators.adaptive(self.by, rates, x, getattr(s, NEXT_STEP, None), dt)
        if hasattr(s, NEXT_STEP):
            setattr(s, NEXT_STEP, following)
        return new

    def _entries(self, operands: Mapping[str, Any]) -> dict[Pair, Any]:
        """The elements of the matrix of a linear model; numbers if the operands are numbers."""
        p, states = SimpleNamespace(**operands), [*self.model.state_vars]

        def column(name: str) -> dict[str, Any]:
            f = lambda x: _rates(self.model, p, {**dict.fromkeys(states, 0.0), name: x}, Drive(0.0, 0.0, 0.0))  # noqa: E731
            return jax.jvp(f, (0.0,), (1.0,))[1]

        if any(map(is_tracer, operands.values())):
            columns = {name: column(name) for name in states}
            return {(a, b): columns[b][a] for a, b in _linear_pairs(self.model)}
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            columns = {name: column(name) for name in states}
            return {(a, b): np.asarray(columns[b][a]) for a, b in _linear_pairs(self.model)}


def integration(model: Any, integrator: str, path: str) -> Integration:
    """The integration of a model by an integrator, such as 'rk4', 'rk4(5)' or 'rkf45(1e-6)'."""
    where = f"{path}: integrator"
    try:
        by = _integrators.named(integrator)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if by.method != EXACT:
        return Integration(model, by)
    if model.solves:
        raise ValueError(f"{where}: the model has no exact step; choose 'rk4(4)' or 'rkf45(1e-6)'.")
    try:
        elements = _linear_pairs(model)
    except NotLinear as error:
        raise ValueError(f"{where}: the rate of {error} is not linear in the states, so there is no exact step; "
                         "choose another integrator, such as 'exp_euler'.") from None  # fmt: skip
    return Integration(model, by, tuple(_integrators.reached(elements, [*model.state_vars])))


@lru_cache(256)
def _linear_pairs(model: Any) -> tuple[Pair, ...]:
    """Which state acts on which in a linear model."""
    p = SimpleNamespace(**dict.fromkeys((*model.operands, DT), 1.0))

    def f(x: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        return _rates(model, p, x, Drive(**inputs, slope=0.0))

    return tuple(_integrators.factors(f, [*model.state_vars], _INPUTS))


def _rates(model: Any, p: Any, x: Mapping[str, Any], drive: Drive) -> dict[str, Any]:
    """The rate of each state; 0 of one that the model leaves out."""
    given: dict[str, Any] = model.derivative(p, SimpleNamespace(**x), drive)
    if unknown := given.keys() - x.keys():
        raise TypeError(f"{model.__name__}.derivative gives the rate of {min(unknown)!r}, which is no variable; "
                        f"there are {', '.join(x)}.")  # fmt: skip
    return {name: given.get(name, 0.0) + 0.0 * value for name, value in x.items()}


def _name(pair: Pair) -> str:
    return f"integral[{pair[0]}, {pair[1]}]"
