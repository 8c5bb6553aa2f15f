"""`summary`: populations, projections, parameters and memory of a model."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from ._state import ParamState, State
from ._tree import size_text
from .connect import Connectivity
from .connect._describe import delay_text
from .connect._memory import readable
from .models import Projection, ShortTermPlasticity, Synapse, SynOut
from .nn import Dynamics, Module, OneToOne


@dataclass(frozen=True)
class PopulationRow:
    """One population: its place in the model, its class and its number of neurons."""

    path: str
    model: str
    size: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ProjectionRow:
    """One projection; `synapses` is None where the number is unknown, as of a function; `delay` is text to show."""

    path: str
    kind: str
    sources: int | None
    target: str
    synapses: int | None
    delay: str
    bytes: int


@dataclass(frozen=True)
class ParameterRow:
    """One `ParamState`: its place in the model, its shape, its number of values and its unit."""

    path: str
    shape: tuple[int, ...]
    number: int
    unit: str


class Summary:
    """What `summary` returns: lists of rows for programs, which print as a table.

    | attribute | meaning |
    |---|---|
    | `populations` | `PopulationRow` of each population: neurons, readouts, other sized Dynamics |
    | `projections` | `ProjectionRow` of each projection |
    | `parameters` | `ParameterRow` of each `ParamState` |
    | `num_neurons`, `num_synapses`, `num_parameters` | their sums |
    | `connectivity_bytes` | memory of the synapses: targets, weights, delays |
    | `state_bytes` | memory of all States but the weights of synapses |
    | `initialized` | False before `init_all_states`: most States do not exist then |
    """

    def __init__(self, model: Module):
        self.name = model.path
        nodes: dict[Any, Any] = model.nodes()
        connections = [node for node in nodes.values() if isinstance(node, Connectivity)]
        weights = {id(c.weight) for c in connections}
        self.populations = [_population(_dotted(path), x) for path, x in nodes.items() if _is_population(x)]
        paths = {id(node): _dotted(path) for path, node in nodes.items()}
        self.projections = [_projection(paths, x) for x in nodes.values() if isinstance(x, Projection)]
        self.parameters = [_parameter(_dotted(path), state) for path, state in model.states(ParamState).items()]
        self.connectivity_bytes = _bytes(array for c in connections for array in _arrays(c))
        self.state_bytes = _bytes(s.value for s in model.states().values() if id(s) not in weights)
        self.initialized = all(hasattr(x, name) for x in nodes.values() for name in getattr(x, "state_vars", ()))

    @property
    def num_neurons(self) -> int:
        """The neurons of all populations."""
        return sum(row.size for row in self.populations)

    @property
    def num_synapses(self) -> int:
        """The synapses of all projections where they are known."""
        return sum(row.synapses or 0 for row in self.projections)

    @property
    def num_parameters(self) -> int:
        """The numbers in all ParamStates."""
        return sum(row.number for row in self.parameters)

    def tables(self) -> list[list[tuple[str, ...]]]:
        """The tables as text: each a heading and rows."""
        populations = [("population", "model", "size")]
        populations += [(row.path, row.model, size_text(row.shape)) for row in self.populations]
        projections = [("projection", "kind", "from", "to", "synapses", "delay", "memory")]
        projections += [
            (r.path, r.kind, _count(r.sources), r.target, _count(r.synapses), r.delay, readable(r.bytes))
            for r in self.projections
        ]
        parameters = [("parameter", "shape", "unit")]
        parameters += [(row.path, size_text(row.shape) or "one number", row.unit) for row in self.parameters]
        return [table for table in (populations, projections, parameters) if len(table) > 1]

    def totals(self) -> str:
        """The sums in one line."""
        states = f"{readable(self.state_bytes)} of States" if self.initialized else (
            "States do not exist before sl.nn.init_all_states(model)"
        )  # fmt: skip
        return (
            f"{self.num_neurons:,} neurons, {self.num_synapses:,} synapses, {self.num_parameters:,} parameters; "
            f"{readable(self.connectivity_bytes)} of connectivity, {states}"
        )

    def __repr__(self) -> str:
        return "\n\n".join([self.name, *("\n".join(_aligned(table)) for table in self.tables()), self.totals()])

    def _repr_html_(self) -> str:
        tables = "".join(_html_table(table) for table in self.tables())
        return f"<b>{html.escape(self.name)}</b>{tables}<p>{html.escape(self.totals())}</p>"


def summary(model: Module) -> Summary:
    """Populations, projections, trainable parameters and memory of a model; prints as a table.

    | name | meaning |
    |---|---|
    | `model` | any Module |

    Returns a `Summary`. Parts that stand at several places count once.

    >>> found = sl.summary(sl.networks.COBANetwork(100, out_degree=10))
    >>> found.num_neurons, found.num_synapses
    (100, 1000)
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary needs a Module, such as a network; given {type(model).__name__}: {model!r}.")
    return Summary(model)


