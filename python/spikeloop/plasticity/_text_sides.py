"""Finds what of a synapse in text belongs to its source, to its target, or to itself alone.

If every variable belongs to one of the two neurons, and a change of the weight is a product of what one side gives and
what the other side gives, then traces of neurons and the kernels of plasticity do the work: only synapses of neurons
that spike are touched.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from .._integrators import EXACT
from ..equations._expression import Expression
from ..equations._noise import XI
from ..equations._place import Place
from ..equations._text import Statement
from ._synapse_text import SynapseText

OTHER = {"pre": "post", "post": "pre"}


class NotBySides(Exception):
    """A text needs values of every synapse; `place` is the reason."""

    def __init__(self, place: Place, message: str):
        super().__init__(message)
        self.place, self.message = place, message


@dataclass(frozen=True)
class Product:
    """A product of factors, each a part of `expression`; `divides` are those that it is divided by."""

    expression: Expression
    factors: tuple[ast.expr, ...] = ()
    divides: tuple[ast.expr, ...] = ()
    sign: float = 1.0

    def __call__(self, known: Mapping[str, Any]) -> Any:
        value: Any = self.sign
        for factor in self.factors:
            value = value * self.expression.value_of(factor, known)
        for factor in self.divides:
            value = value / self.expression.value_of(factor, known)
        return value

    def __bool__(self) -> bool:
        return bool(self.factors or self.divides) or self.sign != 1


class Distance(NamedTuple):
    """The factor (w − bound) · sign of a change, the distance of the weight from one of its bounds."""

    bound: ast.expr
    sign: float


@dataclass(frozen=True)
class WeightChange:
    """w ← clip(w + event · coefficient · distance): what the spiking side and the other one give."""

    statement: Statement
    event: Product
    coefficient: Product
    bounds: tuple[ast.expr, ast.expr] | None
    distance: Distance | None


class Sides:
    """The parts of a text by side; raises NotBySides if they cannot be told apart."""

    def __init__(self, text: SynapseText):
        self.text = text
        self._check_neuronwise()
        self.of = self._sides()
        self.changes = {side: self._change(side) for side in OTHER}
        self.delivery, self.release, self.delivers_first = self._delivery()
        self._check_bounds()

    def _check_neuronwise(self) -> None:
        """Leave to each synapse what it draws, and a weight that moves without spikes."""
        for expression in self.text.expressions:
            if expression.draws or XI in expression.names:
                raise NotBySides(expression.place, "each synapse draws numbers of its own")
        weight = self.text.declared[self.text.source.weight]
        if weight.kind == "differential":
            raise NotBySides(weight.place, f"{weight.name} has an equation of its own")

    # --- variables ---------------------------------------------------------------------------------------------------

    def _sides(self) -> dict[str, str]:
        """The side of each variable: that whose spikes or values change it, also by way of other variables."""
        text = self.text
        found = {name: set(text.changed.get(name, ())) for name in text.variables}
        for _ in text.variables:
            for name, sides in found.items():
                for needed in self._needs(name):
                    sides |= {"post"} if needed in text.of_target else found.get(needed, set())
        for name, sides in found.items():
            if len(sides) != 1 or text.source.weight in self._needs(name):
                what = "both sides change it" if len(sides) > 1 else "no side changes it" if not sides else "it reads w"
                raise NotBySides(text.declared[name].place, f"{name} belongs to the synapse, for {what}")
        return {name: sides.pop() for name, sides in found.items()}

    def _needs(self, name: str) -> set[str]:
        """The names that the equation of a variable and the statements that change it read."""
        text = self.text
        found = [text.declared[name].expression, *(s.expression for p in text.paths.values() for s in p
                                                   if s.name == name)]  # fmt: skip
        return set().union(*(self._resolved(e.names) for e in found if e is not None))

    def _resolved(self, names: Any) -> set[str]:
        """The same names, with those that subexpressions stand for."""
        found = set()
        for name in names:
            inner = self.text.system.other.get(name)
            found |= {name} if inner is None else self._resolved(inner.names)
        return found

    def _side_of_name(self, name: str) -> str | None:
        return "post" if name in self.text.of_target else self.of.get(name)

    # --- changes of the weight ---------------------------------------------------------------------------------------

    def _change(self, side: str) -> WeightChange | None:
        """How spikes of a side change the weight."""
        weight = self.text.source.weight
        found = [s for s in self.text.paths[side] if s.name == weight]
        if not found:
            return None
        statement, *more = found
        if more:
            raise NotBySides(more[0].place, f"{weight} is changed twice")
        product, bounds = self._added(statement)
        factors, distances = list(product.factors), [self._distance(f, bounds) for f in product.factors]
        distance = next((x for x in distances if x is not None), None)
        if distance is not None:
            del factors[distances.index(distance)]
        event, coefficient = self._split(replace(product, factors=tuple(factors)), side)
        return WeightChange(statement, event, coefficient, bounds, distance)

    def _distance(self, factor: ast.expr, bounds: tuple[ast.expr, ast.expr] | None) -> Distance | None:
        """The distance from a bound that a factor is, if it is one."""
        if bounds is None:
            return None
        low, high = map(ast.dump, bounds)
        match factor:
            case ast.Name(id=name) if name == self.text.source.weight and _is_zero(bounds[0]):
                return Distance(bounds[0], 1.0)
            case ast.BinOp(left=ast.Name(id=name), op=ast.Sub(), right=right) if name == self.text.source.weight:
                return Distance(right, 1.0) if ast.dump(right) == low else None
            case ast.BinOp(left=left, op=ast.Sub(), right=ast.Name(id=name)) if name == self.text.source.weight:
                return Distance(left, -1.0) if ast.dump(left) == high else None
        return None

    def _added(self, statement: Statement) -> tuple[Product, tuple[ast.expr, ast.expr] | None]:
        """(what is added to the weight, the bounds of the sum)."""
        expression, tree = statement.expression, statement.expression.tree
        if statement.operator in ("+=", "-="):
            return _product(expression, tree, 1.0 if statement.operator == "+=" else -1.0), None
        bounds = None
        if statement.operator == "=":
            if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "clip":
                tree, *ends = tree.args
                bounds = (ends[0], ends[1])
            match tree:
                case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=right) if name == statement.name:
                    return _product(expression, right), bounds
                case ast.BinOp(left=ast.Name(id=name), op=ast.Sub(), right=right) if name == statement.name:
                    return _product(expression, right, -1.0), bounds
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)) if name == statement.name:
                    return _product(expression, left), bounds
        raise NotBySides(statement.place, f"it is not {statement.name} plus a product")

    def _split(self, product: Product, side: str) -> tuple[Product, Product]:
        """(the part of the spiking side, the part of the other one and of constants)."""
        parts: dict[bool, tuple[list[ast.expr], list[ast.expr]]] = {True: ([], []), False: ([], [])}
        for divides, factors in enumerate((product.factors, product.divides)):
            for factor in factors:
                names = self._resolved({n.id for n in ast.walk(factor) if isinstance(n, ast.Name)})
                sides = {self._side_of_name(name) for name in names} - {None}
                if self.text.source.weight in names or len(sides) > 1:
                    raise NotBySides(product.expression.at(factor), "it is no product of one side and the other")
                # A factor of the time alone is read in the step of the spikes, so it belongs to their side.
                parts[sides == {side} or (not sides and "t" in names)][divides].append(factor)
        own, other = ((tuple(a), tuple(b)) for a, b in (parts[True], parts[False]))
        return Product(product.expression, *own), Product(product.expression, *other, product.sign)

    def _check_bounds(self) -> None:
        """One pair of bounds holds for both sides."""
        changes = [change for change in self.changes.values() if change is not None]
        if len({_shown(change.bounds) for change in changes}) > 1:
            raise NotBySides(changes[1].statement.place, "spikes of the two sides have different bounds")
        for end in (end for change in changes for end in change.bounds or ()):
            if self._varies(end):
                raise NotBySides(changes[0].statement.expression.at(end), "the bound is no constant")

    @property
    def bounds(self) -> tuple[Expression, tuple[ast.expr, ast.expr]] | None:
        """The bounds of the weight, with the expression they are parts of."""
        for change in self.changes.values():
            if change is not None and change.bounds is not None:
                return change.statement.expression, change.bounds
        return None

    # --- delivery ----------------------------------------------------------------------------------------------------

    def _delivery(self) -> tuple[Statement | None, Product | None, bool]:
        """(the statement that delivers, what of the weight it releases, whether before it changes the weight)."""
        path, summed = self.text.paths["pre"], self.text.summed
        if summed is not None and summed.expression is not None:
            return None, self._release(summed.place, summed.expression, 1.0), False
        found = [k for k, statement in enumerate(path) if statement.name.endswith("_post")]
        if not found:
            return None, None, False
        if len(found) > 1:
            raise NotBySides(path[found[1]].place, "a spike delivers twice")
        statement = path[found[0]]
        release = self._release(statement.place, statement.expression, 1.0 if statement.operator == "+=" else -1.0)
        first = any(s.name == self.text.source.weight for s in path[found[0] :])
        return statement, (release if release else None), first

    def _release(self, place: Place, expression: Expression, sign: float) -> Product:
        """What of the weight is delivered, by the source alone."""
        product, weight = _product(expression, expression.tree, sign), self.text.source.weight
        factors = [f for f in product.factors if not (isinstance(f, ast.Name) and f.id == weight)]
        if len(factors) != len(product.factors) - 1:
            raise NotBySides(place, f"what is delivered is no multiple of {weight}")
        own, other = self._split(Product(product.expression, tuple(factors), product.divides, product.sign), "pre")
        if any(map(self._varies, (*other.factors, *other.divides))):
            raise NotBySides(place, "what is delivered depends on the target")
        return Product(product.expression, own.factors + other.factors, own.divides + other.divides, product.sign)

    @property
    def delivers_else(self) -> bool:
        """Whether something else is delivered than the weight that a spike leaves behind."""
        return self.release is not None or self.delivers_first

    @cached_property
    def lazy_trace(self) -> str | None:
        """The variable of the source that alone, but for constants, gives what spikes of the target change."""
        change = self.changes["post"]
        if change is None or self.delivers_else:
            return None
        own = [f for f in change.coefficient.factors if self._varies(f)]
        if len(own) != 1 or not isinstance(own[0], ast.Name) or any(map(self._varies, change.coefficient.divides)):
            return None
        return own[0].id if self.decay_of(own[0].id) else None

    def _varies(self, factor: ast.expr) -> bool:
        """Whether a factor is more than a constant."""
        names = self._resolved({n.id for n in ast.walk(factor) if isinstance(n, ast.Name)})
        return any(name in (self.text.source.weight, "t") or self._side_of_name(name) for name in names)

    def decay_of(self, name: str) -> str | None:
        """The time constant of a variable that only decays, dx/dt = −x/tau, and by the exact solution."""
        if self.text.method.method not in (EXACT, "exp_euler"):
            return None
        expression = self.text.declared[name].expression
        match expression.tree if expression is not None else None:
            case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=x)), op=ast.Div(),
                           right=ast.Name(id=tau)) if x == name and tau in self.text.constants:  # fmt: skip
                return tau
        return None


def _is_zero(bound: ast.expr) -> bool:
    """Whether a bound is written as 0, with a unit or without."""
    return any(isinstance(node, ast.Constant) and node.value == 0 for node, _, _ in _factors(bound, False))


def _product(expression: Expression, tree: ast.expr, sign: float = 1.0) -> Product:
    """An expression as a product of factors."""
    factors: tuple[list[ast.expr], list[ast.expr]] = ([], [])
    for factor, divides, own in _factors(tree, False):
        sign *= own
        if not isinstance(factor, ast.Constant) or factor.value != 1:
            factors[divides].append(factor)
    return Product(expression, tuple(factors[False]), tuple(factors[True]), sign)


def _factors(tree: ast.expr, divides: bool) -> Iterator[tuple[ast.expr, bool, float]]:
    match tree:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            yield from _factors(left, divides)
            yield from _factors(right, divides != isinstance(op, ast.Div))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield ast.Constant(1), divides, -1.0
            yield from _factors(operand, divides)
        case _:
            yield tree, divides, 1.0


def _shown(bounds: tuple[ast.expr, ast.expr] | None) -> str:
    return "" if bounds is None else f"{ast.dump(bounds[0])}, {ast.dump(bounds[1])}"
