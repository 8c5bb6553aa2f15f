"""The step of a loop in parts: what a device does alone, what spikes of other devices deliver, and what records them.

Spikes that arrive some steps later need not be delivered at once, and no step waits for a record of them. So a device
can run several steps first, and then, step by step, deliver and record the spikes of all devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .._jax import ClosedJaxpr, Literal, inner_program, new_variable
from ..kernels._event import gather_p, scatter_p
from ..kernels._neuron import SPIKE
from ..kernels._neuron import step_p as neuron_p
from ..kernels._ring import collect_p, relay_p
from ..kernels._spike_queue import deliver_p, enqueue_p
from ..kernels._turned_ring import oldest_p, turn_p, unturn_p

if TYPE_CHECKING:
    from ._control import Scan

# What deliveries put spikes into, backward what spikes have caused, and the operations that take out what has arrived.
_TURNS = (relay_p, turn_p, unturn_p)  # which take out and put in
_RINGS = dict.fromkeys(_TURNS, ("past",))
_FILLED = {**_RINGS, scatter_p: ("target",), enqueue_p: ("ring", "count", "sources", "values")}
_TAKERS = (collect_p, deliver_p, scatter_p, enqueue_p, oldest_p)
_FORMS = ("reshape", "squeeze", "broadcast_in_dim", "convert_element_type", "pad")  # a sum stays one through these


class Delivery(NamedTuple):
    """An operation of a step that puts spikes into what holds them until they arrive."""

    equation: Any
    spikes: Any  # the variable of the spikes, or of what they have caused
    filled: tuple[tuple[int, Any], ...]  # (place in what the loop carries, the variable with the spikes in it)
    steps: int  # until the first of them arrive
    sum: Any = None  # the operation that makes them, each device its part of a sum


def variables(atoms: Iterable[Any]) -> list[Any]:
    """Those of some atoms that are no numbers."""
    return [atom for atom in atoms if not isinstance(atom, Literal)]


class Step:
    """The step of a loop: its operations and variables."""

    def __init__(self, loop: Scan):
        jaxpr, consts, carried = loop.body.jaxpr, len(loop.consts), len(loop.init)
        given = [*jaxpr.constvars, *jaxpr.invars]
        self.consts, self.carried, self.xs = given[:consts], given[consts : consts + carried], given[consts + carried :]
        self.new, self.ys = jaxpr.outvars[:carried], jaxpr.outvars[carried:]
        self.equations, self._jaxpr = jaxpr.eqns, jaxpr
        self.fixed, self.of_constants = {*self.consts}, []  # what is the same in every step
        for equation in self.equations:
            if {*variables(equation.invars)} <= self.fixed:
                self.fixed |= {*equation.outvars}
                self.of_constants.append(equation)
        self._cut = {v for v, c in zip(self.consts, loop.consts, strict=True) if c.layout and c.layout.of_synapses}
        self._maker = {v: e for e in self.equations for v in e.outvars}
        self._uses = Counter(v for e in self.equations for v in variables(e.invars))
        self._uses.update(variables(self.new + self.ys))
        self.deliveries = self._deliveries()
        self.delay = min((delivery.steps for delivery in self.deliveries), default=0)

    def program(self, equations: Sequence[Any], operands: Sequence[Any], results: Sequence[Any]) -> ClosedJaxpr:
        """Operations of the step as a program of its constants and these operands."""
        info = self._jaxpr.debug_info._replace(arg_names=None, result_paths=None)
        names = {"constvars": [], "invars": [*self.consts, *operands], "outvars": [*results], "debug_info": info}
        return ClosedJaxpr(self._jaxpr.replace(**names, eqns=[*equations]), [])

    def next(self, v: Any) -> Any:
        """The variable whose value stands in the place of `v` in the next step; None if the loop does not carry it."""
        new = self.new[self.carried.index(v)] if v in self.carried else None
        return None if isinstance(new, Literal) else new

    def is_spike(self, v: Any) -> bool:
        """Whether a variable holds the spikes of a population as it makes them."""
        made = next((e for e in self.equations if v in e.outvars and e.primitive is neuron_p.primitive), None)
        if made is None:
            return False
        names = neuron_p.replaced(made.params)
        return SPIKE in names and made.outvars.index(v) == names.index(SPIKE)

    def _deliveries(self) -> list[Delivery]:
        places = {v: k for k, v in enumerate(self.carried)}  # of what the loop carries, and of what is put into it
        found = []
        for equation in self.equations:
            kernel = next((kernel for kernel in _FILLED if kernel.primitive is equation.primitive), None)
            steps = 0 if kernel is None else _steps(kernel, equation)
            if kernel is None or not steps or not self._stored(kernel, equation):
                continue
            given, made = _named(kernel, equation)
            pairs = [(given[name], made[name]) for name in _FILLED[kernel]]
            if all(old in places and self._uses[old] == 1 and self._waits(new, places[old]) for old, new in pairs):
                filled = tuple((places[old], new) for old, new in pairs)
                spikes = given["ct" if kernel is unturn_p else "spikes"]
                found.append(Delivery(equation, spikes, filled, steps, self._sum(spikes)))
                places |= {new: place for place, new in filled}
        return found

    def _sum(self, v: Any) -> Any:
        """The gather of which a variable is the only result, but for its form; None if it comes from elsewhere."""
        while not isinstance(v, Literal) and self._uses[v] == 1 and v in self._maker:
            equation = self._maker[v]
            if equation.primitive is gather_p.primitive:
                return equation if _named(gather_p, equation)[0]["indices"] in self._cut else None
            if not _changes_form(equation):
                return None
            v = equation.invars[0]
        return None

    def readers(self, v: Any) -> list[Any] | None:
        """The operations that read a variable; None if it is a result of the step."""
        return None if v in variables(self.new + self.ys) else [e for e in self.equations if v in variables(e.invars)]

    def _stored(self, kernel: Any, equation: Any) -> bool:
        """Whether synapses are the same in every step."""
        given, _ = _named(kernel, equation)
        synapses = [given[name] for name in ("weight", "indices", "indptr", "delay") if name in given]
        return all(v in self.fixed or v.aval.size == 1 for v in variables(synapses))

    def _waits(self, new: Any, place: int) -> bool:
        """Whether nothing but what takes spikes out looks at what has been put in."""
        takers = [kernel.primitive for kernel in _TAKERS]
        readers = [e for e in self.equations if new in variables(e.invars)]
        elsewhere = [*self.ys, *self.new[:place], *self.new[place + 1 :]]
        return all(e.primitive in takers for e in readers) and new not in variables(elsewhere)


def _named(kernel: Any, equation: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(operands, results that replace some of them) by name."""
    replaced = kernel.replaced(equation.params)
    given = dict(zip(kernel.names(equation.params), equation.invars, strict=True))
    return given, dict(zip(replaced, equation.outvars, strict=False))


