"""e-prop: gradients of recurrent networks from traces that go forward in time with the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._errors import ShapeError
from .._init_states import join
from .._state import ParamState, value_of
from ..nn import Linear, Sequential
from ..snn import Cell, EventPropLIF, LeakyIntegrator, RecurrentLIF
from ..transform import jvp, scan


class _Parts(NamedTuple):
    """What a network consists of."""

    into: Linear
    cell: Cell
    recurrent: Linear | None
    out: Linear
    readout: LeakyIntegrator

    def layers(self) -> dict[str, Linear]:
        return {"into": self.into, **({"recurrent": self.recurrent} if self.recurrent else {}), "out": self.out}


class _Traces(NamedTuple):
    """What goes from step to step beside the States."""

    states: list[Any]  # ∂h/∂W for each state h of the cell: (..., presynaptic, postsynaptic)
    spikes: Any  # ∂z/∂W, filtered as the readout filters spikes
    out: Any  # spikes filtered likewise, and a constant 1 for the bias
    hidden_gradient: Any  # sums over the steps until now
    out_gradient: Any


def eprop(
    net: Sequential, loss: Callable[[Any, Any], Any], x: Any, targets: Any, feedback: Any = None
) -> tuple[dict[str, Any], jax.Array, jax.Array]:
    r"""(gradients of all weights by e-prop, the loss, the outputs over time). Memory does not grow with the steps.

    $$\frac{dE}{dW_{ij}} \approx \sum_t L_j^t\, \bar e_{ij}^{\,t}, \qquad
    \epsilon_{ij}^t = \frac{\partial h_j^t}{\partial h_j^{t-1}} \epsilon_{ij}^{t-1}
    + \frac{\partial h_j^t}{\partial W_{ij}}, \qquad e_{ij}^t = \frac{dz_j^t}{dh_j}\, \epsilon_{ij}$$

    z are spikes, h the states of a neuron, V and for `ALIF` its threshold. ē is e filtered by the readout, and the
    learning signal $L_j$ is what the errors of the outputs send to neuron j. These are the gradients of
    backpropagation through time, but for what a spike does to the loss through the spikes of other neurons; of a
    network without recurrent weights they are all of it.

    | name | meaning | default |
    |---|---|---|
    | `net` | `Sequential(Linear, RecurrentLIF or a neuron of sl.snn, Linear, LeakyIntegrator)`, with its States | |
    | `loss` | a function of the outputs of one step and its target; E is the sum over the steps | |
    | `x` | the input of all steps, (time, ..., inputs) | |
    | `targets` | an array, or a pytree of arrays, whose first axis is the time | |
    | `feedback` | weights (neurons, outputs) by which errors reach neurons, such as fixed random ones | the readout's |

    Traces take (neurons + inputs) × neurons × (states + 1) numbers for each sample. The gradients have the names of
    `Optimizer(..., net).states_to_train`. Raises TypeError, by path, for other networks and trained constants.

    Bellec G et al. (2020) Nat. Commun. 11:3625.

    >>> net = sl.nn.Sequential(sl.nn.Linear(3, 5), sl.snn.RecurrentLIF(5), sl.nn.Linear(5, 1),
    ...                        sl.snn.LeakyIntegrator(1))
    >>> net = sl.nn.init_all_states(net, batch_size=2)
    >>> gradients, loss, y = sl.train.eprop(
    ...     net, lambda y, wanted: ((y - wanted) ** 2).sum(), jnp.ones((10, 2, 3)), jnp.ones((10, 2, 1)))
    >>> [*gradients], y.shape
    (['layers.0.weight', 'layers.1.recurrent.weight', 'layers.2.weight'], (10, 2, 1))
    """
    parts = _parts(net)
    back = parts.out._effective(parts.out.weight.value["weight"]) if feedback is None else jnp.asarray(feedback)
    wanted = parts.out._shape
    if back.shape != wanted:
        raise ShapeError(f"eprop: feedback is an array (neurons, outputs) of shape {wanted}; given {back.shape}.")
    x = jnp.asarray(x)
    decay = value_of(parts.readout.beta)

    def step(traces: _Traces, now: tuple[Any, Any]) -> tuple[_Traces, tuple[Any, Any]]:
        return _step(parts, traces, now[0].astype(back.dtype), lambda y: loss(y, now[1]), back, decay)

    traces, (losses, outputs) = scan(step, _start(parts, x.shape[1:-1], back.dtype), (x, targets))
    return _named(net, parts, traces), losses.sum(), outputs


def _parts(net: Any) -> _Parts:
    """The parts of a network; refuses what e-prop is not defined for."""
    layers = net.layers if isinstance(net, Sequential) else []
    kinds = (Linear, (RecurrentLIF, Cell), Linear, LeakyIntegrator)
    if len(layers) != 4 or not all(isinstance(layer, kind) for layer, kind in zip(layers, kinds, strict=True)):
        given = ", ".join(type(layer).__name__ for layer in layers) or type(net).__name__
        raise TypeError(f"eprop takes Sequential(Linear, RecurrentLIF, Linear, LeakyIntegrator); given {given}.")
    into, hidden, out, readout = layers
    is_recurrent = isinstance(hidden, RecurrentLIF)
    parts = _Parts(into, hidden.cell if is_recurrent else hidden, hidden.recurrent if is_recurrent else None,
                   out, readout)  # fmt: skip
    for cell in (parts.cell, readout):
        if trained := [join(name) for name in cell.states(ParamState)]:
            raise TypeError(f"{cell.path}.{trained[0]}: eprop trains weights; give the constant as a number.")
    if isinstance(parts.cell, EventPropLIF):
        raise TypeError(f"{parts.cell.path}: the gradients of EventProp belong to two steps; use CubaLIF for e-prop.")
    if jnp.ndim(value_of(readout.beta)):
        raise TypeError(f"{readout.path}.beta: eprop takes one number for all outputs.")
    return parts


def _start(parts: _Parts, batch: tuple[int, ...], dtype: Any) -> _Traces:
    n_in, n = parts.into._shape
    sources = n_in + (n if parts.recurrent else 0) + 1
    n, outputs = parts.out._shape
    trace = jnp.zeros((*batch, sources, n), dtype)
    out = jnp.zeros((*batch, n + 1), dtype)
    return _Traces(
        [trace] * len(parts.cell.state_vars), trace, out, jnp.zeros((sources, n), dtype),
        jnp.zeros((n + 1, outputs), dtype),
    )  # fmt: skip


def _step(
    parts: _Parts, traces: _Traces, x: Any, loss: Callable[[Any], Any], back: Any, decay: Any
) -> tuple[_Traces, tuple[Any, Any]]:
    """A step of the network and of the traces."""
    current, sources = parts.into(x), [x]
    if parts.recurrent:
        current = current + parts.recurrent(parts.cell.spike.value)
        sources.append(parts.cell.spike.value)
    sources = _with_one(jnp.concatenate(sources, -1))
    spike, slopes = _local_slopes(parts.cell, current)
    new = [_through(row, traces.states, sources) for row in slopes]  # of each state, and of the spike
    y = parts.readout(parts.out(spike))
    value, error = jax.value_and_grad(loss)(y)
    spikes, out = decay * traces.spikes + new.pop(), decay * traces.out + _with_one(spike)
    batch = tuple(range(error.ndim - 1))
    hidden = ((error @ back.T)[..., None, :] * spikes).sum(batch)
    after = _Traces(new, spikes, out, traces.hidden_gradient + hidden,
                    traces.out_gradient + (out[..., :, None] * error[..., None, :]).sum(batch))  # fmt: skip
    return after, (value, y)


def _with_one(x: Any) -> Any:
    return jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)


def _through(slopes: list[Any], traces: list[Any], sources: Any) -> Any:
    """The derivative by the weights of what has these derivatives by the states before and by the current."""
    *by_states, by_current = slopes
    new = by_current[..., None, :] * sources[..., :, None]
    return sum((s[..., None, :] * trace for s, trace in zip(by_states, traces, strict=True)), new)


def _local_slopes(cell: Cell, current: Any) -> tuple[Any, list[list[Any]]]:
    """(the spikes of a step, the derivatives of each new state and of the spikes by each state and by the current).

    A neuron depends on its own states alone, so a tangent of ones gives the derivatives of all neurons at once.
    """
    states = [getattr(cell, name) for name in cell.state_vars]
    before, spike = [state.value for state in states], cell.spike.value

    def step(values: list[Any], current: Any) -> list[Any]:
        for state, value in zip(states, values, strict=True):
            state.value = value
        cell.spike.value = spike
        spikes = cell(current)
        return [*(state.value for state in states), spikes]

    columns, results = [], []
    inputs = [*before, current]
    for k in range(len(inputs)):
        tangents = [jnp.ones_like(x) if j == k else jnp.zeros_like(x) for j, x in enumerate(inputs)]
        results, slopes = jvp(step, (before, current), (tangents[:-1], tangents[-1]))
        columns.append(slopes)
    return results[-1], [list(row) for row in zip(*columns, strict=True)]


def _named(net: Sequential, parts: _Parts, traces: _Traces) -> dict[str, Any]:
    """The gradients by the names of the weights."""
    n_in, last = parts.into._shape[0], traces.hidden_gradient.shape[0] - 1
    hidden, out = traces.hidden_gradient, traces.out_gradient
    found = {"into": (hidden[:n_in], hidden[last]), "recurrent": (hidden[n_in:last], hidden[last])}
    found["out"] = (out[:-1], out[-1])
    names = {id(state): join(name) for name, state in net.states(ParamState).items()}
    gradients = {}
    for part, layer in parts.layers().items():
        weight, bias = found[part]
        weight = weight if layer.w_mask is None else weight * layer.w_mask
        values = {"weight": weight, "bias": bias}
        gradients[names[id(layer.weight)]] = {key: values[key] for key in layer.weight.value}
    return gradients
