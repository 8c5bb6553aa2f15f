"""The constants of an AdEx neuron from a voltage trace, by gradient descent through its equations.

A neuron gets a random current too weak for spikes; another one, with wrong constants, is fitted to its potential.

python examples/fit_adex.py [--iterations 1000] [--out fit_adex.png]
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import spikeloop as sl

STEPS = 2000
TRUE = {"R": 1.2 * u.ohm, "tau": 12.0 * u.ms, "tau_w": 60.0 * u.ms, "a": 0.6 * u.siemens}
START = {"R": 0.7 * u.ohm, "tau": 25.0 * u.ms, "tau_w": 25.0 * u.ms, "a": 0.2 * u.siemens}


def trace(neuron: sl.AdExIF, x: Any) -> Any:
    """The membrane potential after each step, in mV."""
    sl.nn.init_all_states(neuron)

    def step(x: Any) -> Any:
        neuron(x)
        return neuron.V.value.to_decimal(u.mV)

    return sl.transform.for_loop(step, x, fused=True)


def fit(iterations: int) -> tuple[dict[str, float], Any, Any]:
    """The relative error of each constant, and both traces."""
    levels = np.random.default_rng(0).uniform(-8, 5, STEPS // 40)
    x = jnp.asarray(np.repeat(levels, 40)[:, None], jnp.float32) * u.mA
    wanted = trace(sl.AdExIF(1, **TRUE), x)
    neuron = sl.AdExIF(1, **{name: sl.ParamState(value) for name, value in START.items()})
    rates = {"R": 2e-2, "tau": 0.5, "tau_w": 2.0, "a": 2e-2}  # in the units of the constants
    adam: Any = {name: optax.adam(optax.cosine_decay_schedule(rate, iterations)) for name, rate in rates.items()}
    trained = {name: getattr(neuron, name) for name in rates}
    optimizer = sl.train.Optimizer(optax.multi_transform(adam, {name: name for name in rates}), trained)

    def error() -> Any:
        return ((trace(neuron, x) - wanted) ** 2).mean()

    @sl.transform.jit
    def step() -> Any:
        gradients, value = sl.transform.grad(error, trained, return_value=True)()
        optimizer.update(gradients)
        return value

    losses = [float(step()) for _ in range(iterations)]
    print(f"error {losses[0]:.3g} mV², then {losses[-1]:.3g}")
    errors = {name: float(abs(trained[name].value / TRUE[name] - 1)) for name in trained}
    return errors, wanted, trace(neuron, x)


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the largest relative error of a constant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--out", default="fit_adex.png")
    args, start = parser.parse_args(argv), time.perf_counter()
    with sl.environ.context(dt=0.5 * u.ms):
        errors, wanted, found = fit(args.iterations)
    print(", ".join(f"{name} {error:.1%}" for name, error in errors.items()), f"{time.perf_counter() - start:.1f} s")
    t = np.arange(STEPS) / 2
    plt.plot(t, wanted, t, found, "--")
    plt.gca().set(xlabel="t (ms)", ylabel="V (mV)")
    plt.savefig(args.out, dpi=150)
    return max(errors.values())


if __name__ == "__main__":
    main()
