"""A function turned into a pure program: arguments, States and settings in, results and new State values out."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from .. import _trace, environ
from .._errors import StateChangedError
from .._jax import ClosedJaxpr, current_trace, inputs_to_arguments, run_jaxpr, strong
from .._state import State
from .._trace import Spec, Trace, spec_of, store, stored


@dataclass(frozen=True)
class Traced:
    """The program of one function for one signature.

    `jaxpr` takes the leaves of the arguments, of the `states` and of the `settings`, in this order, and returns the
    leaves of the result and of the new values of the `written` States.
    """

    name: str
    jaxpr: ClosedJaxpr
    in_tree: Any
    out_tree: Any
    num_out: int
    states: tuple[State, ...]  # whose value the function reads
    state_specs: tuple[Spec, ...]
    written: tuple[State, ...]
    written_specs: tuple[Spec, ...]
    settings: dict[str, Spec]  # environ entries that are inputs
    setting_keys: dict[str, Any]  # environ entries that were read by value
    overwritten: dict[State, Spec]  # States that are written, but not read, and what they held

    def state_values(self) -> list[Any]:
        """The present values of the States that the program reads."""
        return [stored(state) for state in self.states]

    def setting_values(self) -> list[Any]:
        """The present values of the settings that are inputs."""
        return [environ.get(key) for key in self.settings]

    def run(self, leaves: Sequence[Any], states: Sequence[Any], settings: Sequence[Any]) -> Any:
        """(leaves of the result, leaves of the written States) for these inputs."""
        outs = run_jaxpr(self.jaxpr, [*leaves, *jax.tree.leaves(states), *jax.tree.leaves(settings)])
        return outs[: self.num_out], outs[self.num_out :]

    def unpack(self, leaves: Sequence[Any]) -> list[Any]:
        """The values of the written States, from their leaves."""
        values, start = [], 0
        for spec in self.written_specs:
            stop = start + len(spec.avals)
            values.append(jax.tree.unflatten(spec.tree, leaves[start:stop]))
            start = stop
        return values

    def commit(self, leaves: Sequence[Any]) -> None:
        """Give the written States their new values."""
        for state, value in zip(self.written, self.unpack(leaves), strict=True):
            store(state, value)

    def result(self, leaves: Sequence[Any]) -> Any:
        """What the function returns, from its leaves."""
        return jax.tree.unflatten(self.out_tree, leaves)

    def call(self, leaves: Sequence[Any]) -> Any:
        """Run the program here, once, as if the function itself had been called."""
        outs, new = self.run(leaves, self.state_values(), self.setting_values())
        self.commit(new)
        return self.result(outs)

    def check_unchanged(self, what: str) -> None:
        """Refuse a State that comes out of the program otherwise than it went in; `what` runs the program."""
        for state, new in zip(self.written, self.written_specs, strict=True):
            old = self._spec_before(state)
            if old != new:
                raise _changed(state, old, new, what)

    def _spec_before(self, state: State) -> Spec:
        if state in self.states:
            return self.state_specs[self.states.index(state)]
        return spec_of(stored(state), state.path)


def _changed(state: State, old: Spec, new: Spec, what: str) -> StateChangedError:
    return StateChangedError(
        f"State {state.path} changes inside {what}: it goes in as {old} and comes out as {new}. "
        "A State that is carried from step to step must keep its structure, unit, shape and dtype; "
        "the State keeps its old value."
    )


def trace_function(
    fun: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any] | None = None,
    *,
    keep_created: bool = False,
    lanes: Mapping[State, int] | None = None,
    unformed: Container[State] = (),
) -> Traced:
    """Run `fun` once on abstract values and return its program.

    States that `fun` makes and that outlive it become results of the program if `keep_created`; otherwise their value
    cannot be read afterwards. Of the States in `lanes`, `fun` sees one lane along the given axis. To those in
    `unformed` it may give another form.
    """
    name = getattr(fun, "__name__", type(fun).__name__)
    leaves, in_tree = jax.tree.flatten((tuple(args), kwargs or {}))
    _refuse_states(leaves, f"an argument of {name}")
    trace = Trace(_trace.current(), lanes, unformed)
    out: dict[str, Any] = {}

    def flat(*tracers: Any) -> list[Any]:
        trace.base = current_trace()
        with _trace.running(trace):
            call_args, call_kwargs = jax.tree.unflatten(in_tree, tracers)
            result, out["tree"] = jax.tree.flatten(fun(*call_args, **call_kwargs))
            _refuse_states(result, f"the result of {name}")
            new = _new_values(trace, keep_created)
            out["written"] = {state: spec_of(value, state.path) for state, value in new.items()}
            out["num"] = len(result)
            return [*result, *(strong(leaf) for leaf in jax.tree.leaves(list(new.values())))]

    closed = jax.make_jaxpr(flat)(*leaves)
    inputs = [(token, spec.avals) for token, spec in trace.input_specs()]
    return Traced(
        name=name,
        jaxpr=inputs_to_arguments(closed, inputs),
        in_tree=in_tree,
        out_tree=out["tree"],
        num_out=out["num"],
        states=tuple(trace.inputs),
        state_specs=tuple(trace.inputs.values()),
        written=tuple(out["written"]),
        written_specs=tuple(out["written"].values()),
        settings=trace.setting_inputs,
        setting_keys=trace.setting_keys,
        overwritten=trace.overwritten(),
    )


def _new_values(trace: Trace, keep_created: bool) -> dict[State, Any]:
    made = [state for ref in trace.created if (state := ref()) is not None]
    new = {state: trace.values[state] for state in trace.written if state not in made}
    return {**new, **{state: trace.values[state] for state in made}} if keep_created else new


def _refuse_states(leaves: Sequence[Any], what: str) -> None:
    for leaf in leaves:
        if isinstance(leaf, State):
            raise ValueError(
                f"{leaf.path} is a State and cannot be {what}. "
                "Use its .value, or let the function reach the State by itself: transformations follow it."
            )
