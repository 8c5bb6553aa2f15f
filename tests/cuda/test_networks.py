"""Networks as one XLA program, whose event kernels run on the emulated GPU: spike for spike those of the CPU."""

import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import sys
precision, out, *emulated = sys.argv[1:]
if emulated:
    import emulated_cuda
import brainunit as u
import jax
import numpy as np
import spikeloop as sl

jax.config.update("jax_enable_x64", precision == "64")
sl.environ.set(dt=0.1 * u.ms, precision=int(precision))
found = {}
for name in ("COBANetwork", "CUBANetwork", "Brunel"):
    sl.random.seed(0)
    net = sl.nn.init_all_states(getattr(sl.networks, name)(300))
    run = sl.transform.jit(lambda: sl.transform.for_loop(lambda: net.update(), length=200))
    text = run.lower().as_text()
    found[name], found[name + " calls"] = np.asarray(run()), text.count("@spikeloop.cuda.event")
np.savez(out, **found)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What a run of all networks found, by precision and whether it was emulated; each once."""
    folder, done = tmp_path_factory.mktemp("networks"), {}

    def run(precision, emulated):
        key = precision, emulated
        if key not in done:
            out = folder / f"{precision}-{emulated}.npz"
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
            command = [sys.executable, "-c", PROGRAM, precision, out, *(["emulated"] if emulated else [])]
            subprocess.run(command, env=env, check=True)
            done[key] = np.load(out)
        return done[key]

    return run


@pytest.mark.parametrize("precision", ["32", "64"])
@pytest.mark.parametrize("name", ["COBANetwork", "CUBANetwork", "Brunel"])
def test_spikes_are_those_of_the_cpu(runs, name, precision):
    ours, wanted = (runs(precision, emulated) for emulated in (True, False))
    assert ours[f"{name} calls"] == 2
    assert wanted[f"{name} calls"] == 0
    assert wanted[name].sum() > 20
    np.testing.assert_array_equal(ours[name], wanted[name])
