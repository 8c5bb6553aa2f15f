"""Words like spoken digits, made up: a pitch moves, and an ear makes spikes of it. Delays and time constants train too.

All words have the same four pitches and differ in their order. Each sample has a speed and a start of its own, and a
channel of the ear spikes the more the closer the pitch is to its own.

python examples/spoken_digits.py [--epochs 30] [--out spoken_digits.png] [--plain]
"""

import argparse
import itertools
import time
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import spikeloop as sl

STEPS, CHANNELS, CLASSES, HIDDEN, LONGEST = 50, 40, 10, 64, 24


def spoken(rng: np.random.Generator, samples: int) -> tuple[Any, Any]:
    """Spikes (steps, samples, channels) and classes."""
    words = np.random.default_rng(1).permutation([*itertools.permutations([5, 15, 25, 35])])[:CLASSES]
    labels = rng.integers(0, CLASSES, samples)
    start, length = rng.uniform(0, 5, samples), rng.uniform(20, 26, samples)
    said = (np.arange(STEPS)[:, None] - start) / length  # from 0 to 1
    pitch = np.stack([np.interp(x, np.linspace(0, 1, 4), words[k]) for x, k in zip(said.T, labels, strict=True)], 1)
    near = np.exp(-(((np.arange(CHANNELS) - pitch[..., None]) / 2) ** 2))
    rate = 0.4 * near * ((said >= 0) & (said <= 1))[..., None] + 0.01
    return jnp.asarray(rng.random(rate.shape) < rate, jnp.float32), jnp.asarray(labels)


class Net(sl.nn.Module):
    """A delay for each channel, one layer of spiking neurons with a time constant each, and readouts."""

    def __init__(self, plain: bool):
        super().__init__()
        self.lags = None if plain else sl.ParamState(sl.random.rand(CHANNELS))  # parts of the longest one
        neurons = (sl.snn.LIF if plain else sl.snn.PLIF)(HIDDEN, tau=np.full(HIDDEN, 5.0), decay_input=False)
        into, out = sl.nn.Linear(CHANNELS, HIDDEN), sl.nn.Linear(HIDDEN, CLASSES)
        self.layers = sl.nn.Sequential(into, neurons, out, sl.snn.LeakyIntegrator(CLASSES, beta=0.95))

    def delayed(self, x: Any) -> Any:
        """Every channel later by its delay; between two steps a spike is divided linearly."""
        if self.lags is None:
            return x
        share = jnp.maximum(1 - abs(jnp.arange(LONGEST + 1)[:, None] - LONGEST * self.lags.value), 0)
        past = jnp.pad(x, ((LONGEST, 0), (0, 0), (0, 0)))
        return sum(share[k] * past[LONGEST - k :][: len(x)] for k in range(LONGEST + 1))


def forward(net: Net, x: Any) -> Any:
    """The potentials of the readouts (steps, samples, classes)."""
    sl.nn.init_all_states(net, batch_size=x.shape[1])
    return net.layers.run_steps(net.delayed(x))


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the accuracy on samples that were not trained with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", default="spoken_digits.png")
    parser.add_argument("--plain", action="store_true", help="no delays, one time constant")
    args, start, rng = parser.parse_args(argv), time.perf_counter(), np.random.default_rng(0)
    sl.random.seed(0)
    net, data, test = Net(args.plain), [spoken(rng, 50) for _ in range(20)], spoken(rng, 500)
    loss = lambda V, y: sl.train.membrane_cross_entropy(V, y, "mean")  # noqa: E731
    training = {"epochs": args.epochs, "metrics": {"accuracy": sl.train.accuracy}, "validation": [test]}
    optimizer = sl.train.Optimizer(optax.adam(1e-2), net)
    history = sl.train.fit(net, data, loss, optimizer, **training, forward=forward, pbar=False)
    accuracy = history["validation accuracy"][-1]
    print(f"accuracy {accuracy:.3f} after {args.epochs} epochs and {time.perf_counter() - start:.1f} s")
    history.plot().figure.savefig(args.out, dpi=150)
    return accuracy


if __name__ == "__main__":
    main()
