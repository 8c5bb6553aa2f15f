"""The networks of this library in the form that a session runs: `update(t)` and the count `n_spk`."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def counted(api: Any, network: Any) -> Any:
    """A Module that advances `network` and counts its spikes."""

    class Net(api.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network
            self.N = network.N

        def init_state(self, *args, **kwargs):
            self.n_spk = api.ShortTermState(import_module("jax.numpy").zeros(network.size))

        def reset_state(self, *args, **kwargs):
            self.n_spk.value = 0 * self.n_spk.value

        def update(self, t):
            with api.environ.context(t=t):
                self.n_spk.value += network.step()

    return Net()
