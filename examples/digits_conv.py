"""Handwritten digits by a convolutional network of leaky neurons: two convolutions, a pool, 10 leaky readouts.

A pixel is a constant input for eight steps. Needs scikit-learn for its images.

python examples/digits_conv.py [--epochs 10] [--out digits_conv.png]
"""

import argparse
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import optax
import spikeloop as sl
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

STEPS = 8


def digits() -> list[Any]:
    """Images for training and test (samples, 8, 8, 1) from 0 to 1, then their labels."""
    images, labels = load_digits(return_X_y=True)
    images = images.astype("float32") / 16
    return train_test_split(images.reshape(-1, 8, 8, 1), labels, test_size=0.25, random_state=0, stratify=labels)


def network() -> sl.nn.Sequential:
    """Each layer takes the size of the one before it."""
    return sl.nn.Sequential(
        sl.nn.Conv2d((8, 8, 1), out_channels=8, kernel_size=3),
        sl.snn.LIF.desc(tau=2.0),
        sl.nn.Conv2d.desc(out_channels=16, kernel_size=3),
        sl.snn.LIF.desc(tau=2.0),
        sl.nn.MaxPool2d.desc(),
        sl.nn.Flatten.desc(),
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
    return sl.train.fit(
        net,
        sl.train.Batches(x, y, 32, axis=0),
        lambda V, y: sl.train.membrane_cross_entropy(V, y, "mean"),
        sl.train.Optimizer(optax.adam(1e-2), net),
        epochs=epochs,
        metrics={"accuracy": sl.train.accuracy},
        validation=[(jnp.asarray(x_test), jnp.asarray(y_test))],
        forward=forward,
        pbar=False,
    )


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the accuracy on images that were not trained with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", default="digits_conv.png")
    args = parser.parse_args(argv)
    history = train(args.epochs)
    accuracy = history["validation accuracy"][-1]
    print(f"accuracy {accuracy:.3f} after {args.epochs} epochs")
    history.plot().figure.savefig(args.out, dpi=150)
    return accuracy


if __name__ == "__main__":
    main()
