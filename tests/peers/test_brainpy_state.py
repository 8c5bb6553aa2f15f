"""Traces of LIF, LIFRef and a conductance-based network beside those of brainpy.state.

Give the interpreter of an environment with brainpy in SPIKELOOP_PEER_PYTHON, unless it is installed here.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

PEER = os.environ.get("SPIKELOOP_PEER_PYTHON") or (sys.executable if importlib.util.find_spec("brainpy") else None)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(PEER is None, reason="brainpy is not installed and SPIKELOOP_PEER_PYTHON is not set"),
]

STEPS, N = 3000, 5


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(4)
    current = 14 + 8 * np.sin(np.arange(STEPS)[:, None] / 90 + np.arange(N)) + rng.normal(size=(STEPS, N))
    spikes = (rng.random((STEPS, 2, 20)) < [[0.01], [0.004]]).astype(float)
    return {"current": current, "spikes": spikes, "E": rng.random((20, N)) * 0.3, "I": rng.random((20, N)) * 0.4}


@pytest.fixture(scope="module")
def peer(given, tmp_path_factory):
    """The peer's traces."""
    assert PEER is not None
    folder = tmp_path_factory.mktemp("peer")
    np.savez(folder / "in.npz", **given)
    script = Path(__file__).with_name("_brainpy_traces.py")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([PEER, script, folder / "in.npz", folder / "out.npz"], check=True, env=env)
    return np.load(folder / "out.npz")


@pytest.fixture(autouse=True)
def same_settings():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def compare(ours, peer, name):
    V, spikes = map(np.asarray, ours)
    assert spikes.sum() > 5 * N
    assert np.array_equal(spikes, peer[f"{name}_spike"])
    np.testing.assert_allclose(V, peer[f"{name}_V"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["lif_soft", "lif_hard", "lifref_hard"])
def test_neurons(name, given, peer):
    kind, reset = name.split("_")
    cls, options = (sl.LIF, {}) if kind == "lif" else (sl.LIFRef, {"tau_ref": 3.0 * u.ms})
    neuron = cls(
        N, tau=10.0 * u.ms, V_th=15.0 * u.mV, V_reset=-2.0 * u.mV, V_rest=1.0 * u.mV, spk_reset=reset, **options
    )
    sl.nn.init_all_states(neuron)

    def step(x):
        spike = neuron(u.Quantity(x, unit=u.mA))
        return neuron.V.value.mantissa, spike

    compare(sl.transform.for_loop(step, jnp.asarray(given["current"])), peer, name)


def test_network_with_conductances(given, peer):
    neuron = sl.LIFRef(N, V_rest=-60.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-60.0 * u.mV, tau=20.0 * u.ms,
                       tau_ref=5.0 * u.ms, spk_reset="hard")  # fmt: skip

    def project(name, E, tau):
        matrix = jnp.asarray(given[name])
        return sl.AlignPostProj(
            comm=lambda s: u.Quantity(s @ matrix, unit=u.siemens), post=neuron, out=sl.COBA.desc(E=E * u.mV),
            syn=sl.Expon.desc(N, tau=tau * u.ms, g_initializer=0.0 * u.siemens),
        )  # fmt: skip

    exc, inh = project("E", 0.0, 5.0), project("I", -80.0, 10.0)
    net = sl.nn.Module()
    net.parts = [neuron, exc, inh]
    sl.nn.init_all_states(net)

    def step(spikes):
        exc(spikes[0])
        inh(spikes[1])
        spike = neuron(12.0 * u.mA)
        return neuron.V.value.mantissa, spike

    compare(sl.transform.for_loop(step, jnp.asarray(given["spikes"])), peer, "coba")
