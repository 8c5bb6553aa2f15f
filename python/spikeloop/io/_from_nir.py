"""Models from graphs of the Neuromorphic Intermediate Representation (NIR)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, snn
from .._module import Module
from ..record._convert import need
from . import _channels
from ._to_nir import check_step


def from_nir(graph: Any, dt: float = 1e-4) -> nn.Sequential:
    """The `Sequential` of a graph of NIR, or of a file of one: the inverse of `to_nir`.

    Equations are taken by forward Euler with the step `dt`, in seconds, so a time constant must be longer than it.
    Nodes follow each other; a neuron whose spikes return to it through one `Linear` or `Affine` becomes a
    `RecurrentLIF`. An input that NIR scales in another way than our neuron becomes a `OneToOne` in front of it, a
    `SumPool2d` an `AvgPool2d` and a `OneToOne`, and `CubaLI` two `LeakyIntegrator`. Neurons become `Leaky`, or `LIF`
    if their resistance is 1. Raises ValueError, by the name of the node, for what has no counterpart.

    | name | meaning | default |
    |---|---|---|
    | `graph` | a `nir.NIRGraph`, or the path of a file | |
    | `dt` | the length of a step, in seconds: 1e-4 in snnTorch, 1e-3 in Norse | 1e-4 |

    >>> graph = sl.io.to_nir(sl.nn.Sequential(sl.nn.Linear(3, 2), sl.snn.LeakyIntegrator(2)))
    >>> sl.io.from_nir(graph).out_size
    (2,)
    """
    nir = need("nir", "nir")
    check_step(dt, "from_nir")
    if isinstance(graph, (str, Path)):
        graph = nir.read(graph)
    order, returning = _chain(graph)
    reader = _Reader(dt, tuple(int(n) for n in np.ravel(graph.nodes[order[0]].input_type["input"])))
    for name in order[1:-1]:
        reader.add(name, graph.nodes[name], graph.nodes.get(returning.get(name, "")))
    return nn.Sequential(*reader.layers)


def _chain(graph: Any) -> tuple[list[str], dict[str, str]]:
    """The nodes in the order of the chain, and for each neuron the node through which its spikes return."""
    edges, kinds = {*map(tuple, graph.edges)}, {name: type(node).__name__ for name, node in graph.nodes.items()}
    returning = {a: b for a, b in edges if (b, a) in edges and kinds[b] in ("Linear", "Affine") and kinds[a] in _FIRING}
    chain = [(a, b) for a, b in edges if returning.get(a) != b and returning.get(b) != a]
    ends = [name for name, kind in kinds.items() if kind == "Input"]
    if len(ends) != 1:
        raise ValueError(f"from_nir: the graph has {len(ends)} inputs; one is expected.")
    names = ends
    while kinds[names[-1]] != "Output":
        after = [b for a, b in chain if a == names[-1]]
        if len(after) != 1 or after[0] in names:
            raise ValueError(
                f"from_nir: the nodes after {names[-1]!r} are {sorted(after)}; exactly one, new, is needed."
            )
        names.append(after[0])
    if left := sorted(kinds.keys() - {*names} - {*returning.values()}):
        raise ValueError(f"from_nir: the nodes {left} do not lie between input and output in one chain.")
    return names, returning


class _Reader:
    """Layers that follow each other, and the shape that they have reached."""

    def __init__(self, dt: float, shape: tuple[int, ...]):
        self.dt, self.shape = dt, (*shape[1:], shape[0])
        self.order: np.ndarray | None = None  # our index of each of NIR's features, after a Flatten
        self.layers: list[Any] = []

    def add(self, name: str, node: Any, recurrent: Any) -> None:
        kind = type(node).__name__
        if kind == "NIRGraph":
            order, returning = _chain(node)
            for part in order[1:-1]:
                self.add(f"{name}.{part}", node.nodes[part], node.nodes.get(returning.get(part, "")))
        elif kind in _FIRING:
            self._add_neurons(name, *_FIRING[kind](self, name, node), recurrent)
        elif kind in _LAYERS:
            for layer in _LAYERS[kind](self, name, node):
                self._append(layer)
        else:
            raise ValueError(f"from_nir: the node {name!r} is a {kind}, for which there is no layer.")

    def _append(self, layer: Module) -> None:
        self.layers.append(layer)
        self.shape = layer.out_size or self.shape

    def _add_neurons(self, name: str, cell: Module, scale: Any, recurrent: Any) -> None:
        self._scale(scale)
        if recurrent is None:
            return self._append(cell)
        if self.order is not None or len(self.shape) > 1:
            raise ValueError(f"from_nir: {name!r} has spikes that return and several axes; one axis is expected.")
        layer = snn.RecurrentLIF(self.shape, cell=cell, w_init=np.asarray(recurrent.weight).T * scale)  # pyright: ignore[reportArgumentType]
        if np.any(bias := getattr(recurrent, "bias", 0.0)):
            layer.recurrent = nn.Linear(self.shape, self.shape, layer.recurrent.weight.value["weight"], bias * scale)
        return self._append(layer)

    def _scale(self, scale: Any) -> None:
        if not np.allclose(scale, 1, rtol=1e-12):
            self._append(nn.OneToOne(self.shape, np.broadcast_to(scale, self.shape)))

    def per_neuron(self, value: Any) -> Any:
        """Numbers of NIR in our order; one number if all are equal."""
        value = np.asarray(value, float)
        if value.size and (value == value.flat[0]).all():
            return float(value.flat[0])
        if self.order is not None:
            return value[np.argsort(self.order)]
        return np.moveaxis(value, 0, -1)

    def left(self, name: str, tau: Any) -> Any:
        """What is left after a step."""
        if not (np.asarray(tau) > self.dt).all():
            raise ValueError(
                f"from_nir: the time constant of {name!r} is not longer than dt = {self.dt} s; given {tau}."
            )
        return 1 - self.dt / tau

    def only_zero(self, name: str, node: Any, *constants: str) -> None:
        """Refuse constants that our neurons do not have."""
        for constant in constants:
            if np.any(getattr(node, constant)):
                raise ValueError(f"from_nir: {constant} of {name!r} must be 0; given {getattr(node, constant)}.")


def _linear(reader: _Reader, name: str, node: Any) -> list[Any]:
    weight, bias = np.asarray(node.weight).T, getattr(node, "bias", None)
    if weight.ndim != 2:
        raise ValueError(f"from_nir: the weights of {name!r} have {weight.ndim} axes; 2 are expected.")
    if reader.order is not None:
        weight, reader.order = weight[np.argsort(reader.order)], None
    return [nn.Linear(weight.shape[0], weight.shape[1], weight, None if bias is None else np.asarray(bias))]


def _scale(reader: _Reader, name: str, node: Any) -> list[Any]:
    return [nn.OneToOne(reader.shape, np.broadcast_to(reader.per_neuron(node.scale), reader.shape))]


def _conv(reader: _Reader, name: str, node: Any) -> list[Any]:
    weight = _channels.kernel_here(np.asarray(node.weight))
    axes = weight.ndim - 2
    padding = node.padding
    if not isinstance(padding, str):
        padding = [(int(n), int(n)) for n in np.broadcast_to(padding, axes)]
    stride, dilation = (tuple(map(int, np.broadcast_to(x, axes))) for x in (node.stride, node.dilation))
    layer = nn.Conv1d if axes == 1 else nn.Conv2d
    return [
        layer(
            reader.shape, weight.shape[-1], weight.shape[:-2], stride, padding, dilation, int(node.groups), weight,
            np.asarray(node.bias),
        )
    ]  # fmt: skip


def _pool(reader: _Reader, name: str, node: Any) -> list[Any]:
    reader.only_zero(name, node, "padding")
    size, stride = (tuple(map(int, np.ravel(x))) for x in (node.kernel_size, node.stride))
    pool = nn.AvgPool2d(reader.shape, size, stride)
    if type(node).__name__ == "AvgPool2d":
        return [pool]
    return [pool, nn.OneToOne(pool.out_size, float(np.prod(pool.kernel_size)))]


def _flatten(reader: _Reader, name: str, node: Any) -> list[Any]:
    size = _channels.first(reader.shape)
    if (int(node.start_dim) != 0 and size[0] != 1) or int(node.end_dim) not in (-1, len(size) - 1):
        raise ValueError(f"from_nir: {name!r} flattens only some axes of {size}; all are expected.")
    reader.order = _channels.flat_order(reader.shape)
    return [nn.Flatten(reader.shape)]


def _readout(reader: _Reader, name: str, node: Any) -> list[Any]:
    reader.only_zero(name, node, "v_leak")
    return _integrator(reader, reader.left(name, node.tau), node.r * reader.dt / node.tau)


def _integrator(reader: _Reader, beta: Any, gain: Any) -> list[Any]:
    reader._scale(reader.per_neuron(gain))
    return [snn.LeakyIntegrator(reader.shape, reader.per_neuron(beta))]


def _integrator_without_leak(reader: _Reader, name: str, node: Any) -> list[Any]:
    return _integrator(reader, np.ones_like(node.r), node.r * reader.dt)


def _cuba_li(reader: _Reader, name: str, node: Any) -> list[Any]:
    reader.only_zero(name, node, "v_leak")
    gain = node.w_in * reader.dt / node.tau_syn * node.r * reader.dt / node.tau_mem
    current = _integrator(reader, reader.left(name, node.tau_syn), gain)
    return [*current, snn.LeakyIntegrator(reader.shape, reader.per_neuron(reader.left(name, node.tau_mem)))]


def _lif(reader: _Reader, name: str, node: Any) -> tuple[Module, Any]:
    reader.only_zero(name, node, "v_leak", "v_reset")
    beta, threshold = reader.left(name, node.tau), reader.per_neuron(node.v_threshold)
    if (np.asarray(node.r) == 1).all():
        return snn.LIF(reader.shape, reader.per_neuron(node.tau / reader.dt), threshold), 1.0
    gain = reader.per_neuron(node.r * reader.dt / node.tau)
    return snn.Leaky(reader.shape, reader.per_neuron(beta), threshold, "zero"), gain


def _if(reader: _Reader, name: str, node: Any) -> tuple[Module, Any]:
    reader.only_zero(name, node, "v_reset")
    threshold = reader.per_neuron(node.v_threshold)
    return snn.Leaky(reader.shape, 1.0, threshold, "zero"), reader.per_neuron(node.r * reader.dt)


def _cuba_lif(reader: _Reader, name: str, node: Any) -> tuple[Module, Any]:
    reader.only_zero(name, node, "v_leak", "v_reset")
    tau_syn, tau = (reader.per_neuron(-1 / np.log(reader.left(name, tau))) for tau in (node.tau_syn, node.tau_mem))
    cell = snn.CubaLIF(reader.shape, tau_syn, tau, reader.per_neuron(node.v_threshold), "zero")
    return cell, reader.per_neuron(node.r * node.w_in * reader.dt / node.tau_syn)


_FIRING: dict[str, Callable[[_Reader, str, Any], tuple[Module, Any]]] = {"LIF": _lif, "IF": _if, "CubaLIF": _cuba_lif}
_LAYERS: dict[str, Callable[[_Reader, str, Any], list[Any]]] = {
    "Linear": _linear,
    "Affine": _linear,
    "Scale": _scale,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "AvgPool2d": _pool,
    "SumPool2d": _pool,
    "Flatten": _flatten,
    "LI": _readout,
    "I": _integrator_without_leak,
    "CubaLI": _cuba_li,
}
