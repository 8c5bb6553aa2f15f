"""Without the native library everything runs by the references, and says so once."""

import os
import subprocess
import sys
import textwrap
import types

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _library

PROGRAM = """
import warnings
import brainunit as u, jax.numpy as jnp, numpy as np, spikeloop as sl
warnings.simplefilter("error")
warnings.filterwarnings("always", category=RuntimeWarning, message="Kernel")
sl.environ.set(dt=0.1 * u.ms, precision=64)
assert sl.info()["fallbacks"] == "none"
net = sl.networks.COBANetwork(200, out_degree=10)
with warnings.catch_warnings(record=True) as first:
    warnings.simplefilter("always")
    sl.random.seed(2)
    sl.nn.init_all_states(net)
    spikes = sl.transform.for_loop(lambda: net.update(), length=300)
with warnings.catch_warnings(record=True) as second:
    warnings.simplefilter("always")
    sl.transform.for_loop(lambda: net.update(), length=301)
    sl.nn.init_all_states(sl.LIF(3))(1.0 * u.mA)
lines = [str(w.message) for w in first if w.category is RuntimeWarning]
assert sorted(line.split("'")[1] for line in lines) == ["event_scatter", "neuron", "random_split"], lines
assert all("SPIKELOOP_NATIVE=0" in line and "pip install" in line for line in lines), lines
assert not [w for w in second if "Kernel" in str(w.message)], second
info = sl.info()
assert info["fallbacks"] == "event_scatter, neuron, random_split" and "SPIKELOOP_NATIVE=0" in info["native"], info
assert "fallbacks" in repr(info)
assert info["kernels"]["event_scatter"] == () and "reference only: conv_outer, " in repr(info)
assert sl.get_num_threads() == 1
np.savez(OUT, V=spikes, E=net.E.comm.indices)
"""


def run(program, **env):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **env}
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=200)


def test_the_fallback_warns_once_a_kernel_shows_in_info_and_computes_the_same(tmp_path):
    out = tmp_path / "out.npz"
    done = run(f"OUT = {str(out)!r}\n" + textwrap.dedent(PROGRAM), SPIKELOOP_NATIVE="0")
    assert done.returncode == 0, done.stderr
    saved = np.load(out)
    sl.environ.set(dt=0.1 * u.ms, precision=64)
    net = sl.networks.COBANetwork(200, out_degree=10)
    sl.random.seed(2)
    sl.nn.init_all_states(net)
    spikes = sl.transform.for_loop(lambda: net.update(), length=300)
    assert np.array_equal(net.E.comm.indices, saved["E"])
    assert spikes.sum() > 0
    # 30 ms in double precision: rounding has not yet moved a spike to another step
    assert np.array_equal(spikes, saved["V"])


def test_a_library_that_cannot_be_loaded_says_why(tmp_path):
    program = """
    import sys, types
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "spikeloop._native":
                raise ImportError("libfoo.so: wrong version")
    sys.meta_path.insert(0, Broken())
    import spikeloop as sl
    assert "wrong version" in sl.info()["native"], sl.info()
    """
    done = run(textwrap.dedent(program))
    assert done.returncode == 0, done.stderr


def test_info_names_the_native_kernels_and_nothing_fell_back(native):
    info = sl.info()
    assert info["native"] == "cpu"
    # step programs bring their own code for GPUs, others are compiled by nvcc
    held = ("cuda",) if native.cuda_targets() else ()
    assert info["kernels"]["neuron"] == ("cpu", "cuda")
    assert info["kernels"]["event_scatter"] == ("cpu", *held)
    assert info["simd"] == native.simd_level()
    assert int(info["threads"]) == sl.get_num_threads()
    assert info["fallbacks"] == "none"


def test_a_model_that_mixes_neurons_is_told_once(native):
    class Coupled(sl.LIF):
        @staticmethod
        def integrate(p, s, drive):
            s.V = s.V + p.dt_tau * (s.V.mean() - s.V + p.R * drive.current)

    neuron = sl.nn.init_all_states(Coupled(3))
    inputs = jnp.array([1.0, 2.0, 6.0]) * u.mA
    with sl.environ.context(dt=0.1 * u.ms):
        with pytest.warns(RuntimeWarning, match=r"'Coupled' runs.*reduce_sum \(.*test_fallback.py.*no native form"):
            neuron(inputs)
        neuron(inputs)
        np.testing.assert_allclose(neuron.V.value.mantissa.mean(), 0.02 * 2 * 3, rtol=1e-6)
        sl.nn.init_all_states(Coupled(4))(1.0 * u.mA)
        sl.nn.init_all_states(sl.LIF(3))(1.0 * u.mA)
    assert sl.info()["fallbacks"] == "Coupled"


