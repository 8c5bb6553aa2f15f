import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from brainunit import ms, nA
from spikeloop._errors import NotInitializedError, ShapeError, UnitError

SOURCES = {
    "wiener": lambda n, *a: sl.WienerProcessInput(n, 0.5 * nA, *a),
    "ou": lambda n, *a: sl.OUProcessInput(n, 0.5 * nA, 0.2 * nA, 10 * ms, *a),
}
every = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


@pytest.fixture(autouse=True)
def settings():
    sl.environ.set(dt=0.1 * ms)
    sl.random.seed(0)


def run(source, length, **kwargs):
    sl.nn.init_all_states(source, **kwargs)
    return sl.transform.for_loop(source, length=length).to_decimal(nA)


@pytest.mark.parametrize("dt", [0.1 * ms, 2e-3 * u.second])
def test_wiener_increments(dt):
    with sl.environ.context(dt=dt):
        x = run(sl.WienerProcessInput(1000, 0.5 * nA, 200 * dt), 250)
    assert (x[200:] == 0).all()
    assert x[:200].std() == pytest.approx(0.5 * dt.to_decimal(ms) ** 0.5, rel=0.01)
    assert abs(np.corrcoef(x[:199].ravel(), x[1:200].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("dt", [0.5, 20.0])
def test_ou_is_exact_for_any_dt(dt):
    tau, sigma, n = 10.0, 0.2, round(100 / dt)
    with sl.environ.context(dt=dt * ms):
        x = np.asarray(run(sl.OUProcessInput(5000, 0.5 * nA, sigma * nA, tau * ms), n), float)
    growth = 1 - np.exp(-2 * dt * np.arange(1, n + 1) / tau)
    np.testing.assert_allclose(x.std(1), sigma * (tau / 2 * growth) ** 0.5, rtol=0.06)
    np.testing.assert_allclose(x.mean(1), 0.5, atol=0.03)
    assert np.corrcoef(x[-1], x[-2])[0, 1] == pytest.approx(np.exp(-dt / tau), abs=0.05)


def test_ou_ends_with_its_duration():
    x = run(sl.OUProcessInput(3, 1 * nA, 0.1 * nA, 5 * ms, 2 * ms), 30)
    assert (x[:20] != 0).all()
    assert (x[20:] == 0).all()


@every
def test_follows_the_seed(make):
    source = make(4)
    first, second = run(source, 20), run(source, 20)
    assert (first != second).any()
    sl.random.seed(0)
    np.testing.assert_array_equal(run(source, 20), first)


@every
def test_samples_of_a_batch_and_lanes_differ(make):
    batch = run(make(3), 5, batch_size=4)
    assert batch.shape == (5, 4, 3)
    assert len(np.unique(batch)) == batch.size
    source = make(3)
    sl.nn.vmap_init_all_states(source, axis_size=4)
    states = list(source.states().values())
    step = sl.transform.vmap(source, axis_size=4, in_states=states, out_states=states)
    lanes = sl.transform.for_loop(step, length=5).to_decimal(nA)
    assert lanes.shape == (5, 4, 3)
    assert len(np.unique(lanes)) == lanes.size


@every
def test_jit_equals_the_loop(make):
    source = make(3)
    looped = run(source, 4)
    sl.random.seed(0)
    sl.nn.init_all_states(source)
    step = sl.transform.jit(source)
    np.testing.assert_allclose([step().to_decimal(nA) for _ in range(4)], looped, rtol=1e-6)


def test_parameters_may_be_arrays():
    x = run(sl.OUProcessInput(2, np.array([0, 100]) * nA, np.array([0, 1]) * nA, 5 * ms), 50)
    assert (x[:, 0] == 0).all()
    assert x[:, 1].mean() == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.WienerProcessInput(1, 1 * nA, 10), UnitError, "WienerProcessInput: duration needs a value"),
        (lambda: sl.OUProcessInput(1, 0 * nA, 1 * ms, 1 * ms), UnitError, "sigma is in ms"),
        (lambda: sl.OUProcessInput(1, 0 * nA, 1 * nA, 0 * ms), ValueError, "tau must be positive"),
        (lambda: sl.OUProcessInput(1, 0 * nA, 1 * nA, 3.0), UnitError, "OUProcessInput: tau needs"),
        (lambda: sl.OUProcessInput(3, np.zeros(2), 1.0, 1 * ms), ShapeError, r"mean of shape \(2,\)"),
        (lambda: sl.OUProcessInput(1, 0.0, 1.0, 1 * ms)(), NotInitializedError, "init_all_states"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
