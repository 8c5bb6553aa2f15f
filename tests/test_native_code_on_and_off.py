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

# Runs a network in two halves: from its start, and from the States that were saved in the middle, if there are any.
PROGRAM = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import brainunit as u, jax, jax.numpy as jnp, numpy as np
import spikeloop as sl
from spikeloop.connect import Connection, _stored

MODEL, SAVED, OUT = sys.argv[1:]
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
    def __init__(self):
        super().__init__()
        delay = rng.integers(1, 9, targets.size) if "delays" in MODEL else None
        weight = rng.integers(1, 32, targets.size) / 64 * u.mV
        self.N = sl.LIF(N, V_rest=0 * u.mV, V_reset=0 * u.mV, V_th=1 * u.mV, tau=10 * u.ms, spk_reset="hard")
        comm = Connection(targets, indptr, weight, N, N, delay=delay)
        self.E = sl.DeltaProj(comm=comm, post=self.N, plasticity=RULES[MODEL]())

    def update(self, drive):
        self.E(self.N.get_spike())
        return self.N(drive * u.mA)

net = sl.nn.init_all_states(Net())
drive = jnp.asarray(np.random.default_rng(5).uniform(0, 6, (STEPS, N)))
result = {"shapes": {"/".join(map(str, p)): str(jax.tree.map(jnp.shape, s.value)) for p, s in net.states().items()}}
if SAVED == "-":
    sl.transform.for_loop(net, drive[:200])
    result["saved"] = {k: jax.tree.map(np.asarray, v) for k, v in sl.nn.save_states(net).items()}
else:
    assert sl.nn.assign_state_values(net, pickle.load(open(SAVED, "rb"))["saved"]) == ([], [])
result["spikes"] = np.asarray(sl.transform.for_loop(net, drive[200:]))
result["weight"] = np.asarray(u.get_mantissa(net.E.comm.weight.value))
pickle.dump(result, open(OUT, "wb"))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    done = {}

    def run(model, native, saved=None):
        key = model, native, saved
        if key not in done:
            out, start = folder / f"{len(done)}.pkl", "-" if saved is None else folder / f"{saved}.pkl"
            env = {
                **os.environ,
                "SPIKELOOP_NATIVE": str(int(native)),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            }
            subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM), model, start, out], env=env, check=True)
            done[key] = out.stem, pickle.loads(out.read_bytes())
        return done[key]

    return run


@pytest.mark.parametrize("model", ["stdp", "dopamine", "delays", "delays and stdp"])
def test_a_saved_run_goes_on_with_and_without_native_code(run, model):
    (with_it, native), (without_it, reference) = (run(model, native) for native in (True, False))
    assert native["shapes"] == reference["shapes"]
    assert native["spikes"].sum() > 200
    _, here = run(model, False, with_it)
    _, there = run(model, True, without_it)
    for one, other in ((native, here), (reference, there)):
        np.testing.assert_array_equal(one["spikes"], other["spikes"])
        np.testing.assert_allclose(one["weight"], other["weight"], rtol=0, atol=1e-12)
    _, again = run(model, False, without_it)
    np.testing.assert_array_equal(reference["weight"], again["weight"])  # the reference goes on to the bit
    np.testing.assert_array_equal(reference["spikes"], again["spikes"])
