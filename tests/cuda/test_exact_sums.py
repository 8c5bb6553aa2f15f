"""Exact sums at targets: rounded once, so that no order of threads shows."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from call_frame import Host, driver, handler, on_gpu, run
from event_case import FLOATS, Case, sorted_rows
from procedural_case import DELAYS, SLOTS, WEIGHTS, drawn, scratch

PROGRAM = """
import sys
import emulated_cuda
from call_frame import driver
import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from spikeloop import init

found = {}
for wide in (32, 64):
    sl.environ.set(precision=wide)
    rule = sl.connect.FixedProb(0.5, init.LogNormal(1.0, 9.0), seed=3)
    spikes = jnp.asarray(np.random.default_rng(0).random(300) < 0.5)
    stored, drawn = rule(300, 20), sl.connect.Procedural(rule)(300, 20)
    run = sl.transform.jit(lambda: (stored(spikes), drawn(spikes)))
    for deterministic in (False, True):
        sl.environ.set(deterministic=deterministic)
        for seed in (1, 2):
            driver().fake_seed(seed)
            found[f"{wide} {deterministic} {seed}"] = np.stack(run())
np.savez(sys.argv[1], **found)
"""
DIGITS = {np.float32: 8, np.float64: 54}
SEEDS = (0, 1, 2, 3)


def digits(target):
    """Memory of the digits, as XLA gives it: full of something else."""
    return np.full(2 * DIGITS[target.dtype.type] * target.size, 0xAAAAAAAA, np.uint32)


def in_any_order(name, operands, results, attributes, memory=()):
    """The last result for several orders of threads, which are the same to the bit; near that of the CPU."""
    target, found = operands[results[-1]], []
    for seed in SEEDS:
        driver().fake_seed(seed)
        found.append(on_gpu(name, operands, results, attributes, [*memory, digits(target)])[-1])
    driver().fake_seed(0)
    assert len({x.tobytes() for x in found}) == 1
    on_cpu = run(handler(name), operands, results, attributes, Host())[-1]
    np.testing.assert_allclose(found[0], on_cpu, rtol=1e-3 if target.dtype == np.float32 else 1e-10)
    assert (found[0] != target).any()
    return found[0]


def numbers(case, *shape):
    """Numbers of either sign over some orders of magnitude."""
    return (case.rng.normal(size=shape) * 10.0 ** case.rng.integers(-4, 4, shape)).astype(case.float)


@pytest.mark.parametrize("float_type", FLOATS)
def test_scatter_is_rounded_once(float_type):
    case = Case(1000, 30, float_type)
    operands = {
        "spikes": case.spikes(False), "weight": numbers(case, case.nnz), **case.places(),
        "target": np.zeros(30, float_type),
    }  # fmt: skip
    found = in_any_order("event_scatter", operands, ["target"], case.attributes())
    sources = np.repeat(np.arange(case.n_pre), np.diff(case.indptr))
    spikes = operands["spikes"][case.offset + sources]
    for target, sum_ in enumerate(found):
        exact = math.fsum(operands["weight"][spikes & (case.indices == target)].tolist())
        ulp = float(np.spacing(abs(sum_)))
        assert abs(float(sum_) - exact) <= (ulp if float_type is np.float64 else 0.501 * ulp)


@pytest.mark.parametrize("float_type", FLOATS)
def test_all_numbers_of_a_type(float_type):
    """The smallest and the largest, of both signs, and those that are no numbers."""
    info = np.finfo(float_type)
    pairs = [
        (info.smallest_subnormal, 0), (-info.smallest_subnormal, 0), (info.tiny, -info.smallest_subnormal),
        (info.max, -info.max), (info.max / 2, -1), (1, -info.eps), (1, info.eps), (-1, 1), (-1, -info.eps), (0, -0.0),
        (info.max, info.max), (np.inf, 1), (np.inf, -np.inf), (np.nan, 1),
    ]  # fmt: skip
    weight = np.array(pairs, float_type).ravel()
    indices = np.repeat(np.arange(len(pairs)), 2).astype(np.uint16)
    operands = {
        "spikes": np.ones(1, bool), "weight": weight, "indices": indices, "indptr": np.zeros(0, np.int32),
        "target": np.zeros(len(pairs), float_type),
    }  # fmt: skip
    attributes = {"n_pre": 1, "offset": 0, "sorted": False}
    (found,) = on_gpu("event_scatter", operands, ["target"], attributes, [digits(operands["target"])])
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(found, weight[::2] + weight[1::2])


@pytest.mark.parametrize("float_type", FLOATS)
def test_rings_and_batches(float_type):
    slots, lanes, each = 4, 2, 2
    case = Case(400, 20, float_type, batch=lanes * each)
    ring = {"cursor": np.array([3, 1], np.int32), "target": numbers(case, lanes, slots, each, 20)}
    given = {"spikes": case.spikes(True), "weight": numbers(case, case.nnz), **case.places()}
    delay = {"delay": case.rng.integers(0, slots, case.nnz).astype(np.uint8)}
    attributes = case.attributes(slots=slots, lanes=lanes)
    in_any_order("event_scatter", {**given, **delay, **ring}, ["target"], attributes)
    past = (case.rng.random((lanes, slots, each, 400)) < 0.2).astype(float_type)
    target = numbers(case, lanes * each, 20)
    operands = {**given, "cursor": ring["cursor"], "past": past, "target": target}
    in_any_order("event_relay", operands, ["past", "target"], attributes)


@pytest.mark.parametrize("float_type", FLOATS)
def test_values_that_arrive_later(float_type):
    case, slots = Case(1, 1, float_type), 5
    indptr, delay, indices = sorted_rows(case.rng, 300, 20, slots)
    ring = (case.rng.random((slots, 300)) < 0.3) * numbers(case, slots, 300)
    neurons = np.zeros((slots, 300), np.uint32)
    for slot, values in enumerate(ring):
        neurons[slot, : np.count_nonzero(values)] = np.flatnonzero(values)
    operands = {
        "ring": ring.astype(float_type), "count": np.count_nonzero(ring, axis=1).astype(np.int32), "neurons": neurons,
        "cursor": np.int32(2), "weight": numbers(case, indices.size), "indices": indices.astype(np.uint16),
        "indptr": indptr, "delay": delay.astype(np.uint8), "target": np.zeros(20, float_type),
    }  # fmt: skip
    in_any_order("history_deliver", operands, ["target"], {})


@pytest.mark.parametrize("float_type", FLOATS)
def test_synapses_that_are_made_anew(float_type):
    rule = drawn("fixed_prob", 300, weight=WEIGHTS[1], delay=DELAYS) | {"slots": SLOTS, "lanes": 1}
    target = np.zeros((SLOTS, 300), float_type)
    operands = {"values": np.ones((1, 300), float_type), "cursor": np.int32(1), "target": target}
    in_any_order("procedural_scatter", operands, ["target"], rule, scratch(300))


def test_setting_holds_for_compiled_functions(tmp_path):
    """Synapses that are stored and those that are drawn anew give the same bits, in any order of threads."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "found.npz"], env=env, check=True)
    found = np.load(tmp_path / "found.npz")
    for wide in (32, 64):
        (stored, drawn), other = found[f"{wide} True 1"], found[f"{wide} True 2"]
        assert stored.tobytes() == drawn.tobytes()
        assert found[f"{wide} True 1"].tobytes() == other.tobytes()
    assert any(found[f"{wide} False 1"].tobytes() != found[f"{wide} False 2"].tobytes() for wide in (32, 64))
