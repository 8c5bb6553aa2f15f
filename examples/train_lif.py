"""Training through spikes: 64 LIF neurons learn to tell random spike patterns apart.

Every sample is a pattern of random input spikes with a random label, so that only the precise times help. Gradients
go through the spikes by a surrogate; optax does the rest.

python examples/train_lif.py [--epochs 60] [--out train_lif.png]
"""

import argparse
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax.numpy as jnp
import optax
import spikeloop as sl

INPUTS, HIDDEN, CLASSES, STEPS, SAMPLES = 40, 64, 2, 80, 64


class Classifier(sl.nn.Module):
    """Input spikes → LIF neurons → leaky integrators whose highest value is the score of a class."""

    def __init__(self):
        super().__init__()
        tau = sl.ParamState(jnp.full(HIDDEN, 10.0) * u.ms)  # time constants are trained as well
        weights = sl.init.Normal(std=30.0 / INPUTS**0.5, unit=u.mA)
        self.into = sl.nn.Linear(INPUTS, HIDDEN, w_init=weights, b_init=None)
        self.hidden = sl.LIF(HIDDEN, V_th=1.0 * u.mV, tau=tau, spk_fun=sl.surrogate.Sigmoid(alpha=4.0))
        self.out = sl.LeakyRateReadout(HIDDEN, CLASSES, tau=10.0 * u.ms)

    def update(self, x: Any) -> Any:
        """One step for input spikes (batch, INPUTS); returns the scores."""
        return self.out(self.hidden(self.into(x)))


def train(epochs: int) -> sl.train.History:
    """Loss and accuracy of every epoch."""
    sl.random.seed(1)
    inputs = sl.random.bernoulli(0.05, size=(STEPS, SAMPLES, INPUTS)).astype(jnp.float32)
    labels = sl.random.randint(0, CLASSES, size=(SAMPLES,))
    net = Classifier()
    with sl.environ.context(dt=1.0 * u.ms):
        return sl.train.fit(
            net,
            [(inputs, labels)],
            sl.train.membrane_cross_entropy,
            sl.train.Optimizer(optax.adam(2e-2), net),
            epochs=epochs,
            metrics={"accuracy": lambda scores, y: sl.train.accuracy(scores, y, "max")},
        )


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the last accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", default="train_lif.png")
    args = parser.parse_args(argv)
    history = train(args.epochs)
    history.plot().figure.savefig(args.out, dpi=150)
    return history["accuracy"][-1]


if __name__ == "__main__":
    main()
