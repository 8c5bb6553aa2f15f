"""Synapses that are built on the GPU, where networks are constructed there: the same as on the CPU, to the bit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import _mesh, environ
from .._jax import default_device, is_tracer
from .._state import value_of
from ..kernels import _connect as kernel
from ..random._units import attach
from ._delays import steps_of
from ._draws import UNIFORM, Draw
from ._given_on_gpu import PairsOnGpu
from ._memory import check_fits
from ._pairs import Pairs
from ._reference import block_width, most_steps
from ._rows import split_weight
from ._spec import Space, Spec, Synapses
from ._view import View

if TYPE_CHECKING:
    from ._rule import Rule, Values

_MOST = 1 << 30  # synapses to expect; places have 32 bits
_LONGEST = 65535
_LISTED = 2  # who is left out is given for each neuron
_WIDE = 4096  # targets of a block whose synapses are not drawn together


class Part(NamedTuple):
    """A rule between some sources and targets of a connection.

    `wanted` are the targets whose synapses are built. The sources begin at `first_source` in the connection, the wanted
    targets at `first_target`.
    """

    rule: Rule
    source: View
    target: View
    wanted: range
    first_source: int
    first_target: int


def built_on_gpu(rule: Rule, source: View, target: View, targets: range | None = None) -> Synapses | None:
    """The synapses of a rule, on the GPU; with `targets`, those that reach this range of targets.

    None where this is another device, or the builders of the CPU are needed.
    """
    if (targets is None and _mesh.current() is not None) or not kernel.is_native():
        return None
    wanted = range(target.size) if targets is None else targets
    parts = rule.parts(source, target, wanted)
    alone = len(parts) == 1 and parts[0].rule is rule
    values = [(part.rule.weights(), part.rule.delays()) for part in parts]
    values = values if alone else [_as_draws(part, *both) for part, both in zip(parts, values, strict=True)]
    if not parts or not all(map(_is_built, parts)) or not (alone or _go_together(values)):
        return None
    expected = rule.expected(source, target) * len(wanted) / max(target.size, 1)
    if expected > _MOST:
        return None
    if targets is not None:
        rule.check_values_of_range()
    weight, delay = values[0]
    bytes_of_delay = delay.bytes and delay.bytes + 4  # targets are held twice until they are in the order of delays
    what = f"{rule!r} from {source.varshape} to {target.varshape}"
    check_fits(what, expected, source.size, len(wanted), weight.bytes, bytes_of_delay, _free_bytes())
    specs = [
        part.rule.spec(part.source, part.target, *(x.draw for x in drawn))
        for part, drawn in zip(parts, values, strict=True)
    ]
    with jax.ensure_compile_time_eval():  # also within a trace the synapses are known
        found = _filled(_Layout(parts, specs, source.size), specs, len(wanted), alone)
    if alone:
        return rule.completed(found, PairsOnGpu(source, target, found, wanted.start))
    return found._replace(weight=attach(found.weight, weight.unit), dt=delay.unit)


def _as_draws(part: Part, weight: Values, delay: Values) -> tuple[Values, Values]:
    """The values of a rule, in which one number for all synapses is drawn: from a range of no width."""
    where, each = type(part.rule).__name__, 8 if environ.get_precision() == 64 else 4
    if weight.draw is None and weight.bytes == 0:
        number, unit = split_weight(value_of(weight.given), f"{where}: weight")
        if not is_tracer(number):
            weight = weight._replace(draw=_certain(number), unit=unit, given=None, bytes=each)
    if delay.draw is None and delay.bytes == 0 and delay.given is not None:
        steps, dt = steps_of(delay.given, None, Pairs(part.source, part.target, 0, _not_listed), f"{where}: delay")
        if steps:  # a drawn delay is one step at least
            delay = delay._replace(draw=_certain(steps), unit=dt, given=None, bytes=1)
    return weight, delay


def _certain(number: Any) -> Draw:
    """The distribution of one value."""
    return Draw(UNIFORM, float(number), float(number))


class _Layout:
    """Where the synapses of each rule and source stand."""

    def __init__(self, parts: list[Part], specs: list[Spec], n_pre: int):
        rules, positions = np.zeros(len(specs), kernel.RULE), [np.zeros(0)]
        for rule, part, spec in zip(rules, parts, specs, strict=True):
            _write(rule, spec, part)
            if isinstance(spec.own, np.ndarray):
                _write_own(rule, spec, positions)
            if spec.space is not None:
                _write_space(rule["space"], spec.space, positions)
        rules["first_number"] = np.cumsum(rules["n_pre"]) - rules["n_pre"]
        self.rows = np.zeros(n_pre + 1, np.int64)  # the first cell of each source
        groups, self.n_cells = [], 0
        for _, members in itertools.groupby(range(len(parts)), lambda k: id(parts[k].source)):
            first, *others = members
            end = first + len(others) + 1
            groups.append((first, end))
            self._place(rules[first:end], parts[first].first_source)
        self.groups = np.array(groups, np.uint32).reshape(-1, 2)
        longest = max((spec.num for spec in specs if spec.rule in ("fixed_in_degree", "small_world")), default=0)
        sources = int(rules["n_pre"].sum())
        self.drawing = kernel.Drawing(rules, np.concatenate(positions), longest, self.n_cells, sources)

    def _place(self, rules: np.ndarray, first_source: int) -> None:
        """Put the cells of rules of the same sources behind those that are there."""
        before = np.cumsum(rules["parts"]) - rules["parts"]
        cells, n = int(rules["parts"].sum()), int(rules["n_pre"][0])
        rules["first_cell"], rules["cells"] = self.n_cells + before, cells
        self.rows[first_source : first_source + n] = self.n_cells + cells * np.arange(n)
        self.n_cells += cells * n
        self.rows[first_source + n :] = self.n_cells


def _write(rule: np.void, spec: Spec, part: Part) -> None:
    """Write a specification into the record that kernels read."""
    rule["rule"] = kernel.RULES[spec.rule]
    for name in ("num", "multapses", "seed", "n_pre", "n_post", "wide", "prob"):
        rule[name] = getattr(spec, name)
    if isinstance(spec.own, range):
        rule["has_own"], rule["own_first"], rule["own_step"] = 1, spec.own.start, spec.own.step
    for name in ("weight", "delay"):
        draw: Draw | None = getattr(spec, name)
        if draw is not None:
            rule[name] = draw.family, draw.a, draw.b, draw.part, draw.bounds
    width, wanted = _width(spec), part.wanted
    first = wanted.start // width
    rule["width"], rule["blocks"], rule["first_part"] = width, -(-spec.n_post // width), first
    rule["parts"] = -(-wanted.stop // width) - first if len(wanted) else 0
    rule["wanted"] = wanted.start, wanted.stop
    rule["offset"] = (part.first_target - wanted.start) % (1 << 64)


def _write_own(rule: np.void, spec: Spec, positions: list[np.ndarray]) -> None:
    """Write who is left out, behind the positions; then how many are, of the neurons before each."""
    assert isinstance(spec.own, np.ndarray)
    partners = spec.n_pre if spec.rule == "fixed_in_degree" else spec.n_post
    is_there = spec.own < partners
    rule["has_own"], rule["own_first"] = _LISTED, sum(x.size for x in positions)
    positions += [np.where(is_there, spec.own, -1.0), np.cumsum([0.0, *is_there])]


def _write_space(record: np.void, space: Space, positions: list[np.ndarray]) -> None:
    """Write where neurons are; positions go behind those that are there."""
    record["profile"], record["axes"] = kernel.PROFILES.index(space.profile), space.source.shape[1]
    record["scale"], record["cutoff"], record["period"] = space.scale, space.cutoff, space.period
    for name in ("source", "target"):
        record[name] = sum(x.size for x in positions)
        positions.append(getattr(space, name).ravel())


def _width(spec: Spec) -> int:
    """The targets of a block."""
    if spec.rule in ("one_to_one", "small_world"):
        return max(spec.n_post, 1)
    if spec.rule in ("all_to_all", "distance_dependent"):
        return _WIDE
    if spec.rule == "fixed_prob":
        return block_width(spec.n_post, spec.prob)
    neurons = {"fixed_out_degree": spec.n_post, "fixed_in_degree": spec.n_pre}
    return block_width(spec.n_post, spec.num / max(neurons.get(spec.rule, spec.n_pre * spec.n_post), 1))


def _filled(layout: _Layout, specs: list[Spec], n_post: int, alone: bool) -> Synapses:
    """The synapses in the types of the builders of the CPU, for one rule `alone` or for `Blocks`."""
    counted = kernel.count(layout.drawing)
    spec, delays = specs[0], [spec.delay for spec in specs if spec.delay is not None]
    longest = max(map(most_steps, delays), default=0)
    indices, weight, delay = kernel.fill(
        layout.drawing,
        layout.groups,
        counted,
        np.uint16 if n_post <= 1 << 16 else np.uint32,
        None if spec.weight is None else np.float64 if spec.wide else np.float32,
        None if not delays else np.uint8 if longest <= 255 else np.uint16,
        longest,
    )
    if alone and n_post == spec.n_post and _has_equal_rows(spec):
        return Synapses(indices, np.zeros(0, np.int32), weight, delay)
    indptr = counted[0][jnp.asarray(layout.rows)].astype(np.int32)
    return Synapses(indices, indptr, weight, delay if alone else _narrow(delay))


def _has_equal_rows(spec: Spec) -> bool:
    """Whether all sources have the same number of synapses, whatever is drawn."""
    if spec.rule == "all_to_all":
        own = np.asarray([] if spec.own is None else spec.own)
        return int(((own >= 0) & (own < spec.n_post)).sum()) in (0, spec.n_pre)
    return spec.rule in ("one_to_one", "fixed_out_degree", "small_world")


def _narrow(delay: Any) -> Any:
    """Delays in 8 bits, if none is longer than 255 steps."""
    if delay is None or int(delay.max(initial=0)) > 255:
        return delay
    return delay.astype(np.uint8)


def _is_built(part: Part) -> bool:
    """Whether kernels build the rule, and its numbers are such that the builders of the CPU have nothing to refuse."""
    rule, source, target = part.rule, part.source, part.target
    if rule.rule not in kernel.RULES:
        return False
    numbers, delay = rule.numbers(source, target), rule.delays().draw
    own = numbers.get("own")
    if delay is not None and most_steps(delay) > _LONGEST:
        return False
    if rule.rule != "fixed_total_number":
        return rule.rule != "small_world" or source.size > 0
    places, num = np.asarray([] if own is None else own), numbers["num"]
    pairs = source.size * target.size - int(((places >= 0) & (places < target.size)).sum())
    return num == 0 or (pairs > 0 and (numbers["multapses"] or num <= pairs))


def _go_together(values: list[tuple[Values, Values]]) -> bool:
    """Whether the weights of several rules are drawn, and the delays of all or of none."""
    (weight, delay), drawn = values[0], values[0][1].draw is not None
    return all(
        w.draw is not None and w.unit == weight.unit and (d.draw is not None) == drawn and d.given is None
        and (not drawn or d.unit == delay.unit)
        for w, d in values
    )  # fmt: skip


def _free_bytes() -> int | None:
    """Bytes that the device has left, where it says so."""
    known = default_device().memory_stats()
    return known["bytes_limit"] - known["bytes_in_use"] if known and "bytes_limit" in known else None


def _not_listed() -> tuple[np.ndarray, np.ndarray]:
    raise AssertionError("one delay for all synapses needs no list of them")
