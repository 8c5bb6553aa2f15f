"""`from_equations`: a rule of plasticity from the text of a synapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._form import param
from ..equations._class import Recipe, made
from ..equations._namespace import joined
from ._plasticity import Trace
from ._synapse_text import Source, SynapseText
from ._text_rule import NeuronwiseRule, SynapsewiseRule
from ._text_sides import NotBySides, Sides


def from_equations(
    model: str,
    on_pre: str = "",
    on_post: str = "",
    *,
    weight: str = "w",
    method: str | None = None,
    name: str = "TextSynapse",
    namespace: Mapping[str, Any] | None = None,
    **values: Any,
) -> type[Any]:
    r"""A synapse, from equations in text in the notation of Brian2: a rule for `plasticity=` of a projection.

    In a step the variables follow their equations; then `on_post` acts where the target has spiked, and `on_pre` where
    a spike of the source arrives. Each sees the variables that only the other one changes as they were before the
    spikes of this step, so two spikes of the same step are no pair.

    | parameter | meaning | default |
    |---|---|---|
    | `model` | lines `dx/dt = … : unit`, `x = … : unit`, `x : unit`; one of them is the weight, `w : nS` | |
    | `on_pre` | statements for spikes of the source, `"x += 1; w = clip(w - y, 0*nS, w_high); g_post += w"` | none |
    | `on_post` | statements for spikes of the target | none |
    | `weight` | the name of the weight in the text | `"w"` |
    | `method` | `"exact"`, `"exp_euler"`, `"euler"`, `"rk2"`, `"rk4"`, `"rk4(5)"` | exact if linear, else exp_euler |
    | `name` | the name of the class | `"TextSynapse"` |
    | `namespace` | default values of the constants, with units; of a variable, what it starts from; by name | 0 |
    | `**values` | the same as keywords | |

    `g_post += …` says what a spike delivers, in the unit of the weight; without it, it delivers the new weight. An
    equation `g_post = … : nS (summed)` instead is what all synapses deliver in every step. Where it goes is said by the
    projection. `v_post` is v of the target; any other State or constant of it is read likewise. `t` is the time, and
    `rand()`, `randn()` and `xi` are numbers of each synapse in each step.

    Where variables belong to neurons and a change of the weight is a product of what both sides give, native code runs,
    on the synapses of neurons that spike. Other texts, those that draw among them, run as JAX code on all synapses,
    which a warning says.

    Raises EquationError or UnitError, which show the line and mark the place.

    >>> Pair = sl.Synapse.from_equations(
    ...     "w : nS\ndx/dt = -x/tau : 1\ndy/dt = -y/tau : 1",
    ...     on_pre="x += 1; w = clip(w - A_minus*y, 0*nS, w_high)",
    ...     on_post="y += 1; w = clip(w + A_plus*x, 0*nS, w_high)",
    ...     tau=20 * u.ms, A_plus=0.1 * u.nS, A_minus=0.12 * u.nS, w_high=6 * u.nS,
    ... )
    >>> Pair(tau=10 * u.ms).tau
    Quantity(10, "ms")
    """
    for path, statements in (("on_pre", on_pre), ("on_post", on_post)):
        if not isinstance(statements, str):
            raise TypeError(
                f"{path} is one text; for several pathways make a projection for each. Given {statements!r}."
            )
    values = joined(namespace, values, model, on_pre, on_post)
    text = SynapseText(Source(model, on_pre, on_post, weight, method, values), NeuronwiseRule)
    constants = {name: param(value) for name, value in text.constants.items()}
    shared = {
        **constants,
        "text": text,
        "__doc__": f"A synapse from text.\n\n{model}\non_pre: {on_pre}\non_post: {on_post}",
    }
    try:
        sides = Sides(text)
    except NotBySides as error:
        reason = f"{error.message}, in {error.place.name} `{error.place.content.strip()}`"
        more = {"reason": reason, "state_names": text.variables, "delivers_else": text.delivers}
        attributes, base = {**shared, **more}, SynapsewiseRule
    else:
        traces = {name: Trace(of, sides.decay_of(name) or "", "spikes") for name, of in sides.of.items()}
        more = {"lazy_trace": sides.lazy_trace, "limits": sides.bounds, "delivers_else": sides.delivers_else}
        attributes = {**shared, **traces, **more, "sides": sides}
        base = NeuronwiseRule
    options = {"weight": weight, "method": method, "name": name}
    recipe = Recipe(from_equations, (model, on_pre, on_post), {**options, **values})
    return made(name, base, attributes, recipe)
