"""The neurons of `sl.nest` against what NEST 3.10 computes for the same input, as `make_oracle.py` stored it."""

from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from nest_cases import CASES, DT, IN_SHORT, LATE, POPULATION, RANDOM, RUN, STEPS, kept

ORACLE = Path(__file__).with_name("oracle.npz")


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE) as stored:
        return dict(stored)


def population(case):
    """One neuron with the constants of the case, and a function that leads the spikes of a port into it."""
    model = getattr(sl.nest, case.model)
    neuron = model(
        1, **{name: in_unit(model, name, value) for name, value in case.params.items() if name != "gsl_error_tol"}
    )
    projections = []
    for k, (name, (_, _, weight, late)) in enumerate(case.ports.items()):
        unit, port = neuron.ports[name].unit, neuron.port(name)
        for w, delay in ((weight, None), (late, LATE * DT * u.ms)):
            comm = lambda s, w=w, unit=unit: s * u.Quantity(w, unit=unit)  # noqa: E731
            projections.append((k, sl.AlignPostProj(comm=comm, post=neuron, delay=delay, pre=1, **port)))

    def deliver(arriving):
        for k, projection in projections:
            projection(arriving[k : k + 1])

    net = sl.nn.Module()
    net.parts = [neuron, [projection for _, projection in projections]]
    return net, neuron, deliver


def in_unit(model, name, value):
    if name in model.options:
        return value
    declared = model.params.get(name) or model.lists[name]
    return u.Quantity(np.asarray(value, float), unit=declared.unit)


def run(case):
    """The recorded variables after each step, and the steps that spike."""
    sl.environ.set(precision=64, dt=DT * u.ms)
    net, neuron, deliver = population(case)
    sl.nn.init_all_states(net)
    current = np.zeros(STEPS)
    for at, value in case.current:
        current[at:] = value

    def step(x, arriving):
        deliver(arriving)
        spike = neuron(x * neuron.current_unit)
        value = lambda name: u.get_mantissa(getattr(getattr(neuron, name), "value", getattr(neuron, name)))  # noqa: E731
        return spike[0], [value(name)[0] for name in case.record]

    spikes, recorded = sl.transform.for_loop(step, jnp.asarray(current), jnp.asarray(case.trains(), float))
    return np.flatnonzero(spikes), dict(zip(case.record, map(np.asarray, recorded), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_as_nest(case, oracle):
    compare(case, oracle)


@pytest.mark.filterwarnings("ignore:Kernel .* runs as its JAX reference")  # adaptive steps are a loop in JAX
@pytest.mark.parametrize("case", IN_SHORT, ids=lambda case: case.key)
def test_as_nest_by_its_own_integrator(case, oracle):
    compare(case, oracle)


def compare(case, oracle):
    """Run a case, and hold it to what NEST has computed."""
    spikes, recorded = run(case)
    expected = oracle[f"{case.key}/spikes"]
    V = oracle[f"{case.key}/V_m"]
    off = np.abs(recorded["V_m"] - V)
    assert len(expected) >= case.spikes
    np.testing.assert_array_equal(spikes, expected)
    rises = np.isin(np.arange(STEPS) + 1, expected)
    assert off[~rises].max() <= case.tolerance
    assert off[rises].max(initial=0.0) <= max(case.tolerance, case.upswing)
    for name in case.record[1:]:
        theirs = oracle[f"{case.key}/{name}"]
        np.testing.assert_allclose(
            kept(name, recorded[name]), theirs, rtol=0, atol=3 * case.tolerance * max(1.0, np.abs(theirs).max())
        )


@pytest.mark.parametrize("model", RANDOM)
def test_spikes_at_random_as_often_as_nest(model, oracle):
    sl.environ.set(precision=64, dt=DT * u.ms)
    sl.random.seed(1)
    cls = getattr(sl.nest, model)
    neurons = cls(POPULATION, **{name: in_unit(cls, name, value) for name, value in RANDOM[model].items()})
    sl.nn.init_all_states(neurons)
    counts = np.asarray(sl.transform.for_loop(lambda: neurons(), length=RUN)).sum(0)
    theirs = np.repeat(np.arange(len(oracle[f"{model}/count"])), oracle[f"{model}/count"])
    error = np.sqrt((counts.var() + theirs.var()) / POPULATION)
    assert theirs.mean() > 5
    assert abs(counts.mean() - theirs.mean()) < 4 * error
    assert 0.8 < counts.std() / theirs.std() < 1.25


@pytest.mark.parametrize("model", sorted({case.model for case in CASES}))
def test_defaults_are_those_of_nest(model, oracle):
    cls = getattr(sl.nest, model)
    theirs = {key.rpartition("/")[2]: x for key, x in oracle.items() if key.startswith(f"{model}/default/")}
    for name, declared in {**cls.params, **cls.lists}.items():
        if hasattr(declared, "positive"):
            default = declared.default
            ours = [u.get_mantissa(x) for x in default] if isinstance(default, tuple) else u.get_mantissa(default)
            np.testing.assert_allclose(ours, theirs[name], err_msg=name)
