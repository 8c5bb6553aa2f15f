"""Regions of a program that are skipped where no neuron needs them.

A region begins with guards of one condition and closes with their ends; between them stands what only these ends need.
Some functions make guards of their own. Others come from the choices of a model: what one takes where its condition
holds becomes a region if it is expensive, since the condition is often rare, as that of several spikes in a step.
Regions do not nest: in a very expensive choice the guards of functions become plain choices, and all of it is one
region; else they come before it, since they are rarer than the choice may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ._builder import Builder
from ._ir import FREE, VARIES, Value

# Operations that take as long as a jump that is foretold wrongly now and then; quotients and roots count for more.
WORTH_A_JUMP = 24
WORTH_ALL = 512  # operations that would stand outside of a region because of guards of functions
COSTS = {"div": 4, "sqrt": 4}

Needs = Callable[[Value], Sequence[Value]]


def reached(results: Sequence[Value], needs: Needs = lambda value: value.args) -> list[Value]:
    """Each value that `results` need once, after what it needs itself."""
    found: dict[int, Value] = {}
    for result in results:
        stack = [(result, iter(needs(result)))]
        while stack:
            value, rest = stack[-1]
            arg = next((arg for arg in rest if id(arg) not in found), None)
            if arg is None:
                stack.pop()
                found[id(value)] = value
            else:
                stack.append((arg, iter(needs(arg))))
    return list(found.values())


class Graph:
    """The values that results need, and how often each is used."""

    def __init__(self, results: Sequence[Value]):
        self.values = reached(results)
        self.position = {id(value): k for k, value in enumerate(self.values)}
        self.uses = Counter(id(arg) for value in self.values for arg in value.args)
        self.uses.update(id(result) for result in results)

    def only_for(
        self, args: Iterable[Value], fixed: Collection[int] = (), outside: Collection[str] = FREE
    ) -> list[Value]:
        """What these arguments of some values need and nothing else does, in order.

        Values that are `fixed`, and operations that are named as `outside`, do not belong to it.
        """
        left, found, stack = dict[int, int](), list[Value](), list(args)
        while stack:
            value = stack.pop()
            left[id(value)] = left.get(id(value), self.uses[id(value)]) - 1
            if not left[id(value)] and not value.uniform and value.op not in outside and id(value) not in fixed:
                found.append(value)
                stack += value.args
        return sorted(found, key=lambda value: self.position[id(value)])


def guarded(results: Sequence[Value]) -> list[Value]:
    """The results, in which choices of something expensive are guards."""
    graph, places = Graph(results), results[0].builder.choices
    choices: dict[tuple[int, int], list[Value]] = {}
    for value in graph.values:
        if id(value) in places and value.type == "f" and not value.args[0].uniform:
            choices.setdefault((id(value.args[0]), places[id(value)]), []).append(value)
    arms = lambda ends: (end.args[places[id(end)]] for end in ends)  # noqa: E731
    inside, chosen = set[int](), set[int]()

    def needed(ends: Sequence[Value]) -> list[Value]:
        part, whole = (graph.only_for(arms(ends), chosen, outside) for outside in (FREE, VARIES))
        return whole if _cost(whole) - _cost(part) > WORTH_ALL else part

    regions = [(needed(ends), ends) for ends in choices.values()]
    for region, ends in sorted(regions, key=lambda pair: -_cost(pair[0])):
        if _cost(region) < WORTH_A_JUMP:
            break
        # The largest has come first.
        ends = [end for end in ends if id(end) not in inside.union(map(id, region))]
        region = needed(ends)
        if _cost(region) >= WORTH_A_JUMP:
            inside |= {id(value) for value in region}
            chosen |= {id(end) for end in ends}
    return _with_guards(graph.values, results, {end: places[end] for end in chosen}, inside) if chosen else [*results]


def _cost(values: Sequence[Value]) -> int:
    return sum(COSTS.get(value.op, 1) for value in values)


def _with_guards(
    values: Sequence[Value], results: Sequence[Value], chosen: Mapping[int, int], inside: Collection[int]
) -> list[Value]:
    """The results, in which the `chosen` selects are guards of the arms at these places, and guards `inside` none."""
    builder = Builder(results[0].builder.dtype.name)
    new: dict[int, Value] = {}
    for value in values:
        args = [new[id(arg)] for arg in value.args]
        if id(value) in chosen:
            condition, yes, no = args if chosen[id(value)] == 1 else (builder.plain("bnot", args[0]), args[2], args[1])
            guard = builder.plain("guard", condition, no, number=len(new))  # the number makes it that of one end
            new[id(value)] = builder.plain("endguard", guard, condition, yes)
        elif id(value) in inside and value.op == "guard":
            new[id(value)] = args[1]
        elif id(value) in inside and value.op == "endguard":
            near, condition, exact = args
            new[id(value)] = builder.plain("sel", condition, exact, near)
        else:
            new[id(value)] = builder.plain(value.op, *args, number=value.number)
    return [new[id(result)] for result in results]


def blocks_of(results: Sequence[Value]) -> dict[int, list[Value]]:
    """For the end of each guard: the guards of its region, what only they need, and their ends.

    Ends of one condition share a region if they are as many ends away from the operands; so none needs another.
    """
    graph = Graph(results)
    depth: dict[int, int] = {}
    regions: dict[tuple[int, int], list[Value]] = {}
    for value in graph.values:
        below = max((depth[id(arg)] for arg in value.args), default=0)
        depth[id(value)] = below + (value.op == "endguard")
        if value.op == "endguard":
            regions.setdefault((id(value.args[1]), below), []).append(value)
    blocks: dict[int, list[Value]] = {}
    for ends in regions.values():
        guards = list(dict.fromkeys(end.args[0] for end in ends))
        body = graph.only_for(end.args[2] for end in ends)
        blocks |= {id(end): [*guards, *body, *ends] for end in ends}
    return blocks
