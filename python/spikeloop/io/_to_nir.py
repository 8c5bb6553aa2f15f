"""Models as graphs of the Neuromorphic Intermediate Representation (NIR)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import brainunit as u
import numpy as np

from .. import nn, snn
from .._module import Module
from .._state import value_of
from ..record._convert import need
from . import _channels


def to_nir(model: Module, dt: float = 1e-4) -> Any:
    r"""The graph of a `Sequential` or of a single layer, for `nir.write` and for other libraries.

    NIR tells equations in continuous time. One of our steps is one of forward Euler with the step `dt`, in seconds:
    what is left after a step, $\beta$, becomes the time constant $dt / (1 - \beta)$.

    | layer | node |
    |---|---|
    | `Linear`, `OneToOne` without bias | `Affine` or `Linear`, `Scale` |
    | `Conv1d`, `Conv2d`, `AvgPool2d`, `Flatten` | the same; channels come first in NIR, and weights follow |
    | `Leaky`, `LIF`, `PLIF` with `reset_mechanism="zero"` | `LIF`, or `IF` if `beta` is 1 |
    | `CubaLIF` with `reset_mechanism="zero"`, `EventPropLIF` | `CubaLIF` |
    | `LeakyIntegrator` | `LI`, or `I` if `beta` is 1 |
    | `RecurrentLIF` of these | a graph of its own, `lif` and `w_rec` |
    | `Dropout` | none |

    A neuron of NIR spikes above its threshold, ours at it. Raises ValueError, by path, for what NIR cannot express.
    Needs the package nir: `spikeloop[nir]`. Pedersen JE et al. (2024) Nat. Commun. 15:8122.

    >>> graph = sl.io.to_nir(sl.nn.Sequential(sl.nn.Linear(3, 2), sl.snn.LeakyIntegrator(2)))
    >>> list(graph.nodes)
    ['input', 'layers_0', 'layers_1', 'output']
    """
    nir = need("nir", "nir")
    check_step(dt, "to_nir")
    if model.in_size is None:
        raise ValueError(f"{model.path}: its in_size is unknown; NIR needs the shape of the input.")
    writer = _Writer(nir, dt, model.in_size)
    writer.add_input()
    writer.add(model, "")
    return writer.graph()


def check_step(dt: Any, where: str) -> None:
    """Refuse a step that is no positive number of seconds."""
    if not isinstance(dt, (int, float)) or not dt > 0:
        raise ValueError(f"{where}: dt must be a positive number of seconds, such as 1e-4; given {dt!r}.")


class _Writer:
    """A chain of nodes that grows layer by layer."""

    def __init__(self, nir: Any, dt: float, shape: tuple[int, ...]):
        self.nir, self.dt, self.shape = nir, dt, shape
        self.order: np.ndarray | None = None  # our index of each of NIR's features, after a Flatten
        self.nodes: dict[str, Any] = {}

    def add_input(self) -> None:
        self.nodes["input"] = self.nir.Input({"input": np.array(_channels.first(self.shape))})

    def graph(self) -> Any:
        if self.order is not None:
            raise ValueError("to_nir: a model that ends flat has features in an order that is not NIR's; add a Linear.")
        self.nodes["output"] = self.nir.Output({"output": np.array(_channels.first(self.shape))})
        names = [*self.nodes]
        return self.nir.NIRGraph(self.nodes, [*pairwise(names)])

    def add(self, layer: Any, name: str) -> None:
        if type(layer) is nn.Sequential:
            for k, part in enumerate(layer.layers):
                self.add(part, f"{name}_layers_{k}".lstrip("_"))
            return
        if type(layer) is nn.Dropout:
            return
        if not isinstance(layer, Module):
            raise ValueError(f"{name or 'the model'}: NIR has no node for the function {layer!r}; use a layer.")
        make = _NODES.get(type(layer))
        if make is None:
            raise ValueError(f"{layer.path}: NIR has no node for {type(layer).__name__}.")
        self.nodes[name or type(layer).__name__.lower()] = node = make(self, layer)
        self._check(layer, node.input_type["input"], layer.in_size)
        self._check(layer, node.output_type["output"], layer.out_size)
        self.shape = layer.out_size or ()

    def _check(self, layer: Module, found: Any, shape: Any) -> None:
        """Refuse what `nir.read` refuses: it knows neither groups of channels nor kernels that are not square."""
        if found is not None and tuple(found) != _channels.first(shape):
            raise ValueError(
                f"{layer.path}: the package nir takes {_channels.first(shape)} for {tuple(map(int, found))}."
            )

    def per_neuron(self, value: Any) -> np.ndarray:
        """One number for each neuron, in NIR's order."""
        numbers = np.broadcast_to(np.asarray(value_of(value), float), self.shape)
        return np.moveaxis(numbers, -1, 0).copy() if self.order is None else numbers[self.order]


