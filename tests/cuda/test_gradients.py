"""Runs of populations and their gradients as XLA programs, whose steps run as PTX: bit for bit those of the CPU."""

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
import jax.numpy as jnp
import numpy as np
import spikeloop as sl

sl.environ.set(dt=0.1 * u.ms, precision=int(precision))
found = {}
for cls, current in ((sl.LIFRef, 3.0), (sl.AdExIF, 50.0)):
    tau, start = sl.ParamState(12.0 * u.ms), sl.random.seed(0)
    neurons = cls(1500, tau=tau, spk_fun=sl.surrogate.Arctan())
    scale = sl.ParamState(jnp.linspace(0.5, 2.0, 1500))

    def loss():
        sl.nn.init_all_states(neurons)
        given = lambda: neurons(current * scale.value * cls.current_unit)
        return (sl.transform.for_loop(given, length=40) * jnp.arange(1500)).sum()

    run = sl.transform.jit(sl.transform.grad(loss, {"tau": tau, "scale": scale}, return_value=True))
    gradients, value = run()
    found[cls.__name__] = np.asarray(value)
    found[cls.__name__ + " calls"] = run.lower().as_text().count("@spikeloop.cuda.program")
    for name, x in gradients.items():
        found[f"{cls.__name__} {name}"] = np.asarray(u.get_magnitude(x))
np.savez(out, **found)
"""


@pytest.mark.parametrize("precision", ["32", "64"])
def test_gradients_are_those_of_the_cpu(precision, tmp_path):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    found = []
    for emulated in ([], ["emulated"]):
        out = tmp_path / f"{len(emulated)}.npz"
        subprocess.run([sys.executable, "-c", PROGRAM, precision, out, *emulated], env=env, check=True)
        found.append(dict(np.load(out)))
    wanted, ours = found
    for name, x in ours.items():
        if name.endswith("calls"):
            assert (wanted[name], x) == (0, 2)
        else:
            assert x.tobytes() == wanted[name].tobytes()
            assert np.abs(x).max() > 0
