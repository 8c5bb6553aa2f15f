"""A model saved with native code goes on without it, and the other way round; its States are the same ones."""

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from spikeloop.kernels import _library

pytestmark = pytest.mark.skipif(_library.native is None, reason="the native library is not built")

MODELS = "stdp", "dopamine", "delays", "delays and stdp"

# Runs networks in two halves, once for each of STARTS: from their start ("-"), or the second half alone, from the
# States in the middle that the first run of this process ("own") saved, or that of another process, whose file it is.
PROGRAM = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import brainunit as u, jax, jax.numpy as jnp, numpy as np
import spikeloop as sl
from spikeloop.connect import Connection, _stored

OUT, STARTS, *MODELS = sys.argv[1:]
N, STEPS = 12, 400
_stored.PIECE = 0  # a spike queue, however short the rows are
sl.environ.set(dt=0.5 * u.ms, precision=64)
rng = np.random.default_rng(3)
dense = rng.random((N, N)) < 0.5
indptr, targets = np.append(0, dense.sum(1).cumsum()), np.nonzero(dense)[1]
RULES = {
    "stdp": lambda: sl.plasticity.STDP(A_plus=0.02, A_minus=0.03, mu_plus=1.0, w_max=1.0 * u.mV),
    "dopamine": lambda: sl.plasticity.DopamineSTDP(A_plus=0.02, A_minus=0.03, b=-5.0 * u.Hz, w_max=1.0 * u.mV),
    "delays": lambda: None,
    "delays and stdp": lambda: sl.plasticity.STDP(A_plus=0.02, A_minus=0.03, w_max=1.0 * u.mV),
}

class Net(sl.nn.Module):
    def __init__(self, model):
        super().__init__()
        rng = np.random.default_rng(4)
        delay = rng.integers(1, 9, targets.size) if "delays" in model else None
        weight = rng.integers(1, 32, targets.size) / 64 * u.mV
        self.N = sl.LIF(N, V_rest=0 * u.mV, V_reset=0 * u.mV, V_th=1 * u.mV, tau=10 * u.ms, spk_reset="hard")
        comm = Connection(targets, indptr, weight, N, N, delay=delay)
        self.E = sl.DeltaProj(comm=comm, post=self.N, plasticity=RULES[model]())

    def update(self, drive):
        self.E(self.N.get_spike())
        return self.N(drive * u.mA)

def result(model, saved):
    net = sl.nn.init_all_states(Net(model))
    states = {"/".join(map(str, path)): s.value for path, s in net.states().items()}
    found = {"shapes": {path: str(jax.tree.map(jnp.shape, value)) for path, value in states.items()}}
    if saved is None:
        sl.transform.for_loop(net, drive[:200])
        found["saved"] = {k: jax.tree.map(np.asarray, v) for k, v in sl.nn.save_states(net).items()}
    else:
        assert sl.nn.assign_state_values(net, saved[model]["saved"]) == ([], [])
    found["spikes"] = np.asarray(sl.transform.for_loop(net, drive[200:]))
    found["weight"] = np.asarray(u.get_mantissa(net.E.comm.weight.value))
    return found

drive = jnp.asarray(np.random.default_rng(5).uniform(0, 6, (STEPS, N)))
runs = []
for start in STARTS.split(","):
    saved = None if start == "-" else pickle.load(open(OUT if start == "own" else start, "rb"))[0]
    runs.append({model: result(model, saved) for model in MODELS})
    pickle.dump(runs, open(OUT, "wb"))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs with native code, the same without it, and the second halves of both from what either saved."""
    folder = tmp_path_factory.mktemp("runs")

    def run(native, out, *starts):
        path = os.pathsep.join(filter(None, sys.path))
        env = {**os.environ, "SPIKELOOP_NATIVE": str(int(native)), "PYTHONPATH": path}
        arguments = folder / out, ",".join(map(str, starts)), *MODELS
        subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], env=env, check=True)
        return pickle.loads((folder / out).read_bytes())

    (native,) = run(True, "native", "-")
    reference, here, again = run(False, "reference", "-", folder / "native", "own")
    (there,) = run(True, "there", folder / "reference")
    return native, reference, here, there, again


@pytest.mark.parametrize("model", MODELS)
def test_a_saved_run_goes_on_with_and_without_native_code(runs, model):
    native, reference, here, there, again = runs
    assert native[model]["shapes"] == reference[model]["shapes"]
    assert native[model]["spikes"].sum() > 200
    for one, other in ((native, here), (reference, there)):
        np.testing.assert_array_equal(one[model]["spikes"], other[model]["spikes"])
        np.testing.assert_allclose(one[model]["weight"], other[model]["weight"], rtol=0, atol=1e-12)
    for what in ("spikes", "weight"):
        np.testing.assert_array_equal(reference[model][what], again[model][what])  # the reference goes on to the bit
