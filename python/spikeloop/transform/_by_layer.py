"""Loops over time, part by part: each part of a step runs all steps before the next part begins.

Equations of a step that need each other's results of the step before belong together; all others can be taken apart.

| part of a step | runs as |
|---|---|
| equations that no State goes through | one call, with the steps as one more axis |
| the step of a population whose input is known | one native call for all steps |
| the same, with the product of its last spikes and a matrix added to the input | one native call for all steps |
| what else has States, such as populations that are connected in a circle | a loop |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array

from .._jax import ClosedJaxpr, Literal, run_jaxpr
from ..kernels import _library
from ..kernels._dense import product_p
from ..kernels._kernel import Kernel
from ..kernels._neuron import CURRENT, SPIKE, step_p
from ..kernels._neuron_steps import steps_p
from ..kernels._recurrent_steps import WEIGHT, can_run, recurrent_p

RECURRENT = "recurrent layer"  # the name scope of steps that are known to need their last results: nobody is told
_RESHAPES = ("reshape", "squeeze", "expand_dims", "copy", "copy_p")


class _Value(NamedTuple):
    """What a variable holds: one value for all steps, or a row for each."""

    array: Any
    has_rows: bool


def scan_by_layer(
    step: Callable[[Any, Any], Any], start: Any, xs: Sequence[Any], length: int, memory: str
) -> tuple[Any, Any]:
    """As `jax.lax.scan(step, start, xs, length)`, part by part; `xs` are arrays.

    `memory` says how gradients get the states of populations: see `for_loop`.
    """
    first, tree = jax.tree.flatten(start)
    out_tree: list[Any] = []

    def flat(*args: Any) -> list[Any]:
        carry, ys = step(jax.tree.unflatten(tree, args[: len(first)]), args[len(first) :])
        carry, ys = jax.tree.flatten(carry)[0], jax.tree.flatten(ys)
        out_tree[:] = [ys[1]]
        return [*carry, *ys[0]]

    rows = [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in xs]
    closed = jax.make_jaxpr(flat)(*first, *rows)
    if closed.effects:
        _tell("The step", "it has side effects")
        last, ys = jax.lax.scan(step, start, xs, length)
        return last, ys
    last, ys = _Loop(closed, first, xs, length, memory).run()
    return jax.tree.unflatten(tree, last), jax.tree.unflatten(out_tree[0], ys)


def _tell(what: str, reason: str) -> None:
    _library.tell_once(f"{what} in a fused loop", f"{what} runs step by step in a loop with fused=True: {reason}.")


class _Loop:
    """The equations of a step, and what is known of their variables for all steps."""

    def __init__(self, closed: ClosedJaxpr, start: Sequence[Any], xs: Sequence[Any], length: int, memory: str):
        jaxpr = closed.jaxpr
        self.jaxpr, self.eqns, self.length, self.memory = jaxpr, jaxpr.eqns, length, memory
        self.carry, self.outs = jaxpr.invars[: len(start)], jaxpr.outvars
        self.start = dict(zip(self.carry, start, strict=True))
        self.next = {c: out for c, out in zip(self.carry, self.outs, strict=False) if c is not out}
        self.last: dict[Any, Any] = {}  # of the carry, where a part gives it
        self.maker = {var: k for k, eqn in enumerate(self.eqns) for var in eqn.outvars}
        self.users: dict[Any, set[int]] = {}
        for k, eqn in enumerate(self.eqns):
            for var in _variables(eqn.invars):
                self.users.setdefault(var, set()).add(k)
        for var in _variables(self.outs[len(start) :]):
            self.users.setdefault(var, set()).add(-1)  # the results
        self.known = {c: _Value(x, False) for c, x in self.start.items() if c not in self.next}
        self.known |= {var: _Value(x, False) for var, x in zip(jaxpr.constvars, closed.consts, strict=True)}
        self.known |= {var: _Value(x, True) for var, x in zip(jaxpr.invars[len(start) :], xs, strict=True)}

    def run(self) -> tuple[list[Any], list[Any]]:
        """(the last carry, the rows of the results)."""
        parts = self._parts()
        waiting: list[int] = []  # equations without States, to be run together
        ready: list[int] = []
        while parts.order.is_active():
            ready += parts.order.get_ready()
            free = [part for part in ready if parts.is_free[part]]
            for part in free or ready[:1]:
                ready.remove(part)
                eqns, is_free = parts.members[part], parts.is_free[part]
                if not is_free or self._looks_back(eqns, waiting):
                    self._run_free(waiting)
                    waiting = []
                if is_free:
                    waiting += eqns
                else:
                    self._run_bound(eqns)
                parts.order.done(part)
        self._run_free(waiting)
        ys = [self._rows(self._value(atom), atom.aval.shape) for atom in self.outs[len(self.carry) :]]
        return [self._last(c) for c in self.carry], ys

    # --- which equations belong together -----------------------------------------------------------------------------

    def _source(self, atom: Any) -> int | None:
        """The equation that a value comes from, in this step or one before."""
        seen = set()
        while not isinstance(atom, Literal) and atom in self.next and atom not in seen:
            seen.add(atom)
            atom = self.next[atom]
        return None if isinstance(atom, Literal) else self.maker.get(atom)

    def _parts(self) -> _Parts:
        from scipy.sparse.csgraph import connected_components  # takes 6 ms to import

        edges = {(k, self._source(var)) for k, eqn in enumerate(self.eqns) for var in _variables(eqn.invars)}
        pairs = [(k, source) for k, source in edges if source is not None]
        n = len(self.eqns)
        users, sources = np.asarray(pairs, int).reshape(-1, 2).T
        graph = coo_array((np.ones(len(users), bool), (users, sources)), (n, n))
        _, of = connected_components(graph, connection="strong") if n else (0, [])
        members: dict[int, list[int]] = {}
        for k, part in enumerate(of):
            members.setdefault(int(part), []).append(k)
        before: dict[int, set[int]] = {part: set() for part in members}
        bound = {part for part, eqns in members.items() if len(eqns) > 1}
        for user, source in pairs:
            if of[user] != of[source]:
                before[int(of[user])].add(int(of[source]))
            elif user == source:
                bound.add(int(of[user]))
        order = TopologicalSorter(before)
        order.prepare()
        return _Parts(members, {part: part not in bound for part in members}, order)

    def _looks_back(self, eqns: Sequence[int], at: Sequence[int]) -> bool:
        """Whether equations need results that others make in the step before."""
        inputs = _variables(atom for k in eqns for atom in self.eqns[k].invars)
        return any(var in self.next and self._source(var) in at for var in inputs)

    # --- values ------------------------------------------------------------------------------------------------------

    def _value(self, atom: Any) -> _Value:
        """What is known of a variable; of the carry that is its value before each step."""
        if isinstance(atom, Literal):
            return _Value(jnp.asarray(atom.val, jnp.result_type(atom.val)), False)
        if atom not in self.known:
            after = self._rows(self._value(self.next[atom]), atom.aval.shape)
            self.known[atom] = _Value(jnp.concatenate([self.start[atom][None], after[:-1]]), True)
        return self.known[atom]

    def _rows(self, value: _Value, shape: tuple[int, ...]) -> Any:
        return value.array if value.has_rows else jnp.broadcast_to(value.array, (self.length, *shape))

    def _last(self, c: Any) -> Any:
        if c in self.last or c not in self.next:
            return self.last.get(c, self.start[c])
        value = self._value(self.next[c])
        return value.array[-1] if value.has_rows else value.array

    def _wanted(self, part: Iterable[int]) -> list[Any]:
        """The variables of a part that others use."""
        own = set(part)
        made = [var for k in part for var in self.eqns[k].outvars]
        before = {out for c, out in self.next.items() if not isinstance(out, Literal) and self.users.get(c, own) - own}
        carried = {out for c, out in self.next.items() if not isinstance(out, Literal) and not self._is_of(c, own)}
        return [var for var in made if self.users.get(var, own) - own or var in before or var in carried]

    def _is_of(self, c: Any, part: set[int]) -> bool:
        """Whether the carry `c` goes from step to step within a part."""
        return self._source(c) in part and any(
            user in part
            for x in (c, *(b for b, out in self.next.items() if out is c))
            for user in self.users.get(x, ())
        )

    def _function(self, part: Sequence[int], inputs: Sequence[Any], outs: Sequence[Any]) -> ClosedJaxpr:
        info = self.jaxpr.debug_info._replace(arg_names=None, result_paths=None)
        eqns = [self.eqns[k] for k in part]
        jaxpr = self.jaxpr.replace(constvars=[], invars=[*inputs], outvars=[*outs], eqns=eqns, debug_info=info)
        return ClosedJaxpr(jaxpr, [])

    def _inputs(self, part: Sequence[int]) -> list[Any]:
        made = {var for k in part for var in self.eqns[k].outvars}
        return [*dict.fromkeys(v for k in part for v in _variables(self.eqns[k].invars) if v not in made)]

    # --- parts -------------------------------------------------------------------------------------------------------

    def _run_free(self, part: Sequence[int]) -> None:
        """Equations that no State goes through: once, or for all steps side by side."""
        varies: set[Any] = set()
        for_each, for_all = [], []
        for k in sorted(part):
            inputs = _variables(self.eqns[k].invars)
            made = {var for j in part for var in self.eqns[j].outvars}
            changes = any(v in varies if v in made else self._value(v).has_rows for v in inputs)
            varies |= {*self.eqns[k].outvars} if changes else set()
            (for_each if changes else for_all).append(k)
        for some, mapped in ((for_all, False), (for_each, True)):
            if some:
                inputs, outs = self._inputs(some), self._wanted(some)
                values = [self._value(var) for var in inputs]
                closed = self._function(some, inputs, outs)
                axes = [0 if value.has_rows else None for value in values]
                function = partial(_run, closed)
                found = (jax.vmap(function, axes) if mapped else function)(*(value.array for value in values))
                self.known |= {var: _Value(x, mapped) for var, x in zip(outs, found, strict=True)}

    def _run_bound(self, part: Sequence[int]) -> None:
        """A part with States."""
        if (eqn := self._population(part)) is not None:
            self._run_population(part, *eqn, steps_p)
        elif (eqn := self._recurrent(part)) is not None:
            self._run_population(part, *eqn, recurrent_p)
        else:
            self._run_loop(part)

    def _run_loop(self, part: Sequence[int]) -> None:
        own = set(part)
        inner = [c for c in self.next if self._is_of(c, own)]
        inputs, outs = [v for v in self._inputs(part) if v not in inner], self._wanted(part)
        values = [self._value(var) for var in inputs]
        closed = self._function(part, [*inner, *inputs], [*(self.next[c] for c in inner), *outs])
        for k in part:
            if self.eqns[k].primitive is step_p.primitive and not _is_recurrent(self.eqns[k]):
                others = sorted({self.eqns[j].primitive.name for j in part if j != k} - {*_RESHAPES})
                name = self.eqns[k].params["config"].model.__name__
                _tell(name, f"its next step needs results of {', '.join(others)}, which need its last step")

        def turn(carry: Sequence[Any], rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
            given = iter(rows)
            args = [next(given) if value.has_rows else value.array for value in values]
            found = run_jaxpr(closed, [*carry, *args])
            return found[: len(inner)], found[len(inner) :]

        rows = [value.array for value in values if value.has_rows]
        last, found = jax.lax.scan(turn, [self.start[c] for c in inner], rows, self.length)
        self.last |= dict(zip(inner, last, strict=True))
        self.known |= {var: _Value(x, True) for var, x in zip(outs, found, strict=True)}

    def _population(self, part: Sequence[int]) -> tuple[Any, dict[str, Any], dict[str, Any]] | None:
        """The step of a population, the carry that each of its states is, and its other operands.

        None if the part is more than that.
        """
        found = self._step_of(part, ())
        if found is None:
            return None
        step, carry, _ = found
        inputs = {name: atom for name, atom in _operands(step).items() if name not in carry}
        return (step, carry, inputs) if self._are_given(inputs.values(), part, carry) else None

    def _recurrent(self, part: Sequence[int]) -> tuple[Any, dict[str, Any], dict[str, Any]] | None:
        """As `_population`, where the input is a sum of what is known and the product of the last spikes and W."""
        found = self._step_of(part, ("add", product_p.primitive.name))
        if found is None:
            return None
        step, carry, (total, product) = found
        inputs = {name: atom for name, atom in _operands(step).items() if name not in carry}
        given = [x for x in total.invars if self._origin(x, part) is not product.outvars[0]]
        spikes, weight = product.invars
        fits = (
            self._origin(inputs[CURRENT], part) is total.outvars[0]
            and len(given) == 1
            and self._origin(spikes, part) is carry[SPIKE]
            and not product.params["rounded"]
            and can_run(step.params["config"])
        )
        inputs |= {CURRENT: given[0] if given else None, WEIGHT: weight}
        if not fits or not self._are_given(inputs.values(), part, carry) or self._value(weight).has_rows:
            return None
        same = weight.aval.dtype == total.outvars[0].aval.dtype and weight.aval.shape == spikes.aval.shape[-1:] * 2
        return (step, carry, inputs) if same else None

    def _step_of(self, part: Sequence[int], others: Sequence[str]) -> tuple[Any, dict[str, Any], list[Any]] | None:
        """The step of a population, the carry that each state is, and one equation each with the names `others`."""
        eqns = [self.eqns[k] for k in part if self.eqns[k].primitive.name not in _RESHAPES]
        rest = {eqn.primitive.name: eqn for eqn in eqns}
        step = rest.get(step_p.primitive.name)
        if step is None or len(eqns) != 1 + len(others) or rest.keys() != {step.primitive.name, *others}:
            return None
        names = _operands(step)
        results = dict(zip(_states(step), step.outvars, strict=True))
        carry = {name: self._origin(names[name], part) for name in results}
        if any(c not in self.next or self._origin(self.next[c], part) is not results[x] for x, c in carry.items()):
            return None
        if any(self._origin(var, part) not in step.outvars for var in self._wanted(part)):
            return None
        return step, carry, [rest[name] for name in others]

    def _are_given(self, atoms: Iterable[Any], part: Sequence[int], carry: dict[str, Any]) -> bool:
        """Whether values do not come from the part itself."""
        made = {var for k in part for var in self.eqns[k].outvars}
        return not any(var in made or var in carry.values() for var in _variables(atoms))

    def _origin(self, atom: Any, part: Sequence[int]) -> Any:
        """What a variable is a reshaped form of."""
        while not isinstance(atom, Literal) and (k := self.maker.get(atom)) in part:
            if self.eqns[k].primitive.name not in _RESHAPES:
                break
            (atom,) = self.eqns[k].invars
        return None if isinstance(atom, Literal) else atom

    def _run_population(
        self, part: Sequence[int], eqn: Any, carry: dict[str, Any], inputs: dict[str, Any], kernel: Kernel
    ) -> None:
        wanted = {var: self._origin(var, part) for var in self._wanted(part)}
        results, atoms = dict(zip(carry, eqn.outvars, strict=True)), _operands(eqn)
        stacked = tuple(name for name, var in results.items() if any(var is x for x in wanted.values()))
        given = {name: self.start[c].reshape(atoms[name].aval.shape) for name, c in carry.items()}
        timed = []
        for name, atom in inputs.items():
            given[name], has_rows = self._value(atom)
            if kernel is recurrent_p and name == CURRENT:  # one number for each neuron, also where that is one number
                rows = self._rows(self._value(atom), atom.aval.shape)
                given[name], has_rows = rows.reshape(self.length, *atoms[SPIKE].aval.shape), True
            timed += [name] * has_rows
        structure = {"config": eqn.params["config"], "timed": tuple(timed), "stacked": stacked, "saved": ()}
        found = kernel.run(given, {**structure, "steps": self.length, "reverse": False, "memory": self.memory})
        self.last |= {c: x.reshape(c.aval.shape) for c, x in zip(carry.values(), found, strict=False)}
        kept = dict(zip((results[name] for name in stacked), found[len(carry) :], strict=False))
        for var, origin in wanted.items():
            self.known[var] = _Value(kept[origin].reshape(self.length, *var.aval.shape), True)


class _Parts(NamedTuple):
    """Groups of equations, by number."""

    members: dict[int, list[int]]
    is_free: dict[int, bool]  # no State goes through it
    order: TopologicalSorter[int]


def _run(closed: ClosedJaxpr, *args: Any) -> list[Any]:
    return run_jaxpr(closed, args)


def _variables(atoms: Iterable[Any]) -> list[Any]:
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def _is_recurrent(eqn: Any) -> bool:
    return RECURRENT in str(eqn.source_info.name_stack)


def _operands(eqn: Any) -> dict[str, Any]:
    names = [operand.name for operand in eqn.params["config"].operands()]
    return dict(zip(names, eqn.invars, strict=True))


def _states(eqn: Any) -> list[str]:
    return [operand.name for operand in eqn.params["config"].operands() if operand.group == "state"]