def test_a_surrogate_that_mixes_neurons_is_found_in_its_derivative(native):
    class Relative(sl.surrogate.Surrogate):
        def derivative(self, x):
            return jnp.abs(x) / jnp.max(jnp.abs(x))

    neuron = sl.nn.init_all_states(sl.LIF(3, spk_fun=Relative()))
    with sl.environ.context(dt=0.1 * u.ms), pytest.warns(RuntimeWarning, match="'LIF' runs.*reduce_max"):
        neuron(1.0 * u.mA)


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2", None])
def test_a_bad_number_of_threads_is_refused(n):
    before = sl.get_num_threads()
    with pytest.raises(ValueError, match="number of threads"):
        sl.set_num_threads(n)
    assert sl.get_num_threads() == before


def test_the_number_of_threads_can_be_set(native):
    before = sl.get_num_threads()
    try:
        sl.set_num_threads(3)
        assert sl.get_num_threads() == native.get_num_threads() == 3
        sl.set_num_threads(jnp.asarray(2))
        assert sl.get_num_threads() == 2
    finally:
        sl.set_num_threads(before)


def test_a_program_for_a_gpu_calls_its_kernels_or_says_that_there_are_none():
    held = sl.kernels._library.native and sl.kernels._library.native.cuda_targets()
    spikes, weight, target = jnp.ones(3), jnp.ones(1), jnp.zeros(4)
    places = jnp.asarray([0, 1, 3], jnp.uint16), jnp.asarray([], jnp.int32)
    rows = sl.kernels._event.Rows(0, 3)
    traced = jax.jit(lambda *x: sl.kernels._event.scatter(*x, rows)).trace(spikes, weight, *places, target)
    if held:
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    else:
        with pytest.warns(RuntimeWarning, match=r"event_scatter.*the library was built without nvcc.*docs/gpu.md"):
            text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert ("@spikeloop.cuda.event_scatter" in text) == bool(held)
    assert sl.info()["cuda"] == (held or "step programs alone: the library was built without nvcc")


WITHOUT_JIT = """
import warnings
warnings.simplefilter("error")
import brainunit as u, jax.numpy as jnp, numpy as np
import spikeloop as sl

sl.environ.set(dt=0.1 * u.ms)
neuron = sl.nn.init_all_states(sl.AdExIF(5))
x = u.Quantity(jnp.linspace(30.0, 60.0, 5) * jnp.ones((300, 1), jnp.float32), unit=sl.AdExIF.current_unit)
text = sl.transform.jit(lambda x: (neuron.run_steps(x), neuron(x[0]))).compile(x).as_text()
np.save(OUT, [neuron.run_steps(x).sum(0), neuron.V.value.to_decimal(u.mV)])
print(sl.info()["jit"], "spikeloop.program" in text, sl.info()["kernels"]["neuron"], sl.info()["fallbacks"])
"""


def test_without_a_jit_xla_compiles_the_reference_and_info_says_so(tmp_path, native):
    found = {}
    for asked, shown in (("xla", "xla False ('cuda',) none"), ("0", "interpreter True ('cpu', 'cuda') none")):
        out = tmp_path / f"{asked}.npy"
        done = run(f"OUT = {str(out)!r}\n" + WITHOUT_JIT, SPIKELOOP_JIT=asked)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == shown
        found[asked] = np.load(out)
    assert found["0"][0].any()
    np.testing.assert_allclose(found["xla"], found["0"], rtol=1e-3)


@pytest.mark.parametrize(
    ("level", "asked", "runs"),
    [("avx2", None, "avx2"), ("interpreter", None, "xla"), ("interpreter", "0", "interpreter"),
     ("avx512", "xla", "xla"), ("interpreter", "avx2", "xla")],
)  # fmt: skip
def test_what_runs_programs_where_they_cannot_be_compiled(level, asked, runs, monkeypatch):
    monkeypatch.setattr(_library, "native", types.SimpleNamespace(jit_level=lambda: level))
    monkeypatch.delenv("SPIKELOOP_JIT", raising=False)
    if asked:
        monkeypatch.setenv("SPIKELOOP_JIT", asked)
    assert _library.program_level() == runs