def _is_population(node: Any) -> bool:
    sized = isinstance(node, Dynamics) and node.in_size is not None
    return sized and not isinstance(node, (Synapse, SynOut, ShortTermPlasticity))


def _population(path: str, node: Any) -> PopulationRow:
    return PopulationRow(path, type(node).__name__, math.prod(node.varshape), node.varshape)


def _projection(paths: dict[int, str], projection: Any) -> ProjectionRow:
    comm = getattr(projection, "comm", None)
    line = getattr(projection, "delay", None)
    delay = delay_text(comm) if isinstance(comm, Connectivity) and comm.delay is not None else "none"
    if line is not None:
        delay = "one for each source" if jnp.ndim(line.time) else str(line.time)
    sizes = getattr(comm, "in_size", None)
    return ProjectionRow(
        path=paths[id(projection)],
        kind=type(projection).__name__,
        sources=None if sizes is None else math.prod(sizes),
        target=paths.get(id(getattr(projection, "post", None)), "-"),
        synapses=_synapses(projection, comm),
        delay=delay,
        bytes=_bytes(_arrays(comm)),
    )


def _synapses(projection: Any, comm: Any) -> int | None:
    """The number of synapses of a connection, of the weights of a layer, or of the pairs of a gap junction."""
    if isinstance(comm, Connectivity):
        return comm.num_synapses
    if hasattr(projection, "pre_ids"):
        return len(projection.pre_ids)
    if not isinstance(comm, Module) or comm.in_size is None or not isinstance(getattr(comm, "weight", None), State):
        return None
    return math.prod(comm.in_size) * (1 if isinstance(comm, OneToOne) else math.prod(comm.out_size or ()))


def _parameter(path: str, state: ParamState) -> ParameterRow:
    leaves = jax.tree.leaves(state.value, is_leaf=lambda x: isinstance(x, u.Quantity))
    shape = jnp.shape(leaves[0]) if len(leaves) == 1 else (sum(math.prod(jnp.shape(x)) for x in leaves),)
    units = {str(x.unit) for x in leaves if isinstance(x, u.Quantity) and not x.unit.is_unitless}
    return ParameterRow(path, shape, sum(math.prod(jnp.shape(x)) for x in leaves), ", ".join(sorted(units)))


def _arrays(comm: Any) -> Iterator[Any]:
    """What a connection or a layer keeps in memory."""
    for name in ("indices", "indptr", "delay"):
        yield getattr(comm, name, None)
    if isinstance(weight := getattr(comm, "weight", None), State):
        yield weight.value


def _bytes(values: Iterable[Any]) -> int:
    """The memory of all arrays in these values, each array once."""
    arrays = {id(leaf): leaf for value in values for leaf in jax.tree.leaves(value)}
    return sum(math.prod(jnp.shape(x)) * jnp.result_type(x).itemsize for x in arrays.values())


def _dotted(path: Sequence[Any]) -> str:
    """A path of attributes, list positions and keys as it is written in Python."""
    text = "".join(f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{part!r}]" for part in path)
    return text.removeprefix(".") or "(itself)"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _aligned(table: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows with columns below each other, under a rule; numbers stand at the right of their column."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    right = [all(_is_number(row[k]) for row in table[1:]) for k in range(len(widths))]
    for k, row in enumerate(table):
        cells = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        yield "  ".join(cells).rstrip()
        if k == 0:
            yield "  ".join("─" * width for width in widths)


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").isdigit()


def _html_table(table: list[tuple[str, ...]]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row(table[0], 'th')}{''.join(row(cells, 'td') for cells in table[1:])}</table>"
