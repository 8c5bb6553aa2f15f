"""The networks in spikeloop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import spikeloop as sl

from benches.training.nets import TAU, Net

VERSIONS_OF = ("spikeloop", "jax")


def _cell(size: Any) -> sl.snn.LIF:
    return sl.snn.LIF(size, TAU, decay_input=False, spike_grad=sl.surrogate.Arctan(alpha=2.0))


def _out(n_in: int, w: Any) -> sl.nn.Sequential:
    n_out = w.shape[1]
    return sl.nn.Sequential(sl.nn.Linear(n_in, n_out, w, None), sl.snn.LeakyIntegrator(n_out, 1 - 1 / TAU))


def hidden_layers(net: Net, a: dict[str, Any]) -> list[sl.nn.Sequential]:
    """Layers that end with neurons."""
    if net.kind == "conv":
        sizes, layers, size = (a["conv1"], a["conv2"]), [], (28, 28, 1)
        for w in sizes:
            conv = sl.nn.Conv2d(size, w.shape[-1], 5, w_init=w, b_init=None)
            layers.append(sl.nn.Sequential(conv, _cell(conv.out_size)))
            size = (size[0] // 2, size[1] // 2, w.shape[-1])
        return layers
    into = sl.nn.Linear(net.n_in, net.hidden, a["into"], None)
    cell = _cell(net.hidden)
    if net.kind == "recurrent":
        cell = sl.snn.RecurrentLIF(net.hidden, cell=cell, w_init=a["recurrent"])
    return [sl.nn.Sequential(into, cell)]


class Model(sl.nn.Module):
    """All layers; a step returns the readouts and the number of spikes."""

    def __init__(self, net: Net, a: dict[str, Any]):
        super().__init__()
        self.hidden = hidden_layers(net, a)
        pooled = (sl.nn.MaxPool2d(layer.out_size) for layer in self.hidden)
        self.pools = [*pooled] if net.kind == "conv" else []
        self.readout = _out(len(a["out"]), a["out"])

    def update(self, x: Any) -> Any:
        count = 0.0
        for k, layer in enumerate(self.hidden):
            x = layer(x)
            count = count + jax.lax.stop_gradient(x).sum()
            x = self.pools[k](x) if self.pools else x
        return self.readout(x.reshape(*x.shape[:1], -1)), count


def training_step(net: Net, a: dict[str, Any]) -> Callable[[], tuple[float, float]]:
    """A function that computes the gradient of all weights, and returns loss and number of spikes."""
    model = Model(net, a)
    x, labels = jnp.asarray(a["x"]), jnp.asarray(a["labels"])

    def loss() -> tuple[Any, Any]:
        sl.nn.init_all_states(model, batch_size=net.batch)
        out, counts = sl.transform.for_loop(model, x, fused=True)
        return optax.softmax_cross_entropy_with_integer_labels(out.mean(0), labels).mean(), counts.sum()

    @sl.transform.jit
    def step() -> Any:
        return sl.transform.grad(loss, model.states(sl.ParamState), return_value=True, has_aux=True)()

    def run() -> tuple[float, float]:
        _, value, count = jax.block_until_ready(step())
        return float(value), float(count)

    return run
