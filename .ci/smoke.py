"""Simulates a network with the installed package: native kernels are in use and the rate is right."""

import subprocess
import sys
import warnings
from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import spikeloop as sl

SECONDS = 0.2


def main() -> None:
    assert "site-packages" in sl.__file__, f"imported from {sl.__file__}, not from the installed package"
    warnings.simplefilter("error")
    net = sl.nn.init_all_states(sl.networks.COBANetwork(4000))
    with sl.environ.context(dt=0.1 * u.ms):
        sl.transform.for_loop(net.update, u.Quantity(jnp.arange(round(SECONDS * 10_000)) * 0.1, unit=u.ms))
    rate = net.mean_rate(SECONDS * u.second).to_decimal(u.Hz)
    low, high = net.expected_rate
    assert low < rate < high, f"the network fires at {rate:.1f} Hz, expected {low:.0f} to {high:.0f}"
    info = sl.info()
    assert "cpu" in info["kernels"]["neuron"], str(info["kernels"])
    assert info["programs"] >= 1, info["programs"]
    assert info["fallbacks"] == "none", info["fallbacks"]
    subprocess.run([Path(sys.executable).with_name("spikeloop"), "info"], check=True)
    print(f"smoke test: {rate:.1f} Hz")


if __name__ == "__main__":
    main()
