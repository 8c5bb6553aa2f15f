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
import call_frame
import brainunit as u
import jax
import numpy as np
import spikeloop as sl

jax.config.update("jax_enable_x64", precision == "64")
sl.environ.set(dt=0.1 * u.ms, precision=int(precision))
found = {}
for name in ("COBANetwork", "CUBANetwork", "Brunel", "BrunelSTDP"):
    sl.random.seed(0)
    net = sl.nn.init_all_states(getattr(sl.networks, name)(300))
    run = sl.transform.jit(lambda: sl.transform.for_loop(lambda: net.update(), length=200))
    text = run.lower().as_text()
    call_frame.driver().fake_forget()
    found[name], found[name + " calls"] = np.asarray(run()), text.count("@spikeloop.cuda.sequence")
    found[name + " launches"] = len(call_frame.driver().fake_journal().splitlines()) / 200
found["weight"] = u.get_mantissa(net.E.comm.weight.value)
found["weight calls"] = text.count("@spikeloop.cuda.plastic")
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
@pytest.mark.parametrize(
    ("name", "calls", "launches"),
    [("COBANetwork", 1, 2), ("CUBANetwork", 1, 2), ("Brunel", 1, 3), ("BrunelSTDP", 1, 5)],
)
def test_spikes_are_those_of_the_cpu(runs, name, calls, launches, precision):
    ours, wanted = (runs(precision, emulated) for emulated in (True, False))
    assert ours[f"{name} launches"] == launches  # of a step
    assert ours[f"{name} calls"] == calls
    assert wanted[f"{name} calls"] == 0
    assert wanted[name].sum() > 20
    np.testing.assert_array_equal(ours[name], wanted[name])


@pytest.mark.parametrize("precision", ["32", "64"])
def test_weights_learn_as_on_the_cpu(runs, precision):
    """The CPU applies the events of a target later and together, which rounds otherwise."""
    ours, wanted = (runs(precision, emulated) for emulated in (True, False))
    assert (ours["weight calls"], wanted["weight calls"]) == (2, 0)
    assert np.ptp(wanted["weight"]) > 0
    np.testing.assert_allclose(ours["weight"], wanted["weight"], rtol=1e-6 if precision == "32" else 1e-13)
