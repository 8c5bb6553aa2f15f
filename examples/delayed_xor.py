"""Working memory in spikes: two cues, a pause after each, then the network says whether they were different.

A cue lasts five steps and is one of two groups of inputs. Recurrent neurons whose threshold adapts (ALIF) have to keep
the first cue, compare it with the second, and keep the answer until the end.

python examples/delayed_xor.py [--epochs 3] [--out delayed_xor.png]
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import spikeloop as sl

CUE, PAUSE, GROUP, HIDDEN, BATCH = 5, 10, 10, 64, 64
STEPS = 2 * (CUE + PAUSE)


def trials(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Input spikes (steps, n, inputs), and 1 where the cues differ."""
    cues = rng.integers(0, 2, (2, n))
    rate = np.zeros((STEPS, n, 2, GROUP))
    for k, cue in enumerate(cues):
        start = k * (CUE + PAUSE)
        rate[start : start + CUE, np.arange(n), cue] = 0.5
    spikes = rng.random(rate.shape) < rate
    return jnp.asarray(spikes.reshape(STEPS, n, -1)), jnp.asarray(cues[0] ^ cues[1])


def network() -> sl.nn.Sequential:
    """Numbers without units: see `sl.snn`."""
    cell = sl.snn.ALIF(HIDDEN, beta=0.9, rho=0.97, strength=0.3)
    return sl.nn.Sequential(
        sl.nn.Linear(2 * GROUP, HIDDEN, w_init=sl.init.Normal(std=0.3), b_init=None),
        sl.snn.RecurrentLIF(HIDDEN, cell=cell, w_init=sl.init.Normal(std=0.1)),
        sl.nn.Linear(HIDDEN, 2),
        sl.snn.LeakyIntegrator(2, beta=0.8),
    )


def train(epochs: int) -> sl.train.History:
    """Losses and accuracies, and those on trials of their own."""
    sl.random.seed(0)
    rng, net = np.random.default_rng(0), network()
    data = [trials(rng, BATCH) for _ in range(50)]
    return sl.train.fit(
        net,
        data,
        lambda V, y: sl.train.membrane_cross_entropy(V, y, "last"),
        sl.train.Optimizer(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(5e-3)), net),
        epochs=epochs,
        metrics={"accuracy": lambda V, y: sl.train.accuracy(V, y, "last")},
        validation=[trials(rng, 256)],
        pbar=False,
    )


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the part of new trials that are answered rightly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", default="delayed_xor.png")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    history = train(args.epochs)
    accuracy = history["validation accuracy"][-1]
    print(f"accuracy {accuracy:.3f} after {args.epochs} epochs and {time.perf_counter() - start:.1f} s")
    history.plot().figure.savefig(args.out, dpi=150)
    return accuracy


if __name__ == "__main__":
    main()