def _steps(kernel: Any, equation: Any) -> int:
    """For how many steps spikes wait at least; 0 if that is not known."""
    rows, state = equation.params["rows"], equation.outvars[0].aval
    if rows.slots != 0 and kernel is not enqueue_p:
        return 0
    if kernel in _TURNS:
        return state.shape[0] - 1 if state.ndim == 2 else 0
    return rows.shortest if state.ndim == 2 else 0


class Split:
    """A step in programs that take the constants of the loop and more.

    | program | takes | makes |
    |---|---|---|
    | `early` | what the loop carries but records; inputs | the same; outputs; `noted` |
    | `first` | the same; the `spikes` of all | the same |
    | `deliver` | what deliveries fill; `spikes` of all, `timing` | what deliveries fill |
    | `record` | the records; `asked`, of all, and `recorded` | the records; outputs |

    `asked` are (operation, variable that it needs of all devices) of operations that come late, and what needs their
    results comes late, too. Those of `at_once` need spikes of the step before, and cannot wait.
    """

    def __init__(self, step: Step, asked: Sequence[tuple[Any, Any]], at_once: Sequence[tuple[Any, Any]] = ()):
        self.step, self._own = step, {id(d.equation) for d in step.deliveries}
        self._at_once = {id(equation) for equation, _ in at_once}
        self._same = _replacements(step)
        turns = [kernel.primitive for kernel in _TURNS]
        self.turns = [d.equation for d in step.deliveries if d.equation.primitive in turns]
        self.puts = [_put(equation) for equation in self.turns]  # they only fill the rings
        self.late, self._made = _followers(step, {id(equation) for equation, _ in asked})
        self.places = [k for k, v in enumerate(step.carried) if v not in self._made]
        self.late_places = [k for k, v in enumerate(step.carried) if v in self._made]
        self.ys = [k for k, v in enumerate(step.ys) if not self._is_late(v)]
        self.late_ys = [k for k, v in enumerate(step.ys) if self._is_late(v)]
        self.spikes = [*dict.fromkeys([*(d.spikes for d in step.deliveries), *(v for _, v in at_once)])]
        self.asked = [*dict.fromkeys(v for _, v in asked)]
        self.filled = [*dict.fromkeys(place for d in step.deliveries for place, _ in d.filled)]
        puts = dict(zip(map(id, self.turns), self.puts, strict=True))
        self._deliveries = [puts.get(id(d.equation), d.equation) for d in step.deliveries]
        rings = [step.carried[k] for k in self.filled]
        self.timing = self._needed(self._deliveries, {*self.spikes, *rings, *self._same, *self._filled().values()})
        self.recorded = self._needed(self.late, {*self._made, *self.asked})

    @property
    def is_possible(self) -> bool:
        """Whether the steps can run without what comes late."""
        early = [*self.spikes, *self.asked, *self.timing, *(self.step.carried[k] for k in self.filled)]
        return self._made.isdisjoint(early) and not {*map(id, self.late)} & (self._own | self._at_once)

    def early(self, noted: Sequence[Any]) -> ClosedJaxpr:
        """The step of a device alone, whose deliveries take out, but put nothing in."""
        dropped = {id(e) for e in self.late} | (self._own - {*map(id, self.turns)})
        kept = [e for e in self.step.equations if id(e) not in dropped]
        reads = lambda e: not self._same.keys().isdisjoint(variables(e.invars))  # noqa: E731
        changed = [e.replace(invars=[*map(self._before, e.invars)]) if reads(e) else e for e in kept]
        return self._program(changed, [], [*map(self._before, self._results(noted))])

    def first(self, noted: Sequence[Any]) -> ClosedJaxpr:
        """The step of a device where the spikes of the step before are known."""
        late, known = {id(e) for e in self.late}, {v: new_variable(v.aval) for v in self.spikes}
        whole = lambda v: v if isinstance(v, Literal) else known.get(v, v)  # noqa: E731
        takes = self._own | self._at_once
        kept = [e for e in self.step.equations if id(e) not in late]
        changed = [e.replace(invars=[*map(whole, e.invars)]) if id(e) in takes else e for e in kept]
        return self._program(changed, [*known.values()], self._results(noted))

    def deliver(self) -> ClosedJaxpr:
        """The deliveries."""
        step, rings = self.step, [self.step.carried[k] for k in self.filled]
        equations, filled = [*step.of_constants, *self._deliveries], self._filled()
        return step.program(equations, [*rings, *self.spikes, *self.timing], [filled[k] for k in self.filled])

    def record(self) -> ClosedJaxpr:
        """The records."""
        step = self.step
        results = [*(step.new[k] for k in self.late_places), *(step.ys[k] for k in self.late_ys)]
        operands = [*(step.carried[k] for k in self.late_places), *self.asked, *self.recorded]
        return step.program([*step.of_constants, *self.late], operands, results)

    def _program(self, equations: Sequence[Any], more: Sequence[Any], results: Sequence[Any]) -> ClosedJaxpr:
        carried = [self.step.carried[k] for k in self.places]
        return self.step.program(equations, [*carried, *self.step.xs, *more], results)

    def _results(self, noted: Sequence[Any]) -> list[Any]:
        step = self.step
        return [*(step.new[k] for k in self.places), *(step.ys[k] for k in self.ys), *noted]

    def _filled(self) -> dict[int, Any]:
        """The last variable of each place that deliveries fill."""
        return dict(pair for delivery in self.step.deliveries for pair in delivery.filled)

    def _is_late(self, v: Any) -> bool:
        return not isinstance(v, Literal) and v in self._made

    def _needed(self, equations: Sequence[Any], inside: set[Any]) -> list[Any]:
        """Variables that operations need from the step."""
        needed = dict.fromkeys(v for e in equations for v in variables(e.invars))
        return [v for v in needed if v not in inside and v not in self.step.fixed]

    def _before(self, v: Any) -> Any:
        """What stands for a variable where deliveries put nothing in."""
        while not isinstance(v, Literal) and v in self._same:
            v = self._same[v]
        return v


