"""The networks in snnTorch, SpikingJelly and Norse. Layers without states run over all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benches.training.nets import TAU, Net

torch = import_module("torch")
Tensor = Any
Step = Callable[[Tensor], Tensor]


class Library:
    """Neurons of a library. `step(kind)` makes a function of the current of one step, with a state of its own."""

    name: str

    def step(self, spikes: bool) -> Step:
        raise NotImplementedError

    def over_time(self, currents: Tensor, spikes: bool = True) -> Tensor:
        step = self.step(spikes)
        return torch.stack([step(x) for x in currents])


class SnnTorch(Library):
    name = "snntorch"

    def step(self, spikes: bool) -> Step:
        snntorch = import_module("snntorch")
        grad, mechanism = snntorch.surrogate.atan(alpha=2.0), "zero" if spikes else "none"
        cell = snntorch.Leaky(1 - 1 / TAU, spike_grad=grad, reset_mechanism=mechanism, reset_delay=False)
        state = cell.reset_mem()

        def step(x: Tensor) -> Tensor:
            nonlocal state
            spike, state = cell(x, state)
            return spike if spikes else state

        return step


class SpikingJelly(Library):
    name = "spikingjelly"

    def _cell(self, mode: str) -> Any:
        neuron, surrogate = (import_module(f"spikingjelly.activation_based.{x}") for x in ("neuron", "surrogate"))
        arctan = surrogate.ATan(alpha=2.0)
        return neuron.LIFNode(tau=TAU, decay_input=False, v_reset=0.0, surrogate_function=arctan, step_mode=mode)

    def step(self, spikes: bool) -> Step:
        assert spikes
        return self._cell("s")

    def over_time(self, currents: Tensor, spikes: bool = True) -> Tensor:
        if spikes:
            return self._cell("m")(currents)
        neuron = import_module("spikingjelly.activation_based.neuron")
        return torch.stack(neuron.NonSpikingLIFNode(tau=TAU)(currents * TAU))  # which divides its input by tau


class Norse(Library):
    name = "norse"

    def step(self, spikes: bool) -> Step:
        norse = import_module("norse.torch")
        rate = torch.as_tensor(1000.0 / TAU)  # per second; a step is 1 ms, and the input is divided by tau
        cell = norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=rate)) if spikes else norse.LIBoxCell(
            norse.LIBoxParameters(tau_mem_inv=rate)
        )  # fmt: skip
        state = None

        def step(x: Tensor) -> Tensor:
            nonlocal state
            out, state = cell(x * TAU, state)
            return out

        return step


LIBRARIES = {library.name: library for library in (SnnTorch, SpikingJelly, Norse)}


def _hidden(net: Net, library: Library, x: Tensor, w: dict[str, Tensor]) -> tuple[Tensor, Any]:
    """(input of the readout, number of spikes)."""
    functional = torch.nn.functional
    if net.kind == "linear":
        spikes = library.over_time(x @ w["into"])
        return spikes, spikes.detach().sum()
    if net.kind == "recurrent":
        step, currents, spikes = library.step(True), x @ w["into"], []
        last = torch.zeros_like(currents[0])
        for current in currents:
            last = step(current + last @ w["recurrent"])
            spikes.append(last)
        stacked = torch.stack(spikes)
        return stacked, stacked.detach().sum()
    count = torch.zeros(())
    for name in ("conv1", "conv2"):
        y = functional.conv2d(x.flatten(0, 1), w[name], padding=2)
        spikes = library.over_time(y.unflatten(0, (net.steps, net.batch)))
        count = count + spikes.detach().sum()
        x = functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, (net.steps, net.batch))
    return x.movedim(2, -1).flatten(2), count  # channels last, as the weights of the readout have it


def training_step(net: Net, a: dict[str, Any], name: str) -> Callable[[], tuple[float, float]]:
    """A function that computes the gradient of all weights, and returns loss and number of spikes."""
    torch.set_num_threads(1)
    library, labels = LIBRARIES[name](), torch.as_tensor(a["labels"])
    x = torch.as_tensor(a["x"])
    x = x.movedim(-1, 2).contiguous() if net.kind == "conv" else x
    weights = {k: v for k, v in a.items() if k not in ("x", "labels")}
    torch_order = {k: np.moveaxis(v, (-1, -2), (0, 1)) if k.startswith("conv") else v for k, v in weights.items()}
    w = {k: torch.tensor(np.ascontiguousarray(v), requires_grad=True) for k, v in torch_order.items()}

    def run() -> tuple[float, float]:
        for parameter in w.values():
            parameter.grad = None
        hidden, count = _hidden(net, library, x, w)
        out = library.over_time(hidden @ w["out"], spikes=False)
        loss = torch.nn.functional.cross_entropy(out.mean(0), labels)
        loss.backward()
        return loss.item(), float(count)

    return run
