"""Short-term plasticity: the recursion of Tsodyks and Markram, depression, graded spikes, gradients."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.kernels import _library
from spikeloop.kernels._neuron import jvp_p, reference, step, step_p, vjp_p
from spikeloop.models import _short_term

from tests.helpers.neuron_pass import in_order, slopes

DT = 0.5


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=DT * u.ms)


def releases(model, spikes, batch=None):
    sl.nn.init_all_states(model, batch_size=batch)
    return np.asarray(sl.transform.for_loop(model, jnp.asarray(spikes)))


def train(steps=400, n=3, p=0.06):
    return (np.random.default_rng(1).random((steps, n)) < p).astype(float)


def tsodyks_markram(steps, U, tau_f, tau_d):
    """The releases at the spikes in these steps, from spike to spike."""
    used, ready, last, out = 0.0, 1.0, None, []
    for k in steps:
        if last is not None:
            gap = (k - last) * DT
            used, ready = used * np.exp(-gap / tau_f), 1 + (ready - 1) * np.exp(-gap / tau_d)
        used += U * (1 - used)
        out.append(used * ready)
        ready *= 1 - used
        last = k
    return np.array(out)


@pytest.mark.parametrize("constants", [(0.15, 1500.0, 200.0), (0.5, 20.0, 800.0), (0.9, 700.0, 5.0)])
def test_releases_follow_the_recursion_from_spike_to_spike(constants):
    U, tau_f, tau_d = constants
    spikes = train()
    ours = releases(sl.STP(3, U=U, tau_f=tau_f * u.ms, tau_d=tau_d * u.ms), spikes)
    assert (ours[spikes == 0] == 0).all()
    for k in range(3):
        steps = np.flatnonzero(spikes[:, k])
        np.testing.assert_allclose(ours[steps, k], tsodyks_markram(steps, *constants), rtol=1e-10)


def test_the_first_spike_at_rest_releases_U():
    spikes = np.zeros((50, 1))
    spikes[40] = 1
    assert releases(sl.STP(1), spikes)[40, 0] == pytest.approx(0.15, rel=1e-12)
    assert releases(sl.STD(1), spikes)[40, 0] == pytest.approx(1.0, rel=1e-12)


def test_depression_from_spike_to_spike():
    spikes = train()
    ours = releases(sl.STD(3, tau=30.0 * u.ms, U=0.4), spikes)
    for k in range(3):
        steps, ready, wanted = np.flatnonzero(spikes[:, k]), 1.0, []
        for gap in np.diff(steps, prepend=steps[0]) * DT:
            ready = 1 + (ready - 1) * np.exp(-gap / 30)
            wanted.append(ready)
            ready *= 0.6
        np.testing.assert_allclose(ours[steps, k], wanted, rtol=1e-10)


def test_facilitation_alone_is_depression_off():
    # with an instant recovery x is 1 before every spike, so that releases are those of u
    spikes = train(n=1)
    ours = releases(sl.STP(1, tau_d=1e-3 * u.ms), spikes)
    used, wanted = 0.0, []
    for s in spikes[:, 0]:
        used *= np.exp(-DT / 1500)
        used += s * 0.15 * (1 - used)
        wanted.append(s * used)
    np.testing.assert_allclose(ours[:, 0], wanted, rtol=1e-12)
    assert ours.max() > 0.5


MODELS = [sl.STP, sl.STD]


@pytest.mark.parametrize("cls", MODELS)
def test_a_batch_is_its_samples_one_by_one(cls):
    spikes = train(60, 6, 0.3).reshape(60, 2, 3)
    together = releases(cls(3), spikes, batch=2)
    for k in range(2):
        np.testing.assert_allclose(together[:, k], releases(cls(3), spikes[:, k]), rtol=1e-13)


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("kind", [bool, np.int32, np.float32])
def test_spikes_may_be_of_any_kind(cls, kind):
    spikes = train(60)
    np.testing.assert_array_equal(releases(cls(3), spikes.astype(kind)), releases(cls(3), spikes))


@pytest.mark.parametrize("cls", MODELS)
def test_single_precision_is_close_to_double(cls):
    spikes = train(100)
    wide = releases(cls(3), spikes)
    sl.environ.set(precision=32)
    model = cls(3)
    ours = releases(model, spikes.astype(np.float32))
    assert ours.dtype == np.float32
    assert all(s.value.dtype == jnp.float32 and not s.value.weak_type for s in model.states().values())
    np.testing.assert_allclose(ours, wide, rtol=1e-4)


@pytest.mark.parametrize("cls", MODELS)
def test_values_stay_between_0_and_1(cls):
    ones = np.ones((500, 2))
    model = cls(2, U=1.0)
    ours = releases(model, ones)
    assert ((ours >= 0) & (ours <= 1)).all()
    assert all(((s.value >= 0) & (s.value <= 1)).all() for s in model.states().values())


@pytest.mark.parametrize("cls", MODELS)
def test_wrong_spikes_are_refused(cls):
    model = sl.nn.init_all_states(cls(3))
    with pytest.raises(ShapeError, match=rf"{cls.__name__} takes an input of shape \(3,\)"):
        model(jnp.ones(4))
    with pytest.raises(UnitError, match=f"{cls.__name__}: the spikes"):
        model(jnp.ones(3) * u.mV)


TRAINED = [
    (sl.STP, "U", 0.2),
    (sl.STP, "tau_f", 50.0 * u.ms),
    (sl.STP, "tau_d", 30.0 * u.ms),
    (sl.STD, "U", 0.2),
    (sl.STD, "tau", 30.0 * u.ms),
]


@pytest.mark.parametrize(("cls", "name", "start"), TRAINED)
def test_a_trained_constant_has_the_gradient_of_finite_differences(cls, name, start):
    state = sl.ParamState(start)
    model, spikes = cls(2, **{name: state}), jnp.asarray(train(40, 2, 0.3))

    @sl.transform.jit
    def loss(value):
        state.value = value * u.get_unit(start) if isinstance(start, u.Quantity) else value
        sl.nn.init_all_states(model)
        return (sl.transform.for_loop(model, spikes) * jnp.arange(40.0)[:, None]).sum()

    value, h = float(u.get_mantissa(start)), 1e-6
    slope = sl.transform.grad(loss, argnums=0)(value)
    wanted = (loss(value + h) - loss(value - h)) / (2 * h)
    np.testing.assert_allclose(slope, wanted, rtol=1e-6)
    assert abs(wanted) > 1e-3


@pytest.mark.parametrize("cls", MODELS)
def test_the_gradient_by_spikes_is_that_of_finite_differences(cls):
    model = cls(1)

    @sl.transform.jit
    def loss(spikes):
        sl.nn.init_all_states(model)
        return (sl.transform.for_loop(model, spikes) * jnp.arange(1.0, 13.0)[:, None]).sum()

    spikes, h = (
        0.7 * jnp.asarray(train(12, 1, 0.5)),
        1e-6,
    )  # there is a kink at one spike
    slope = sl.transform.grad(loss, argnums=0)(spikes)
    wanted = [(loss(spikes.at[k].add(h)) - loss(spikes.at[k].add(-h))) / (2 * h) for k in range(12)]
    np.testing.assert_allclose(slope[:, 0], wanted, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("model", [sl.STP, sl.STD])
def test_native_is_reference(model, dtype, monkeypatch):
    sl.environ.set(precision=32 if dtype == jnp.float32 else 64)
    rng = np.random.default_rng(2)
    calls = []
    monkeypatch.setattr(_short_term, "step", lambda *given: calls.append(given) or step(*given))
    plasticity = sl.nn.init_all_states(model(75, U=rng.uniform(0.1, 0.5, 75)))
    for _ in range(2):
        plasticity(jnp.asarray(rng.uniform(0, 1, 75) * (rng.random(75) < 0.5), dtype))
    config, given = calls[-1]
    args = [jnp.asarray(x, dtype) for x in in_order(config, given)]
    active, tangents, cts = slopes(config, args, rng, dtype)
    eps = 2.0**-24 if dtype == jnp.float32 else 2.0**-53
    for ours, wanted in (
        (step_p.bind(*args, config=config), reference(*args, config=config)),
        (jvp_p.bind(*args, *tangents, config=config, active=active),
         jvp_p.reference(*args, *tangents, config=config, active=active)),
        (vjp_p.bind(*args, *cts, config=config, active=active),
         vjp_p.reference(*args, *cts, config=config, active=active)),
    ):  # fmt: skip
        for a, b in zip(ours, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=16 * eps * (1 + float(jnp.abs(b).max())))
    monkeypatch.undo()
    lowered = sl.transform.jit(lambda: plasticity(jnp.ones(75))).lower().as_text()
    assert _library.native is None or "@spikeloop.program" in lowered
