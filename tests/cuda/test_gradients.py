"""Runs of populations and their gradients as XLA programs, whose steps run as PTX: bit for bit those of the CPU."""

import os
import subprocess
import sys

import numpy as np

PROGRAM = """
import sys
out, *emulated = sys.argv[1:]
if emulated:
    import emulated_cuda
import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl

found = {}
for precision in (32, 64):
    for cls, current in ((sl.LIFRef, 3.0), (sl.AdExIF, 50.0)):
        sl.environ.set(dt=0.1 * u.ms, precision=precision)
        tau, start = sl.ParamState(12.0 * u.ms), sl.random.seed(0)
        neurons = cls(300, tau=tau, spk_fun=sl.surrogate.Arctan())
        scale = sl.ParamState(jnp.linspace(0.5, 2.0, 300))

        def loss():
            sl.nn.init_all_states(neurons)
            given = lambda: neurons(current * scale.value * cls.current_unit)
            return (sl.transform.for_loop(given, length=40) * jnp.arange(300)).sum()

        run = sl.transform.jit(sl.transform.grad(loss, {"tau": tau, "scale": scale}, return_value=True))
        gradients, value = run()
        name = f"{cls.__name__} {precision}"
        found[name] = np.asarray(value)
        found[name + " calls"] = run.lower().as_text().count("@spikeloop.cuda.program")
        for of, x in gradients.items():
            found[f"{name} {of}"] = np.asarray(u.get_magnitude(x))
np.savez(out, **found)
"""


def test_gradients_are_those_of_the_cpu(tmp_path):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    found = []
    for emulated in ([], ["emulated"]):
        out = tmp_path / f"{len(emulated)}.npz"
        subprocess.run([sys.executable, "-c", PROGRAM, out, *emulated], env=env, check=True)
        found.append(dict(np.load(out)))
    wanted, ours = found
    for name, x in ours.items():
        if name.endswith("calls"):
            assert (wanted[name], x) == (0, 2)
        else:
            assert x.dtype == (np.float32 if " 32" in name else np.float64)
            assert x.tobytes() == wanted[name].tobytes()
            assert np.abs(x).max() > 0
