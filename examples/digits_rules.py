"""Handwritten digits by two rules other than backpropagation with surrogates: e-prop and EventProp.

e-prop needs no step but the present one; EventProp has the exact gradients of spike times. A pixel is an input spike,
early if it is bright. Needs scikit-learn for its images.

python examples/digits_rules.py [--epochs 10] [--out digits_rules.png]
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
import spikeloop as sl
from sklearn.datasets import load_digits

STEPS, HIDDEN = 20, 64
CONSTANTS: dict[str, Any] = {"tau_syn": 5.0, "tau": 10.0, "threshold": 0.3}
NEURONS = {
    "e-prop": lambda: sl.snn.CubaLIF(HIDDEN, **CONSTANTS, reset_mechanism="zero"),
    "EventProp": lambda: sl.snn.EventPropLIF(HIDDEN, **CONSTANTS, least_slope=0.05),
}


def spikes(images: Any) -> Any:
    """Spikes (steps, samples, 64): a pixel of 1 in step 0, one of 0 never."""
    steps = jnp.arange(STEPS)[:, None, None]
    return (jnp.rint((1 - images) * STEPS / 2) == steps) & (images > 0)


def train(rule: str, epochs: int) -> list[float]:
    """The accuracy on images that were not trained with, after each epoch."""
    sl.random.seed(0)
    images, labels = load_digits(return_X_y=True)
    images = images.astype("float32") / 16
    into, out = sl.nn.Linear(64, HIDDEN, sl.init.Normal(mean=0.05, std=0.25), b_init=None), sl.nn.Linear(HIDDEN, 10)
    net = sl.nn.Sequential(into, NEURONS[rule](), out, sl.snn.LeakyIntegrator(10, beta=0.95))
    optimizer = sl.train.Optimizer(optax.chain(optax.clip_by_global_norm(0.3), optax.adam(1e-2)), net)
    loss = partial(sl.train.membrane_cross_entropy, reduce="each")  # the mean of those of all steps

    @sl.transform.jit
    def step(x: Any, y: Any) -> None:
        sl.nn.init_all_states(net, batch_size=len(x))
        if rule == "e-prop":
            each = jnp.tile(y, (STEPS, 1))
            gradients, *_ = sl.train.eprop(net, lambda V, y: loss(V[None], y) / STEPS, spikes(x), each)
        else:
            gradients = sl.transform.grad(lambda: loss(net.run_steps(spikes(x)), y), optimizer.states_to_train)()
        optimizer.update(gradients)

    accuracies = []
    for _ in range(epochs):
        for batch in sl.train.Batches(images[:1408], labels[:1408], 64, axis=0):
            step(*batch)
        sl.nn.init_all_states(net, batch_size=len(images[1408:]))
        V = net.run_steps(spikes(images[1408:]))
        accuracies.append(float(sl.train.accuracy(V, jnp.asarray(labels[1408:]))))
    return accuracies


def main(argv: Sequence[str] | None = None) -> float:
    """The lower of the two accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", default="digits_rules.png")
    args = parser.parse_args(argv)
    accuracies = {rule: train(rule, args.epochs) for rule in NEURONS}
    for rule, values in accuracies.items():
        print(f"{rule}: accuracy {values[-1]:.3f}")
        plt.plot(values, label=rule)
    plt.legend()
    plt.savefig(args.out, dpi=150)
    return min(values[-1] for values in accuracies.values())


if __name__ == "__main__":
    main()
