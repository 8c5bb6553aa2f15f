"""Connectivity that is built on the emulated GPU: indices, starts of rows, weights and delays are those of the CPU."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import itertools
import json
import sys

import brainunit as u
import call_frame
import emulated_cuda
import jax
import numpy as np
import spikeloop as sl
from spikeloop.kernels import _connect

jax.config.update("jax_enable_x64", True)
sl.environ.set(dt=0.1 * u.ms)
init, connect = sl.init, sl.connect
WEIGHTS = {
    "one": 2.0 * u.mV, "normal": init.Normal(1.0 * u.mV, 0.5 * u.mV),
    "cut": init.TruncatedNormal(1.0 * u.mV, 1.0 * u.mV, 0.5 * u.mV, None),
    "exponential": init.Exponential(2.0 * u.mV), "log_normal": init.LogNormal(1.0 * u.mV, 0.5 * u.mV),
}
DELAYS = {
    "none": None, "one": 1.5 * u.ms, "short": init.Uniform(0.0 * u.ms, 1.0 * u.ms),
    "long": init.TruncatedNormal(20.0 * u.ms, 20.0 * u.ms, 0.1 * u.ms, 60.0 * u.ms),
}
RULES = {
    "prob": lambda n, *x, **y: connect.FixedProb(0.3, *x, **y),
    "sparse": lambda n, *x, **y: connect.FixedProb(0.02, *x, **y),
    "certain": lambda n, *x, **y: connect.FixedProb(1.0, *x, **y),
    "out": lambda n, *x, **y: connect.FixedOutDegree(7 * (n > 1), *x, **y),
    "distinct": lambda n, *x, **y: connect.FixedOutDegree(n // 2, *x, multapses=False, **y),
    "often": lambda n, *x, **y: connect.FixedOutDegree(3 * n, *x, **y),
    "total": lambda n, *x, **y: connect.FixedTotalNumber(6 * n * (n > 1), *x, **y),
    "different": lambda n, *x, **y: connect.FixedTotalNumber(n * n // 3, *x, multapses=False, **y),
}
CASES, built = {}, []


def add(name, rule, *populations):
    CASES[name] = lambda: rule(*populations)


for kind, (rule, n) in enumerate(itertools.product(RULES, (0, 1, 31, 33, 270))):
    weight, delay = [*WEIGHTS][kind % 5], [*DELAYS][(kind + kind // 5) % 4]
    own = {"seed": 2**63 + kind, "delay": DELAYS[delay], "autapses": kind % 2 == 0}
    add(f"{rule} {n} {weight} {delay}", RULES[rule](n, WEIGHTS[weight], **own), n, n)
for weight, delay in itertools.product(WEIGHTS, DELAYS):
    add(f"{weight} {delay}", RULES["out"](9, WEIGHTS[weight], delay=DELAYS[delay], seed=3), 20, 90)
given = {"seed": 9, "delay": DELAYS["short"]}
for name, rule in RULES.items():
    add(f"{name} several blocks", rule(40, WEIGHTS["normal"], **given), 12, 2100)
add("many targets", connect.FixedOutDegree(300, WEIGHTS["normal"], **given), 3, 70_000)
add("rejected words", connect.FixedOutDegree(20_000, 1.0, multapses=False, seed=4), 2, 1_000_000)
add("rejected words, repeats", connect.FixedOutDegree(20_000, 1.0, seed=4), 1, 3_000_000)
population = sl.LIF(300)
for name, (a, b) in {
    "a part and all": (slice(10, 90), slice(None)), "backwards": (slice(90, 10, -2), slice(40, 200)),
    "every third": (slice(0, 300, 3), slice(30, 250)), "others": (slice(0, 50), slice(50, 90)),
}.items():  # fmt: skip
    for rule in ("prob", "different"):
        own = {"autapses": False, **given}
        add(f"{name} {rule}", RULES[rule](40, WEIGHTS["normal"], **own), population[a], population[b])


def parts(delay, weight="normal"):
    rules = {
        (0, 0): connect.FixedTotalNumber(900, WEIGHTS[weight], delay=DELAYS[delay], seed=1),
        (2, 0): connect.FixedProb(0.4, WEIGHTS["cut"], delay=DELAYS["short" if delay == "long" else delay], seed=2),
        (0, 2): connect.FixedOutDegree(30, WEIGHTS["exponential"], delay=DELAYS[delay], seed=3),
    }
    return connect.Blocks([33, 20, 7, 0], [40, 3, 21], rules)


for delay in ("none", "short", "long"):
    add(f"blocks {delay}", parts(delay), 60, 64)


def made(case):
    sl.random.seed(7)
    connection = case()
    return [
        np.asarray(x) for x in (connection.indices, connection.indptr, u.get_mantissa(connection.weight.value))
    ] + [np.asarray(-1 if connection.delay is None else connection.delay), np.asarray(connection.longest_delay)]


fill, found = _connect.fill, {}
_connect.fill = lambda *args: built.append(args) or fill(*args)
for precision, seed in ((32, 0), (64, 1)):
    sl.environ.set(precision=precision)
    call_frame.driver().fake_seed(seed)
    for name, case in CASES.items():
        _connect.is_native = lambda: False
        wanted = made(case)
        assert not built
        _connect.is_native = lambda: True
        ours = made(case)
        alike = [a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
                 for a, b in zip(ours, wanted, strict=True)]
        found[f"{name} {precision}"] = [len(built), wanted[0].size, alike]
        built.clear()
for name, case in {
    "weights": lambda: connect.FixedProb(0.3, np.ones((9, 9)), seed=1)(9, 9),
    "in": lambda: connect.FixedInDegree(3, 1.0, seed=1)(9, 9),
    "expression": lambda: connect.FixedProb(0.3, lambda i, j: i + j, seed=1)(9, 9),
    "blocks with one weight": lambda: parts("short", "one")(60, 64),
    "list": lambda: connect.FixedProb(0.3, 1.0, autapses=False)(population[[1, 2, 5]], population[[2, 9, 1]]),
}.items():
    case()
    found[name] = len(built)
try:
    connect.FixedTotalNumber(99, 1.0, multapses=False)(9, 9)
except ValueError as error:
    found["too many"] = str(error)
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def found():
    """For each case how often kernels filled it in, how many synapses it has, and which arrays are equal."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def test_synapses_are_those_of_the_cpu(found):
    cases = {name: x for name, x in found.items() if isinstance(x, list)}
    assert len(cases) > 150
    assert {name: x for name, x in cases.items() if x[0] != 1 or not all(x[2])} == {}
    empty = {name for name, x in cases.items() if x[1] == 0}
    assert 0 < len(empty) < 50


def test_other_rules_are_built_on_the_cpu(found):
    for name in ("weights", "in", "expression", "blocks with one weight", "list"):
        assert found[name] == 0, name
    assert "99" in found["too many"]
