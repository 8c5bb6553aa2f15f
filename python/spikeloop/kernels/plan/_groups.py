"""Which native calls of a step follow each other.

Equations keep their order but for one thing: what does not need the results of a group goes before it. So a group ends
only where a native call needs what XLA makes of its results.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..._jax import Literal
from .._kernel import KERNELS, Kernel
from .._native_call import NativeCall
from ..program._ir import Program
from ._forms import with_bits, with_literals
from ._sums import PLATFORM, is_sum, with_sums

_MOST = 48  # operands or results of one of several calls, as native code has room for


@dataclass
class Rows:
    """Results of calls that are rows of arrays which a loop carries, in which each of its steps writes one row."""

    length: int
    reverse: bool
    counter: tuple[Any, Any]  # variables before and after a step, in a word of which the steps are counted
    arrays: dict[Any, tuple[Any, Any]] = field(default_factory=dict)  # for each row the array before and after the step


@dataclass
class Group:
    """Equations that run as native calls, one after the other."""

    platform: str = PLATFORM
    equations: list[Any] = field(default_factory=list)
    calls: list[NativeCall] = field(default_factory=list)
    bases: list[Any] = field(default_factory=list)  # the equations without the sums that became part of them
    sums: list[list[Any]] = field(default_factory=list)
    programs: list[Program | None] = field(default_factory=list)  # of elementwise kernels
    rows: Rows | None = None

    def add(self, equation: Any, call: NativeCall) -> None:
        """One more call."""
        self.equations.append(equation)
        self.calls.append(call)
        self.bases.append(equation)
        self.sums.append([])
        kernel = kernel_of(equation.primitive)
        self.programs.append(kernel and _program(kernel, equation))

    def insert(self, k: int, equation: Any, call: NativeCall) -> None:
        """A call without sums, before the call `k`."""
        self.equations.insert(k, equation)
        self.calls.insert(k, call)
        self.bases.insert(k, equation)
        self.sums.insert(k, [])
        self.programs.insert(k, None)

    def remove(self, k: int) -> None:
        """Leave a call out."""
        for part in (self.equations, self.calls, self.bases, self.sums, self.programs):
            del part[k]

    def add_sum(self, equation: Any) -> bool:
        """Make a sum a result of the last call that it needs; False if it does not fit there."""
        needed = variables(equation.invars)
        k = max((k for k, e in enumerate(self.equations) if needed.intersection(e.outvars)), default=None)
        kernel = None if k is None else kernel_of(self.bases[k].primitive)
        if k is None or kernel is None or not kernel.elementwise or kernel.turn or not is_sum(equation):
            return False
        sums = [*self.sums[k], equation]
        if (found := with_sums(kernel, self.bases[k], sums)) is None:
            return False
        self.equations[k], self.calls[k], self.programs[k] = found
        self.sums[k] = sums
        return True

    def choose_forms(self) -> None:
        """Let spikes be bits, and numbers of the step parts of programs, inside of several calls that run as one."""
        for k, program in enumerate(self.programs):
            kernel = kernel_of(self.bases[k].primitive)
            if kernel and program and len(self.calls) > 1:
                call, program = with_literals(self.equations[k], program)
                self.calls[k], self.programs[k] = with_bits(kernel, self.bases[k], call, program), program

    def made(self) -> set[Any]:
        """The variables that the calls make."""
        return {v for equation in self.equations for v in equation.outvars}

    def maker(self, v: Any) -> int | None:
        """The number of the call that makes a variable."""
        return next((k for k, equation in enumerate(self.equations) if v in equation.outvars), None)


Plan: TypeAlias = "list[Group | Any]"  # groups and equations of XLA, in order


def groups_in(plan: Plan) -> list[Group]:
    """The groups of a plan."""
    return [item for item in plan if isinstance(item, Group)]


def equations_in(item: Group | Any) -> list[Any]:
    """The equations of one entry of a plan."""
    return item.equations if isinstance(item, Group) else [item]


def variables(atoms: Sequence[Any]) -> set[Any]:
    """Those of some atoms that are no numbers."""
    return {atom for atom in atoms if not isinstance(atom, Literal)}


def direct(jaxpr: Any, platform: str = PLATFORM) -> Any:
    """The same program, in which an operand that a native call returns as it is stands for that result."""
    same: dict[Any, Any] = {}

    def found(atom: Any) -> Any:
        return atom if isinstance(atom, Literal) else same.get(atom, atom)

    equations = []
    for equation in jaxpr.eqns:
        changed = equation.replace(invars=[found(atom) for atom in equation.invars])
        call = native_call(changed, platform)
        same |= {changed.outvars[k]: changed.invars[i] for k, i in call.passed.items()} if call else {}
        equations.append(changed)
    return jaxpr.replace(eqns=equations, outvars=[found(atom) for atom in jaxpr.outvars])


def plan_of(jaxpr: Any, fixed: Collection[Any]) -> Plan:
    """The plan of a `direct` program; `fixed` are variables that have the same value in every step."""
    found: Plan = []
    group, late = Group(), []
    made, waiting, constant = set[Any](), set[Any](), {*fixed}
    for equation in jaxpr.eqns:
        needed = variables(equation.invars)
        if needed <= constant:  # XLA does it once, before the loop
            constant |= {*equation.outvars}
            found.append(equation)
            continue
        call = native_call(equation)
        if call and needed & waiting:
            found += [group, *late]
            group, late, made, waiting = Group(), [], set(), set()
        if call:
            group.add(equation, call)
            made |= {*equation.outvars}
        elif needed & made and not needed & waiting and group.add_sum(equation):
            made |= {*equation.outvars}
        elif needed & (made | waiting):
            late.append(equation)
            waiting |= {*equation.outvars}
        else:
            found.append(equation)
    plan = [*found, group, *late] if group.calls else [*found, *late]
    for item in groups_in(plan):
        item.choose_forms()
    return plan


def native_call(equation: Any, platform: str = PLATFORM) -> NativeCall | None:
    """What runs for an equation, if it is a native call that can be one of several."""
    kernel = kernel_of(equation.primitive)
    if kernel is None:
        return None
    given, made = ([atom.aval for atom in atoms] for atoms in (equation.invars, equation.outvars))
    call = kernel.native_call(given, made, equation.params, platform)
    fits = call and max(len(call.operands), len(call.outs)) <= _MOST
    return call if fits else None


def _program(kernel: Kernel, equation: Any) -> Program | None:
    """The program of an elementwise kernel of one step."""
    if not kernel.elementwise or kernel.turn:
        return None
    given, made = ([atom.aval for atom in atoms] for atoms in (equation.invars, equation.outvars))
    return kernel.program(given, made, equation.params)


def kernel_of(primitive: Any) -> Kernel | None:
    """The kernel that declares a primitive."""
    return next((kernel for kernel in KERNELS.values() if kernel.primitive is primitive), None)
