import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import MissingSettingError, NotInitializedError, ShapeError, UnitError

W = np.arange(6.0).reshape(3, 2) - 2
X = (np.arange(60).reshape(20, 3) * 7 % 5 > 2).astype(np.float64)


@pytest.fixture(autouse=True)
def setting():
    sl.environ.set(dt=0.1 * u.ms, precision=64)


def run(readout, x=X, **kwargs):
    sl.nn.init_all_states(readout, **kwargs)
    return sl.transform.for_loop(readout, x)


@pytest.mark.parametrize("tau", [5.0, np.array([2.0, 30.0])])
def test_rate_readout_is_a_leaky_sum(tau):
    r = run(sl.LeakyRateReadout(3, 2, tau * u.ms, W))
    lags = np.arange(20)[:, None] - np.arange(20)
    kernel = np.where(lags[..., None] >= 0, np.exp(-lags[..., None] * 0.1 / np.broadcast_to(tau, 2)), 0)
    np.testing.assert_allclose(r, np.einsum("tsk,sk->tk", kernel, X @ W), rtol=1e-12)


def test_rate_readout_follows_dt_at_run_time():
    sl.environ.reset()
    sl.environ.set(precision=64)
    readout = sl.nn.init_all_states(sl.LeakyRateReadout(3, 2, w_init=W))
    step = sl.transform.jit(readout)
    for dt in (0.1, 2.0):
        sl.nn.init_all_states(readout)
        with sl.environ.context(dt=dt * u.ms):
            step(jnp.ones(3))
            np.testing.assert_allclose(step(jnp.zeros(3)), np.exp(-dt / 5) * W.sum(0), rtol=1e-12)


def test_rate_readout_units_and_start():
    readout = sl.LeakyRateReadout(3, 2, w_init=W * u.mV, r_initializer=0.001 * u.volt)
    r = run(readout, np.zeros((1, 3)))
    assert r.unit == u.mV
    np.testing.assert_allclose(r.mantissa, [[np.exp(-0.02)] * 2], rtol=1e-12)


def test_spike_readout_is_weights_and_an_if_neuron():
    readout = sl.LeakySpikeReadout(3, 2, 4.0 * u.ms, 0.5 * u.mV, 10 * W * u.mV)
    spikes = run(readout)
    neuron = sl.IF(2, tau=4.0 * u.ms, V_th=0.5 * u.mV)
    np.testing.assert_array_equal(spikes, run(neuron, X @ (10 * W) * u.mA))
    assert 0 < spikes.sum() < spikes.size
    np.testing.assert_allclose(readout.V.value.mantissa, neuron.V.value.mantissa)
    np.testing.assert_array_equal(readout.get_spike(), spikes[-1])


def test_spike_readout_by_hand():
    """With the soft reset of `IF`, from the equations."""
    readout, V, expected = sl.LeakySpikeReadout(3, 2, w_init=20 * W * u.mV), np.zeros(2), []
    for x in X:
        V = V - (V >= 1)
        V = V + (x @ W * 20 - V) * -np.expm1(-0.1 / 5)
        expected.append(V >= 1)
    np.testing.assert_array_equal(run(readout), expected)


MADE = {
    "rate": lambda **k: sl.LeakyRateReadout(3, 2, w_init=W, **k),
    "spike": lambda **k: sl.LeakySpikeReadout(3, 2, w_init=W * u.mV, spk_fun=sl.surrogate.Arctan(), **k),
}
every = pytest.mark.parametrize("make", MADE.values(), ids=MADE)


@every
def test_batch_and_lanes(make):
    x = np.stack([X, 1 - X, 0 * X], 1)
    readout = make()
    one = [run(readout, x[:, k]) for k in range(3)]
    np.testing.assert_allclose(run(readout, x, batch_size=3), np.stack(one, 1), rtol=1e-12)

    def single(x):
        sl.nn.init_all_states(readout)
        return sl.transform.for_loop(readout, x)

    lanes = sl.transform.vmap(single, in_axes=1, out_states=readout.states(sl.ShortTermState))(x)
    np.testing.assert_allclose(lanes, np.stack(one), rtol=1e-12)


