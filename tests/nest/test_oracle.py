"""The neurons of `sl.nest` against what NEST 3.10 computes for the same input, as `make_oracle.py` stored it."""

from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from nest_cases import (
    ASTROCYTE,
    CASES,
    COUPLED,
    DT,
    IN_SHORT,
    KISS,
    LATE,
    MEAN_FIELD,
    OTHERS,
    POPULATION,
    RANDOM,
    RATE_STEPS,
    RATES,
    RUN,
    START,
    STEPS,
    WEIGHTS,
    kept,
)

ORACLE = Path(__file__).with_name("oracle.npz")


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE) as stored:
        return dict(stored)


def population(case):
    """One neuron with the constants of the case, and a function that leads the spikes of a port into it."""
    model = getattr(sl.nest, case.model)
    neuron = model(1, **constants(model, case.params))
    projections = []
    for k, (name, (_, _, weight, late)) in enumerate(case.ports.items()):
        unit, port = neuron.ports[name].unit, neuron.port(name)
        for w, delay in ((weight, None), (late, LATE * DT * u.ms)):
            comm = lambda s, w=w, unit=unit: s * u.Quantity(w, unit=unit)  # noqa: E731
            projections.append((k, sl.AlignPostProj(comm=comm, post=neuron, delay=delay, pre=1, **port)))

    loops = [of_itself(neuron, *case.loop)] if case.loop else []

    def deliver(arriving):
        for k, projection in projections:
            projection(arriving[k : k + 1])
        for projection in loops:
            projection(neuron.release.value)

    net = sl.nn.Module()
    net.parts = [neuron, [projection for _, projection in projections], loops]
    return net, neuron, deliver


def of_itself(neuron, name, _, weight):
    """The synapse of a neuron with itself."""
    comm = lambda release: release * u.Quantity(weight, unit=neuron.ports[name].unit)  # noqa: E731
    return sl.AlignPostProj(comm=comm, post=neuron, **neuron.port(name))


def constants(model, params):
    """The constants of NEST as arguments of a model; those of compartments have their first letters as endings."""
    if model is sl.nest.cm_default:
        return tree(params)
    flat = {}
    for name, value in params.items():
        inner = {f"{k}_{name[0]}": x for k, x in value.items()} if isinstance(value, dict) else {name: value}
        flat |= {"lambda_" if k == "lambda" else k: x for k, x in inner.items() if k != "gsl_error_tol"}
    return {name: in_unit(model, name, value) for name, value in flat.items()}


def tree(params):
    """The compartments and receptors of NEST, with units."""
    units = {"C": u.nF, "g": u.uS, "e": u.mV, "V": u.mV, "t": u.ms, "N": u.UNITLESS}

    def with_units(values):
        return {name: u.Quantity(x, unit=units[name[0]]) for name, x in values.items() if name != "v_comp"}

    parts = {
        kind: [{**x, "params": with_units(x.get("params", {}))} for x in params[kind]]
        for kind in ("compartments", "receptors")
    }
    return {**parts, "V_th": params["V_th"] * u.mV}


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

    names = (*case.record, *["offset"] * hasattr(neuron, "offset"))

    def step(x, arriving):
        deliver(arriving)
        spike = neuron(x * neuron.current_unit)
        found = [getattr(neuron, name.replace(".", "_")) for name in names]
        return spike[0], [u.get_mantissa(getattr(x, "value", x))[0] for x in found]

    spikes, recorded = sl.transform.for_loop(step, jnp.asarray(current), jnp.asarray(case.trains(), float))
    return np.flatnonzero(spikes), dict(zip(names, map(np.asarray, recorded), strict=True))


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
    first = case.record[0]
    off = np.abs(recorded[first] - oracle[f"{case.key}/{first}"])
    assert len(expected) >= case.spikes
    np.testing.assert_array_equal(spikes, expected)
    if "offset" in recorded:
        np.testing.assert_allclose(recorded["offset"][spikes], oracle[f"{case.key}/offset"], rtol=0, atol=1e-10)
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
    neurons = cls(POPULATION, **constants(cls, RANDOM[model]))
    sl.nn.init_all_states(neurons)
    sent = np.asarray(sl.transform.for_loop(lambda: neurons(), length=RUN))
    if sent.min() < 0:  # NEST sends two spikes where a binary neuron becomes 1, and one where it becomes 0
        sent = np.where(sent > 0, 2, sent < 0)
    counts = sent.sum(0)
    theirs = np.repeat(np.arange(len(oracle[f"{model}/count"])), oracle[f"{model}/count"])
    error = np.sqrt((counts.var() + theirs.var()) / POPULATION)
    assert theirs.mean() > 5
    assert abs(counts.mean() - theirs.mean()) < 4 * error
    assert 0.8 < counts.std() / theirs.std() < 1.25


