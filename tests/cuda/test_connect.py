"""Connectivity that is built on the emulated GPU: indices, starts of rows, weights and delays are those of the CPU."""

import os
import subprocess
import sys

import brainunit as u
import call_frame
import jax
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import connect, init
from spikeloop.kernels import _connect

WEIGHTS = {
    "one": 2.0 * u.mV,
    "normal": init.Normal(1.0 * u.mV, 0.5 * u.mV),
    "cut": init.TruncatedNormal(1.0 * u.mV, 1.0 * u.mV, 0.5 * u.mV, None),
    "exponential": init.Exponential(2.0 * u.mV),
    "log_normal": init.LogNormal(1.0 * u.mV, 0.5 * u.mV),
}
DELAYS = {
    "none": None,
    "one": 1.5 * u.ms,
    "short": init.Uniform(0.0 * u.ms, 1.0 * u.ms),
    "long": init.TruncatedNormal(20.0 * u.ms, 20.0 * u.ms, 0.1 * u.ms, 60.0 * u.ms),
}
RULES = {
    "prob": lambda n, *x, **y: connect.FixedProb(0.3, *x, **y),
    "sparse": lambda n, *x, **y: connect.FixedProb(0.02, *x, **y),
    "certain": lambda n, *x, **y: connect.FixedProb(1.0, *x, **y),
    "out": lambda n, *x, **y: connect.FixedOutDegree(7 * (n > 1), *x, **y),
    "distinct": lambda n, *x, **y: connect.FixedOutDegree(n // 2, *x, multapses=False, **y),
    "often": lambda n, *x, **y: connect.FixedOutDegree(3 * n * (n > 1), *x, **y),
    "total": lambda n, *x, **y: connect.FixedTotalNumber(6 * n * (n > 1), *x, **y),
    "different": lambda n, *x, **y: connect.FixedTotalNumber(n * n // 3, *x, multapses=False, **y),
    "in": lambda n, *x, **y: connect.FixedInDegree(7 * (n > 1), *x, **y),
    "distinct in": lambda n, *x, **y: connect.FixedInDegree(min(n // 2, 11), *x, multapses=False, **y),
    "near": lambda n, *x, **y: connect.DistanceDependent(connect.GaussianProfile(0.2), *x, **y),
    "periodic": lambda n, *x, **y: connect.DistanceDependent(
        connect.ExponentialProfile(0.1, p_max=0.7, cutoff=0.4), *x, periodic=True, **y
    ),
    "box": lambda n, *x, **y: connect.DistanceDependent(connect.BoxProfile(0.3), *x, **y),
    "all": lambda n, *x, **y: connect.AllToAll(*x, **y),
}
PARTS = {
    "a part and all": (slice(10, 90), slice(None)),
    "backwards": (slice(90, 10, -2), slice(40, 200)),
    "every third": (slice(0, 300, 3), slice(30, 250)),
    "others": (slice(0, 50), slice(50, 90)),
    "lists": (np.arange(300)[::-1][np.arange(300) % 7 < 3], np.flatnonzero(np.arange(300) % 5 < 4)),
}


@pytest.fixture(autouse=True, params=[32, 64])
def precision(request, seed):
    """Of weights; with another order of threads."""
    with jax.enable_x64(request.param == 64):
        sl.environ.set(dt=0.1 * u.ms, precision=request.param)
        yield request.param
        sl.environ.reset()


@pytest.fixture
def same(monkeypatch):
    """A function that builds on both devices and compares; returns the number of synapses."""
    calls = []

    def run(target, results, *operands, **attributes):
        calls.append(target)
        shapes = [np.zeros(shape, dtype) for shape, dtype in results]
        named = {str(k): np.asarray(x) for k, x in enumerate(operands)}
        return call_frame.on_gpu(target, named, shapes, attributes)

    def made(rule, *populations, **targets):
        sl.random.seed(7)
        found = rule(*populations, **targets)
        weight = u.get_mantissa(found.weight.value)
        delay = -1 if found.delay is None else found.delay
        return [np.asarray(x) for x in (found.indices, found.indptr, weight, delay, found.longest_delay, found.dt or 0)]

    def compare(*what, **targets):
        wanted = made(*what, **targets)
        with monkeypatch.context() as patch:
            patch.setattr(_connect, "is_native", lambda: True)
            patch.setattr(_connect, "_call", run)
            ours = made(*what, **targets)
        assert calls == ["connect_count", "connect_fill"]
        calls.clear()
        for a, b in zip(ours, wanted, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert a.tobytes() == b.tobytes()
        return wanted[0].size

    return compare


@pytest.mark.filterwarnings("ignore:.*makes no synapse")
@pytest.mark.parametrize("name", RULES)
def test_rules(name, same):
    found = []
    for k, n in enumerate((0, 1, 31, 33, 130)):
        kind = k + 5 * [*RULES].index(name)
        weight, delay = [*WEIGHTS][kind % 5], [*DELAYS][(kind + k) % 4]
        own = {"seed": 2**63 + kind, "delay": DELAYS[delay], "autapses": n == 33 or name in ("often", "total")}
        found.append(same(RULES[name](n, WEIGHTS[weight], **own), n, n))
    assert found[0] == 0 < found[2] < found[4]
    several = RULES[name](40, WEIGHTS["normal"], delay=DELAYS["short"], seed=9, autapses=False)
    whole = same(several, 12, 2100)  # of blocks
    assert 0 < same(several, 12, 2100, targets=(70, 1900)) < whole
    assert same(several, 12, 2100, targets=(5, 5)) == 0


@pytest.mark.parametrize("rule", [connect.OneToOne, lambda *x, **y: connect.SmallWorld(34, 0.4, *x, **y)])
def test_rules_of_populations_of_one_size(rule, same):
    for n, delay in ((77, "short"), (35, "one")):  # with 34 neighbours of 34 there is nowhere to rewire to
        made = rule(WEIGHTS["normal"], delay=DELAYS[delay], seed=2**63 + n)
        assert 21 <= same(made, n, n, targets=(9, 30)) < same(made, n, n)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("delay", DELAYS)
def test_weights_and_delays(weight, delay, same):
    assert same(RULES["out"](9, WEIGHTS[weight], delay=DELAYS[delay], seed=3), 20, 90) == 140


def test_many_targets(same):
    assert same(connect.FixedOutDegree(300, WEIGHTS["normal"], delay=DELAYS["short"], seed=9), 3, 70_000) == 900
    for multapses in (False, True):  # of 2³² words about 10⁶ are rejected
        assert same(connect.FixedOutDegree(20_000, 1.0, multapses=multapses, seed=4), 1, 1_000_000) == 20_000


def test_sources_that_reach_a_target_often(same):
    rule = connect.FixedInDegree(70, WEIGHTS["normal"], delay=DELAYS["short"], seed=5)
    assert same(rule, 2, 40) == 40 * 70
    assert same(rule, 2, 40, targets=(3, 9)) == 6 * 70


@pytest.mark.parametrize("parts", PARTS)
def test_autapses_of_parts_are_left_out(parts, same):
    population = sl.LIF(300)
    of, to = (population[part] for part in PARTS[parts])
    for name in ("prob", "different", "distinct", "near", "all", "distinct in"):
        assert same(RULES[name](40, WEIGHTS["normal"], delay=DELAYS["short"], seed=9, autapses=False), of, to) > 0


@pytest.mark.parametrize(
    ("delay", "weight"), [("none", "normal"), ("short", "one"), ("long", "normal"), ("one", "one")]
)
def test_blocks(delay, weight, same):
    assert same(_blocks(delay, weight), 80, 64) > 900
    assert same(_blocks(delay, weight), 80, 64, targets=(20, 50)) > 400


def test_values_that_are_given(same, precision):
    """Arrays, functions, and initializers that the builders do not know; also for some of the targets."""
    rng, n, m = np.random.default_rng(1), 60, 90
    initializer, population = (lambda shape: np.arange(shape[0]) / 3), sl.LIF(200)
    pairs = rng.normal(size=(n, m)) * u.mV, rng.integers(0, 400, (n, m))
    given = [
        (rng.normal(size=n * 7) * u.mV, DELAYS["short"]),
        (lambda i, j: (i - 2.0 * j) ** 2 / 7, lambda i, j: ((i * j) % 300 + 1) * 0.1 * u.ms),
        (initializer, rng.integers(1, 9, n * 7)),
        (WEIGHTS["normal"], pairs[1]),  # drawn weights move with their synapses
    ]
    for weight, delay in given if precision == 32 else given[:1]:
        assert same(connect.FixedOutDegree(7, weight, delay=delay, seed=3), population[10:130:2], m) == n * 7
    several = connect.FixedInDegree(5, pairs[0], delay=pairs[1][:1], seed=4)
    assert same(several, n, m, targets=(20, 70)) == 5 * 50
    with pytest.raises(TypeError, match="cannot be drawn for a range of targets alone"):
        same(connect.FixedOutDegree(7, initializer, seed=1), n, m, targets=(2, 9))


def _blocks(delay, weight):
    other = DELAYS["short" if delay == "long" else delay]
    rules = {
        (2, 0): connect.FixedProb(0.4, WEIGHTS["cut"], delay=other),
        (0, 2): connect.FixedOutDegree(30, WEIGHTS["exponential"], delay=DELAYS[delay]),
        (0, 0): connect.FixedTotalNumber(900, WEIGHTS[weight], delay=DELAYS[delay], seed=1),
        (1, 2): connect.FixedInDegree(12, WEIGHTS["cut"], delay=other),
        (1, 0): connect.SmallWorld(4, 0.3, WEIGHTS["cut"], delay=other),
        (2, 2): connect.DistanceDependent(connect.BoxProfile(0.4), WEIGHTS["cut"], delay=other),
        (3, 1): connect.FixedProb(0.4, WEIGHTS["cut"], delay=other),
    }
    return connect.Blocks([33, 40, 7, 0], [40, 3, 21], rules)


def test_other_rules_are_built_on_the_cpu(monkeypatch):
    monkeypatch.setattr(_connect, "is_native", lambda: True)
    monkeypatch.setattr(_connect, "_call", lambda *args, **more: pytest.fail("built on the GPU"))
    connect.FixedProb(lambda i, j: 0.3 + 0.0 * i, 1.0)(9, 9)
    connect.Blocks([9], [9], {(0, 0): connect.FixedProb(0.3, np.ones((9, 9)))})(9, 9)
    with pytest.raises(ValueError, match="99 distinct targets asked for, but there are only 81"):
        connect.FixedTotalNumber(99, 1.0, multapses=False)(9, 9)
    with pytest.raises(MemoryError, match="about 1e\\+09 synapses"):
        monkeypatch.setattr("spikeloop.connect._on_gpu._free_bytes", lambda: 10**9)
        connect.FixedOutDegree(1000, 1.0)(10**6, 10**6)


PROGRAM = """
import brainunit as u
import emulated_cuda
import numpy as np
import spikeloop as sl
from spikeloop.kernels import _connect

sl.environ.set(dt=0.1 * u.ms)
found = []
for on_gpu in (True, False):
    _connect.is_native = lambda: on_gpu
    comm = sl.transform.jit(lambda: found.append(sl.networks.PD14(0.005, seed=3).recurrent.comm))
    comm()
for name in ("indices", "indptr", "delay"):
    np.testing.assert_array_equal(*(np.asarray(getattr(comm, name)) for comm in found))
np.testing.assert_array_equal(*(np.asarray(u.get_mantissa(comm.weight.value)) for comm in found))
assert found[0].num_synapses > 20_000
"""


def test_xla_calls_the_builders_also_while_a_function_is_traced(seed, precision):
    if seed or precision == 64:
        pytest.skip("one run")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", PROGRAM], env=env, check=True)