@every
def test_trains(make):
    readout = make(tau=sl.ParamState(3.0 * u.ms))
    target = jnp.linspace(0, 1, 20)[:, None]

    def loss():
        sl.nn.init_all_states(readout)
        return ((sl.transform.for_loop(readout, X) - target) ** 2).mean()

    gradients = sl.transform.grad(loss)()
    assert {path.rsplit(".", 1)[-1] for path in gradients} == {"weight", "tau"}
    for value in gradients.values():
        for leaf in (value["weight"],) if isinstance(value, dict) else (value,):
            numbers = np.asarray(u.get_mantissa(leaf))
            assert np.isfinite(numbers).all()
            assert (numbers != 0).any()


def test_gradient_of_the_rate_readout_equals_finite_differences():
    readout = sl.LeakyRateReadout(3, 2, sl.ParamState(3.0 * u.ms), W)

    def loss(tau=None):
        if tau is not None:
            readout.tau.value = tau * u.ms
        sl.nn.init_all_states(readout)
        return (sl.transform.for_loop(readout, X) ** 2).mean()

    (slope,) = (g for path, g in sl.transform.grad(loss)().items() if path.endswith("tau"))
    finite = (loss(3.0 + 1e-5) - loss(3.0 - 1e-5)) / 2e-5
    assert float(u.get_mantissa(slope)) == pytest.approx(float(finite), rel=1e-7)


def test_single_precision_and_bool_spikes():
    with sl.environ.context(precision=32):
        for make in MADE.values():
            assert run(make(), X.astype(bool)).dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.LeakyRateReadout(3, 2, 5.0), UnitError, "LeakyRateReadout: tau needs a value such as"),
        (lambda: sl.LeakyRateReadout(3, 2, -5.0 * u.ms), ValueError, "LeakyRateReadout: tau must be positive"),
        (lambda: sl.LeakyRateReadout(3, 2, np.ones(3) * u.ms), ShapeError, r"tau: an array of shape \(3,\).*\(2,\)"),
        (lambda: sl.LeakyRateReadout(3, 2, w_init=np.ones((2, 3))), ShapeError, r"w_init.*\(2, 3\)"),
        (lambda: sl.LeakyRateReadout((2, 3), 2), ShapeError, "last axis"),
        (lambda: sl.LeakyRateReadout(3, 2, r_initializer=1.0 * u.mV), UnitError, "r_initializer"),
        (lambda: sl.LeakyRateReadout(3, 2)(X[0]), NotInitializedError, "init_all_states"),
        (lambda: run(sl.LeakyRateReadout(3, 2), X[None]), ShapeError, r"shape \(2,\).*batch_size"),
        (lambda: run(sl.LeakyRateReadout(3, 2), X * u.mV), UnitError, "x W is in mV"),
        (lambda: run(sl.LeakyRateReadout(3, 2), X[:, :2]), ShapeError, r"takes inputs of shape \(..., 3\)"),
        (lambda: sl.LeakySpikeReadout(3, 2, w_init=W), UnitError, "LeakySpikeReadout: w_init needs a value"),
        (lambda: sl.LeakySpikeReadout(3, 2, tau=5.0), UnitError, "tau needs"),
        (lambda: sl.LeakySpikeReadout(3, 2, V_th=0 * u.mV), ValueError, "V_th must differ"),
        (lambda: run(sl.LeakySpikeReadout(3, 2), X[None]), ShapeError, "batch_size"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@every
def test_a_missing_dt_is_named(make):
    sl.environ.reset()
    readout = sl.nn.init_all_states(make())
    with pytest.raises(MissingSettingError, match="Readout"):
        readout(X[0])
