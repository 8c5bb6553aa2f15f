"""Network: populations and projections that advance together."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

from .. import environ
from .._tree import brief
from ..nn import Module
from ._neuron import Neuron
from .projection import CommProjection, Projection


class Network(Module):
    """Populations and projections; a call advances all of them by one step.

    First every projection, in the order given, delivers the spikes that its source made in the step before. Then every
    population takes its input and makes new spikes. So a spike acts one step later, plus the delay of the projection.

    | name | meaning | default |
    |---|---|---|
    | `inputs` | {name of a population: current}; a value, or what gives one when it is called, such as \
`OUProcessInput` | none |
    | `name` | a name for messages | the class |
    | `**parts` | populations and projections of `project` by name; they become attributes | |

    A call returns {name of a population: its spikes}. A network that does anything else in a step is a Module of its
    own, with an `update` that says so.

    >>> neurons = sl.LIF(10, V_th=10 * u.mV, tau=20 * u.ms)
    >>> net = sl.Network(neurons=neurons, ring=sl.project(neurons, neurons, sl.connect.OneToOne(5 * u.mV)),
    ...                  inputs={"neurons": 12 * u.mA})
    >>> with sl.environ.context(dt=0.1 * u.ms):
    ...     spikes = sl.transform.for_loop(net.init_all_states(), length=1000)["neurons"]
    >>> spikes.shape, int(spikes[:, 0].sum())
    ((1000, 10), 3)
    """

    takes_every_keyword: ClassVar[bool] = True

    def __init__(self, *, inputs: Mapping[str, Any] | None = None, name: str | None = None, **parts: Any):
        super().__init__(name)
        for key, part in parts.items():
            self._check(key, part)
            if isinstance(part, Neuron):
                part._owner = None  # its name is that in the network, not that in a projection made before
            setattr(self, key, part)
        self.inputs = dict(inputs or {})
        for key in self.inputs:
            if key not in self.populations:
                known = ", ".join(map(repr, self.populations)) or "none"
                raise KeyError(f"Network: inputs names {key!r}, but the populations are {known}.")
        self._check_sources()

    @property
    def populations(self) -> dict[str, Neuron]:
        """{name: population}, in the order given."""
        return {key: part for key, part in vars(self).items() if isinstance(part, Neuron)}

    @property
    def projections(self) -> dict[str, Projection]:
        """{name: projection}, in the order given, which is that of the calls."""
        return {key: part for key, part in vars(self).items() if isinstance(part, Projection)}

    def _check(self, key: str, part: Any) -> None:
        if hasattr(type(self), key) or key == "inputs":
            raise ValueError(f"Network: a part cannot be called {key!r}, which is a name of Modules; choose another.")
        if not isinstance(part, (Neuron, Projection)):
            raise TypeError(
                f"Network: {key} must be a population, such as sl.LIF(100), or a projection, such as sl.project(...); "
                f"given {brief(part)}. Inputs go into sl.project or `inputs`; for anything else write a Module."
            )
        if isinstance(part, CommProjection) and not part.modules:
            raise TypeError(
                f"Network: {key} does not know where its spikes come from. Make it by sl.project(pre, post, ...), or "
                f"write {type(part).__name__}(pre.prefetch('spike'), ...)."
            )

    def _check_sources(self) -> None:
        """Refuse an input that two projections would call: it would advance twice in a step."""
        found: dict[int, str] = {}
        for key, projection in self.projections.items():
            for module in getattr(projection, "modules", ()):
                if isinstance(module, Module) and module.out_size is not None and id(module) in found:
                    raise ValueError(
                        f"Network: {found[id(module)]} and {key} call the same {type(module).__name__}, which would "
                        "advance twice in a step. Give each projection one of its own, or write a Module."
                    )
                found[id(module)] = key

    def update(self, t: Any = None) -> dict[str, Any]:
        """One step, at the time `t` if given; returns {name of a population: its spikes}."""
        with environ.context(t=t) if t is not None else contextlib.nullcontext():
            for projection in self.projections.values():
                projection()
            return {name: population(*self._input(name)) for name, population in self.populations.items()}

    def _input(self, name: str) -> tuple[Any, ...]:
        given = self.inputs.get(name)
        return () if given is None else (given() if callable(given) else given,)
