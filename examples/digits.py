"""Handwritten digits by a network of leaky neurons: 8 × 8 pixels, 128 hidden neurons, 10 leaky readouts.

A pixel is a constant input for ten steps, which the first neurons turn into spikes. Needs scikit-learn for its images.

python examples/digits.py [--epochs 25] [--out digits.png]
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import optax
import spikeloop as sl
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

STEPS, HIDDEN = 10, 128


def digits() -> list[Any]:
    """Images for training and test (samples, 64) from 0 to 1, then their labels."""
    images, labels = load_digits(return_X_y=True)
    return train_test_split(images.astype("float32") / 16, labels, test_size=0.25, random_state=0, stratify=labels)


def network() -> sl.nn.Sequential:
    """Numbers without units: see `sl.snn`."""
    return sl.nn.Sequential(
        sl.nn.Linear(64, HIDDEN),
        sl.snn.LIF.desc(tau=2.0),
        sl.nn.Linear.desc(out_size=10),
        sl.snn.LeakyIntegrator.desc(beta=0.9),
    )


def forward(net: sl.nn.Sequential, images: Any) -> Any:
    """The potentials of the readouts (steps, samples, 10)."""
    sl.nn.init_all_states(net, batch_size=len(images))
    return net.run_steps(jnp.broadcast_to(images, (STEPS, *images.shape)))


def train(epochs: int) -> sl.train.History:
    """Losses and accuracies of every epoch."""
    sl.random.seed(0)
    x, x_test, y, y_test = digits()
    net = network()
    batches = sl.train.Batches(x, y, 64, axis=0)
    steps = optax.cosine_decay_schedule(5e-3, epochs * len(batches))
    return sl.train.fit(
        net,
        batches,
        lambda V, y: sl.train.membrane_cross_entropy(V, y, "mean"),
        sl.train.Optimizer(optax.adam(steps), net),
        epochs=epochs,
        metrics={"accuracy": sl.train.accuracy},
        validation=[(jnp.asarray(x_test), jnp.asarray(y_test))],
        forward=forward,
        pbar=False,
    )


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the accuracy on images that were not trained with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", default="digits.png")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    history = train(args.epochs)
    accuracy = history["validation accuracy"][-1]
    print(f"accuracy {accuracy:.3f} after {args.epochs} epochs and {time.perf_counter() - start:.1f} s")
    history.plot().figure.savefig(args.out, dpi=150)
    return accuracy


if __name__ == "__main__":
    main()
