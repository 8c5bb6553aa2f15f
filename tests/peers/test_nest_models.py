"""The neurons of `sl.nest` beside NEST itself: the table of `tests/helpers/nest_cases.py`."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "nest"))

import test_oracle as oracle
from nest_cases import (
    ADAPTIVE,
    ASTROCYTE,
    CASES,
    COUPLED,
    DT,
    KISS,
    LATE,
    MEAN_FIELD,
    POPULATION,
    RANDOM,
    RATE_STEPS,
    RATES,
    RUN,
    START,
    WEIGHTS,
    kept,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_stored_results_are_those_of_nest(case, nest):
    """The stored table is what this NEST computes, so `test_oracle` compares with it."""
    with np.load(oracle.ORACLE) as stored:
        expected = {name: stored[f"{case.key}/{name}"] for name in (*case.record, "spikes")}
    ports = [(receptor, sign * w, sign * late) for receptor, sign, w, late in case.ports.values()]
    found = nest("driven", model=case.model, params=case.params, ports=ports, trains=case.trains(), late=LATE + 1,
                 current=case.current, record=case.record, dt=DT, loop=case.loop[1:])  # fmt: skip
    np.testing.assert_array_equal(found["spikes"], expected["spikes"])
    first = case.record[0]
    np.testing.assert_allclose(found[first], expected[first], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("model", "params", "name"), [(*x, "rates") for x in RATES.items()] + [(*x, "coupled") for x in COUPLED.items()]
)
def test_rates(model, params, name, nest):
    with np.load(oracle.ORACLE) as stored:
        expected = stored[f"{model}/{name}"]
    found = nest("rates", model=model, params=params, weights=WEIGHTS, start=START, steps=RATE_STEPS, dt=DT)
    np.testing.assert_allclose(found["rate"], expected, rtol=0, atol=1e-12)


def test_mean_field(nest):
    with np.load(oracle.ORACLE) as stored:
        expected = stored["siegert_neuron/rates"]
    found = nest("mean_field", **MEAN_FIELD, steps=RATE_STEPS, dt=DT)
    np.testing.assert_allclose(found["rate"], expected, rtol=1e-12)


def test_maximum_inside_of_a_step(nest):
    found = nest("kiss", weight=KISS, dt=DT)
    with np.load(oracle.ORACLE) as stored:
        for name, values in found.items():
            np.testing.assert_allclose(values, stored[f"lossless/{name}"], rtol=0, atol=1e-9)


def test_astrocyte(nest):
    found = nest("astrocyte", **ASTROCYTE, dt=DT)
    with np.load(oracle.ORACLE) as stored:
        for name, values in found.items():
            np.testing.assert_allclose(kept(name, values), stored[f"astrocyte_lr_1994/{name}"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("model", RANDOM)
def test_random_spikes(model, nest):
    with np.load(oracle.ORACLE) as stored:
        expected = stored[f"{model}/count"]
    count = nest("counts", model=model, params=RANDOM[model], n=POPULATION, steps=RUN, dt=DT)["count"]
    np.testing.assert_array_equal(np.bincount(count), expected)


@pytest.mark.filterwarnings("ignore:Kernel .* runs as its JAX reference")
@pytest.mark.parametrize("case", ADAPTIVE, ids=lambda case: case.key)
def test_integrator_of_nest(case):
    """`rkf45` takes the steps that NEST takes; `test_oracle` has some of these."""
    with np.load(oracle.ORACLE) as stored:
        oracle.compare(case, dict(stored))