@pytest.mark.parametrize("model", RATES)
def test_rates_as_nest(model, oracle):
    cls = getattr(sl.nest, model)
    found = rates(cls(len(START), rate_initializer=np.array(START), **constants(cls, RATES[model])), {"rate": WEIGHTS})
    np.testing.assert_allclose(found, oracle[f"{model}/rates"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", COUPLED)
def test_sums_and_couplings_as_nest(model, oracle):
    cls = getattr(sl.nest, model)
    neurons = cls(len(START), rate_initializer=np.array(START), **constants(cls, COUPLED[model]))
    couples = {"ex": np.maximum(WEIGHTS, 0), "in": np.minimum(WEIGHTS, 0)}
    found = rates(neurons, couples if neurons.mult_coupling else {"rate": WEIGHTS})
    np.testing.assert_allclose(found, oracle[f"{model}/coupled"], rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="chosen when the population is made"):
        neurons.mult_coupling = not neurons.mult_coupling
    with pytest.raises(TypeError, match="did you mean 'sigma'"):
        cls(2, sigmma=0.1)


def rates(neurons, weights):
    """The rates after each step of neurons that are connected by these weights, by port."""
    sl.environ.set(precision=64, dt=DT * u.ms)
    loops = [into(neurons, name, w) for name, w in weights.items()]
    sl.nn.init_all_states(neurons)

    def step():
        rate = neurons.get_spike()
        for loop in loops:
            loop(rate)
        neurons()
        return u.get_mantissa(neurons.rate.value)

    return sl.transform.for_loop(step, length=RATE_STEPS)


def test_populations_in_mean_field_theory_as_nest(oracle):
    sl.environ.set(precision=64, dt=DT * u.ms)
    cls, start = sl.nest.siegert_neuron, MEAN_FIELD["start"]
    cells = cls(len(start), rate_initializer=start * u.Hz, **constants(cls, MEAN_FIELD["params"]))
    found = rates(cells, {name: np.array(MEAN_FIELD[name]) for name in ("drift", "diffusion")})
    np.testing.assert_allclose(found, oracle["siegert_neuron/rates"], rtol=1e-13)


def test_a_mean_field_rate_without_noise_is_that_of_a_regular_neuron():
    sl.environ.set(precision=64, dt=DT * u.ms)
    cells = sl.nest.siegert_neuron(3, tau=0.001 * u.ms)
    sl.nn.init_all_states(cells)
    cells([14.0, 16.0, 40.0] * u.mV)
    mu = np.array([16.0, 40.0])
    regular = 1e3 / (2 + 5 * np.log(mu / (mu - 15)))
    np.testing.assert_allclose(u.get_mantissa(cells.rate.value), [0.0, *regular], rtol=1e-12)


def into(target, name, weight):
    """A projection to a port that multiplies what is sent by a weight or by a matrix of them."""
    unit = target.ports[name].unit
    weight = weight if unit.is_unitless else u.Quantity(weight, unit=unit)
    comm = lambda x: weight @ x if np.ndim(weight) else x * weight  # noqa: E731
    return sl.AlignPostProj(comm=comm, post=target, **target.port(name))


def test_an_astrocyte_and_its_slow_inward_current_as_nest(oracle):
    sl.environ.set(precision=64, dt=DT * u.ms)
    astrocyte = sl.nest.astrocyte_lr_1994(1, **constants(sl.nest.astrocyte_lr_1994, ASTROCYTE["params"]))
    neuron = sl.nest.aeif_cond_alpha_astro(1)
    kicks, slow = into(astrocyte, "IP3", ASTROCYTE["weight"]), into(neuron, "SIC", ASTROCYTE["slow"])
    net = sl.nn.Module()
    net.parts = [astrocyte, neuron, kicks, slow]
    sl.nn.init_all_states(net)
    spikes = np.isin(np.arange(ASTROCYTE["steps"]), ASTROCYTE["kicks"])[:, None]

    def step(spike):
        kicks(spike)
        slow(astrocyte.get_spike())
        astrocyte()
        neuron()
        cells = zip((astrocyte, neuron), ASTROCYTE["record"], strict=True)
        return {name: u.get_mantissa(getattr(cell, name).value)[0] for cell, names in cells for name in names}

    found = sl.transform.for_loop(step, jnp.asarray(spikes, float))
    assert found["w"].max() > neuron.b.mantissa  # the current makes the neuron spike
    for name, tolerance in {
        "IP3": 1e-13,
        "Ca_astro": 1e-9,
        "h_IP3R": 1e-10,
        "I_SIC": 1e-5,
        "V_m": 1e-5,
        "w": 1e-5,
    }.items():
        theirs = oracle[f"astrocyte_lr_1994/{name}"]
        np.testing.assert_allclose(kept(name, found[name]), theirs, rtol=0, atol=tolerance, err_msg=name)


def test_a_maximum_above_threshold_inside_of_a_step_is_a_spike_as_in_nest(oracle):
    sl.environ.set(precision=64, dt=DT * u.ms)
    neuron = sl.nest.iaf_psc_exp_ps_lossless(1)
    kick = into(neuron, "ex", KISS)
    sl.nn.init_all_states(neuron)

    def step(spike):
        kick(spike)
        return neuron()[0], u.get_mantissa(neuron.offset.value)[0], u.get_mantissa(neuron.V_m.value)[0]

    spikes, offsets, V = sl.transform.for_loop(step, jnp.zeros((100, 1)).at[1].set(1.0))
    at = np.flatnonzero(spikes)
    assert V.max() < -55  # at the ends of steps it is below the threshold
    np.testing.assert_array_equal(at, oracle["lossless/spikes"])
    np.testing.assert_allclose(offsets[at], oracle["lossless/offset"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(V, oracle["lossless/V_m"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("model", sorted({*OTHERS, *RANDOM, *RATES, *(case.model for case in CASES)}))
def test_defaults_are_those_of_nest(model, oracle):
    cls = getattr(sl.nest, model)
    theirs = {key.rpartition("/")[2]: x for key, x in oracle.items() if key.startswith(f"{model}/default/")}
    for name, declared in {**cls.params, **cls.lists}.items():
        if hasattr(declared, "positive"):
            default = declared.default
            ours = [u.get_mantissa(x) for x in default] if isinstance(default, tuple) else u.get_mantissa(default)
            default = theirs.get(name, theirs.get(name.rstrip("_")))
            if default is None:  # NEST has it by compartment
                assert name[-2:] in ("_s", "_p", "_d")
            elif np.isfinite(default).all():
                np.testing.assert_allclose(ours, default, err_msg=name)
