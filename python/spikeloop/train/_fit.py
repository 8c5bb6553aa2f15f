"""`fit`: the loop over epochs and batches."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from .. import environ, io, nn, parallel, random, transform
from .._errors import ShapeError
from .._module import Module
from .._state import LongTermState
from ..record._durable import replace
from ._optimizer import Optimizer

Metric = Callable[[Any, Any], Any]


class Batches:
    """Batches (x, y) of arrays, in a new random order in each epoch; the last samples that fill no batch are left out.

    | parameter | meaning | default |
    |---|---|---|
    | `x`, `y` | arrays whose axis `axis` and first axis are samples | |
    | `size` | samples in a batch | |
    | `axis` | the axis of samples in x: 1 in (time, samples, ...), 0 in (samples, ...) | 1 |
    | `seed` | of the order; None keeps that of the arrays | 0 |
    """

    def __init__(self, x: Any, y: Any, size: int, *, axis: int = 1, seed: int | None = 0):
        self.x, self.y, self.size, self.axis = np.asarray(x), np.asarray(y), size, axis
        self.seed, self.epoch = seed, 0
        if self.x.shape[axis] != len(self.y):
            raise ShapeError(f"Batches: x has {self.x.shape[axis]} samples on axis {axis}, y has {len(self.y)}.")
        if not 1 <= size <= len(self.y):
            raise ValueError(f"Batches: size must be from 1 to the {len(self.y)} samples; given {size}.")

    def __len__(self) -> int:
        return len(self.y) // self.size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        n = len(self.y)
        order = np.arange(n) if self.seed is None else np.random.default_rng((self.seed, self.epoch)).permutation(n)
        self.epoch += 1
        for chosen in order[: len(self) * self.size].reshape(-1, self.size):
            x, y = np.take(self.x, chosen, self.axis), self.y[chosen]
            yield jnp.asarray(parallel.split(x, self.axis)), jnp.asarray(parallel.split(y))


class History(dict[str, list[float]]):
    """{name: its value after each epoch}: "loss", the metrics, and the same with "validation " in front."""

    def plot(self, ax: Any = None) -> Any:
        """Draw all values over epochs; returns the axes."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        for name, values in self.items():
            ax.plot(np.arange(1, len(values) + 1), values, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax


class EarlyStop:
    """A callback that ends training when a value has not become better for `patience` epochs.

    `monitor` names it in the history; it gets better by falling, or by rising if `rises`.
    """

    def __init__(self, monitor: str = "validation loss", patience: int = 5, *, rises: bool = False):
        self.monitor, self.patience, self.rises = monitor, patience, rises

    def __call__(self, history: History) -> bool:
        values = history[self.monitor] if self.rises else [-value for value in history[self.monitor]]
        return len(values) - 1 - int(np.argmax(values)) >= self.patience


class _Run(Module):
    """What a checkpoint holds."""

    def __init__(self, model: Module, optimizer: Optimizer):
        super().__init__("run")
        self.model, self.optimizer = model, optimizer
        self.random = random.DEFAULT
        self.epochs = LongTermState(jnp.zeros((), jnp.int32))


def forward(model: Any, x: Any) -> Any:
    """The outputs over time of a model that starts anew, for input (time, batch, ...)."""
    nn.init_all_states(model, batch_size=jnp.shape(x)[1])
    return transform.for_loop(model, x)


def fit(
    model: Module,
    data: Iterable[tuple[Any, Any]],
    loss: Metric,
    optimizer: Optimizer,
    *,
    epochs: int = 1,
    metrics: Mapping[str, Metric] | None = None,
    validation: Iterable[tuple[Any, Any]] | None = None,
    forward: Callable[[Any, Any], Any] = forward,
    callbacks: Sequence[Callable[[History], Any]] = (),
    checkpoint: str | Path | None = None,
    pbar: bool = True,
) -> History:
    """Train a model; returns the history of its losses and metrics.

    | name | meaning | default |
    |---|---|---|
    | `data` | batches (x, y), gone through once in each epoch, such as `Batches(x, y, 64)` | |
    | `loss` | a function of outputs and y, such as `rate_cross_entropy` | |
    | `optimizer` | an `Optimizer` of the model's parameters | |
    | `metrics` | {name: function of outputs and y} | none |
    | `validation` | batches to look at after each epoch | none |
    | `forward` | a function of model and x that returns the outputs | all States anew, and a loop over time |
    | `callbacks` | functions of the history, called after each epoch; one that returns True ends the training | none |
    | `checkpoint` | a file, written after each epoch; if it is there, training goes on from it | none |
    | `pbar` | show a progress bar | True |

    `environ` has fit=True in steps that train, for layers such as Dropout, and fit=False in validation. The States of
    neurons are those after the last batch.
    """
    metrics = dict(metrics or {})
    run, history = _Run(model, optimizer), History()
    file = None if checkpoint is None else Path(checkpoint)

    def outputs_of(x: Any, y: Any) -> tuple[Any, dict[str, Any]]:
        outputs = forward(model, x)
        return loss(outputs, y), {name: metric(outputs, y) for name, metric in metrics.items()}

    @transform.jit
    def train_step(x: Any, y: Any) -> dict[str, Any]:
        gradient = transform.grad(lambda: outputs_of(x, y), optimizer.states_to_train, has_aux=True, return_value=True)
        with environ.context(fit=True):
            gradients, value, found = gradient()
        optimizer.update(gradients)
        return {"loss": value, **found}

    @transform.jit
    def look(x: Any, y: Any) -> dict[str, Any]:
        with environ.context(fit=False):
            value, found = outputs_of(x, y)
        return {"loss": value, **found}

    if file is not None and file.exists():
        _resume(run, history, file, data, forward)
    for epoch in range(int(run.epochs.value), epochs):
        if isinstance(data, Batches):
            data.epoch = epoch
        bar = tqdm(data, desc=f"epoch {epoch + 1}/{epochs}", disable=not pbar, file=sys.stderr, leave=False)
        _note(history, "", [train_step(x, y) for x, y in bar])
        if validation is not None:
            _note(history, "validation ", [look(x, y) for x, y in validation])
        run.epochs.value = run.epochs.value + 1
        if file is not None:
            io.save(run, file)
            replace(file.with_suffix(".json"), lambda to: to.write(json.dumps(history).encode()))
        if pbar:
            print(f"epoch {epoch + 1}: " + ", ".join(f"{name} {values[-1]:.4g}" for name, values in history.items()))
        answers = [callback(history) for callback in callbacks]  # all are called
        if any(answers):
            break
    return history


def _note(history: History, prefix: str, found: list[dict[str, Any]]) -> None:
    """Add the means over the batches of an epoch."""
    if not found:
        raise ValueError("fit: data has no batches; an iterator that is used up gives none in the second epoch, "
                         "so give a list, a Batches or an object that can be gone through again.")  # fmt: skip
    for name in sorted(found[0], key="loss".__ne__):  # the loss comes first
        value = float(np.mean(jax.device_get([u.get_mantissa(batch[name]) for batch in found])))
        history.setdefault(prefix + name, []).append(value)


def _resume(run: _Run, history: History, file: Path, data: Iterable[tuple[Any, Any]], forward: Any) -> None:
    """Go on from a checkpoint: the States have their forms after a first batch."""
    x, _ = next(iter(data))
    forward(run.model, x)
    io.load(run, file)
    history.update(json.loads(file.with_suffix(".json").read_text()))