def _put(equation: Any) -> Any:
    """A delivery of past spikes that needs only those that it stores."""
    if equation.primitive is not relay_p.primitive:
        return equation.replace(invars=[*equation.invars])
    given, _ = _named(relay_p, equation)
    needed = ("spikes", "cursor", "past")
    return equation.replace(invars=[v if name in needed else given["spikes"] for name, v in given.items()])


def _changes_form(equation: Any) -> bool:
    """Whether an operation keeps the numbers of its first operand, and adds nothing but zeros."""
    inner = inner_program(equation)
    names = [equation.primitive.name] if inner is None else [e.primitive.name for e in inner.jaxpr.eqns]
    zeros = all(isinstance(v, Literal) and v.val == 0 for v in equation.invars[1:])
    return zeros and {*names} <= {*_FORMS}


def _replacements(step: Step) -> dict[Any, Any]:
    """The operand that each result of a delivery replaces; a ring that turns is read as well as filled."""
    same = {}
    for delivery in step.deliveries:
        kernel = next(kernel for kernel in _FILLED if kernel.primitive is delivery.equation.primitive)
        given, made = _named(kernel, delivery.equation)
        same |= {} if kernel in _TURNS else {v: given[name] for name, v in made.items()}
    return same


def _followers(step: Step, starts: set[int]) -> tuple[list[Any], set[Any]]:
    """(operations that need results of these, also from one step to the next, and all that they make)."""
    places = set[int]()
    while True:
        made, late = {step.carried[k] for k in places}, []
        for equation in step.equations:
            if id(equation) in starts or not made.isdisjoint(variables(equation.invars)):
                late.append(equation)
                made |= {*equation.outvars}
        found = {k for k, v in enumerate(step.new) if not isinstance(v, Literal) and v in made}
        if found == places:
            return late, made
        places = found