def _parameters(layer: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """W as the layer uses it, and b."""
    params = layer.weight.value
    if any(isinstance(x, u.Quantity) for x in params.values()):
        raise ValueError(f"{layer.path}: its weights have a unit; NIR takes plain numbers.")
    bias = params.get("bias")
    return np.asarray(layer._effective(params["weight"])), None if bias is None else np.asarray(bias)


def _linear(writer: _Writer, layer: Any) -> Any:
    if len(layer.in_size) != 1:
        raise ValueError(f"{layer.path} acts on the last axis of {layer.in_size}; NIR's Linear takes one axis.")
    weight, bias = _parameters(layer)
    if writer.order is not None:
        weight, writer.order = weight[writer.order], None
    nir = writer.nir
    return nir.Linear(weight.T.copy()) if bias is None else nir.Affine(weight.T.copy(), bias)


def _scale(writer: _Writer, layer: Any) -> Any:
    weight, bias = _parameters(layer)
    if bias is not None:
        raise ValueError(f"{layer.path}: NIR's Scale has no bias; write b_init=None.")
    return writer.nir.Scale(writer.per_neuron(weight))


def _conv(writer: _Writer, layer: Any) -> Any:
    weight, bias = _parameters(layer)
    weight = _channels.kernel_there(weight)
    bias = np.zeros(len(weight), weight.dtype) if bias is None else bias
    stride, dilation = layer.stride, layer.rhs_dilation
    padding, size = _padding(layer), layer.in_size[:-1]
    if len(size) == 1:
        padding = padding if isinstance(padding, str) else padding[0]
        return writer.nir.Conv1d(size[0], weight, stride[0], padding, dilation[0], layer.groups, bias)
    return writer.nir.Conv2d(size, weight, stride, padding, dilation, layer.groups, bias)


def _padding(layer: Any) -> Any:
    if layer.padding == "VALID":
        return "valid"
    if layer.padding == "SAME":
        if set(layer.stride) != {1}:
            raise ValueError(f"{layer.path}: NIR has no padding 'SAME' with a stride of {layer.stride}; give numbers.")
        return "same"
    if any(before != after for before, after in layer.padding):
        raise ValueError(f"{layer.path}: NIR pads both ends alike; given padding={layer.padding}.")
    return tuple(before for before, _ in layer.padding)


def _avg_pool(writer: _Writer, layer: Any) -> Any:
    if layer.padding != "VALID" and any(n for pair in layer.padding for n in pair):
        raise ValueError(f"{layer.path}: padding does not count in our mean, but does in NIR's; write padding='VALID'.")
    size, stride = np.array(layer.kernel_size), np.array(layer.stride)
    return writer.nir.AvgPool2d(size, stride, np.zeros(2, int))


def _flatten(writer: _Writer, layer: Any) -> Any:
    if len(layer.in_size) > 1:
        writer.order = _channels.flat_order(layer.in_size)
    return writer.nir.Flatten({"input": np.array(_channels.first(layer.in_size))}, start_dim=0, end_dim=-1)


def _decay_constant(writer: _Writer, cell: Any, left: np.ndarray) -> np.ndarray:
    """The time constant, in seconds, of what is `left` after a step."""
    if not (left < 1).all():
        raise ValueError(f"{cell.path}: what is left after a step must be below 1 for all neurons, or 1 for all.")
    return writer.dt / (1 - left)


def _firing(writer: _Writer, cell: Any) -> dict[str, np.ndarray]:
    if cell.reset_mechanism != "zero":
        raise ValueError(
            f"{cell.path}: neurons of NIR are reset to a value; given reset_mechanism={cell.reset_mechanism!r}, write "
            f"reset_mechanism='zero'."
        )
    return {"v_threshold": writer.per_neuron(cell.V_th)}


def _leaky(writer: _Writer, cell: Any) -> Any:
    beta, firing = writer.per_neuron(cell.beta), _firing(writer, cell)
    if (beta == 1).all():
        return writer.nir.IF(r=np.full_like(beta, 1 / writer.dt), **firing)
    tau = _decay_constant(writer, cell, beta)
    return writer.nir.LIF(tau=tau, r=tau / writer.dt, v_leak=np.zeros_like(tau), **firing)


def _decaying(writer: _Writer, cell: Any) -> Any:
    numbers = cell.numbers()
    tau = writer.dt / writer.per_neuron(numbers.rate)
    r = np.ones_like(tau) if cell.decay_input else tau / writer.dt
    return writer.nir.LIF(tau=tau, r=r, v_leak=np.zeros_like(tau), **_firing(writer, cell))


def _cuba_lif(writer: _Writer, cell: Any) -> Any:
    alpha, beta = (np.exp(-1 / writer.per_neuron(tau)) for tau in (cell.tau_syn, cell.tau))
    tau_syn, tau_mem = (_decay_constant(writer, cell, left) for left in (alpha, beta))
    w_in = (1 - beta) / (1 - alpha)
    leak = np.zeros_like(alpha)
    firing = _firing(writer, cell)
    return writer.nir.CubaLIF(tau_syn=tau_syn, tau_mem=tau_mem, r=1 / (1 - beta), v_leak=leak, w_in=w_in, **firing)


def _leaky_integrator(writer: _Writer, cell: Any) -> Any:
    beta = writer.per_neuron(cell.beta)
    if (beta == 1).all():
        return writer.nir.I(r=np.full_like(beta, 1 / writer.dt))
    tau = _decay_constant(writer, cell, beta)
    return writer.nir.LI(tau=tau, r=tau / writer.dt, v_leak=np.zeros_like(tau))


def _recurrent(writer: _Writer, layer: Any) -> Any:
    if writer.order is not None:
        raise ValueError(f"{layer.path} follows a Flatten, whose order of features is not NIR's; put a Linear between.")
    make = _NODES.get(type(layer.cell))
    if make is None:
        raise ValueError(f"{layer.cell.path}: NIR has no node for {type(layer.cell).__name__}.")
    nodes = {
        "input": writer.nir.Input({"input": np.array(layer.in_size)}),
        "lif": make(writer, layer.cell),
        "w_rec": _linear(writer, layer.recurrent),
        "output": writer.nir.Output({"output": np.array(layer.in_size)}),
    }
    return writer.nir.NIRGraph(nodes, [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")])


_NODES: dict[type, Callable[[_Writer, Any], Any]] = {
    nn.Linear: _linear,
    nn.OneToOne: _scale,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.AvgPool2d: _avg_pool,
    nn.Flatten: _flatten,
    snn.Leaky: _leaky,
    snn.LIF: _decaying,
    snn.PLIF: _decaying,
    snn.CubaLIF: _cuba_lif,
    snn.EventPropLIF: _cuba_lif,
    snn.LeakyIntegrator: _leaky_integrator,
    snn.RecurrentLIF: _recurrent,
}
