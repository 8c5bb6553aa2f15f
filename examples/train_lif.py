"""Training through spikes: 64 LIF neurons learn to tell random spike patterns apart.

Every sample is a pattern of random input spikes with a random label, so that only the precise times help. Gradients
go through the spikes by a surrogate; optax does the rest.

python examples/train_lif.py [--epochs 60] [--out train_lif.png]
"""

import argparse
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
import spikeloop as sl

INPUTS, HIDDEN, CLASSES, STEPS, SAMPLES = 40, 64, 2, 80, 64


class Classifier(sl.nn.Module):
    """Input spikes → LIF neurons → leaky integrators whose highest value is the score of a class."""

    def __init__(self):
        super().__init__()
        self.w_in = sl.ParamState(sl.random.normal(size=(INPUTS, HIDDEN)) * 3.0 / INPUTS**0.5)
        self.w_out = sl.ParamState(sl.random.normal(size=(HIDDEN, CLASSES)) / HIDDEN**0.5)
        tau = sl.ParamState(jnp.full(HIDDEN, 10.0) * u.ms)  # time constants are trained as well
        self.hidden = sl.LIF(HIDDEN, V_th=1.0 * u.mV, tau=tau, spk_fun=sl.surrogate.Sigmoid(alpha=4.0))

    def init_state(self, batch_size: int) -> None:
        """Scores start at 0."""
        self.score = sl.HiddenState(jnp.zeros((batch_size, CLASSES)))

    def update(self, x: Any) -> Any:
        """One step for input spikes (batch, INPUTS); returns scores and hidden spikes."""
        spikes = self.hidden(10.0 * x @ self.w_in.value * u.mA)
        decay = jnp.exp(-(sl.environ.get_dt() / (10.0 * u.ms)))
        self.score.value = decay * self.score.value + spikes @ self.w_out.value
        return self.score.value, spikes


class Trainer:
    """A model, its parameters as a pytree, and the optimiser's memory in a State."""

    def __init__(self, net: Classifier, inputs: Any, labels: Any, optimizer: optax.GradientTransformation):
        self.net, self.inputs, self.labels, self.optimizer = net, inputs, labels, optimizer
        self.params = net.states(sl.ParamState)
        self.memory = sl.LongTermState(optimizer.init(self.values()))
        self.step = sl.transform.jit(self._step)

    def values(self) -> dict[Any, Any]:
        """The parameters as optax takes them."""
        return {path: state.value for path, state in self.params.items()}

    def loss(self) -> tuple[Any, Any]:
        """(cross-entropy, accuracy) on all samples."""
        sl.nn.init_all_states(self.net, batch_size=SAMPLES)
        scores, _ = sl.transform.for_loop(self.net, self.inputs)
        logits = scores.max(axis=0)
        accuracy = (logits.argmax(axis=-1) == self.labels).mean()
        return optax.softmax_cross_entropy_with_integer_labels(logits, self.labels).mean(), accuracy

    def _step(self) -> tuple[Any, Any]:
        gradient = sl.transform.grad(self.loss, self.params, has_aux=True, return_value=True)
        grads, loss, accuracy = gradient()
        updates, self.memory.value = self.optimizer.update(grads, self.memory.value, self.values())
        values: Any = optax.apply_updates(self.values(), updates)
        for path, state in self.params.items():
            state.value = values[path]
        return loss, accuracy


def train(epochs: int) -> list[tuple[float, float]]:
    """(loss, accuracy) of every epoch."""
    sl.random.seed(1)
    inputs = sl.random.bernoulli(0.05, size=(STEPS, SAMPLES, INPUTS)).astype(jnp.float32)
    labels = sl.random.randint(0, CLASSES, size=(SAMPLES,))
    trainer = Trainer(Classifier(), inputs, labels, optax.adam(2e-2))
    history = []
    with sl.environ.context(dt=1.0 * u.ms):
        for epoch in range(epochs):
            loss, accuracy = jax.device_get(trainer.step())
            history.append((float(loss), float(accuracy)))
            if epoch % 10 == 0 or epoch == epochs - 1:
                print(f"epoch {epoch:4}  loss {loss:.3f}  accuracy {accuracy:.2f}")
    return history


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the last accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", default="train_lif.png")
    args = parser.parse_args(argv)
    history = train(args.epochs)
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    axes.plot(history, label=("loss", "accuracy"))
    axes.set_xlabel("epoch")
    axes.legend()
    figure.savefig(args.out, dpi=150)
    return history[-1][1]


if __name__ == "__main__":
    main()
