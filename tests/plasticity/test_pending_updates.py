"""Events of targets that wait: nobody who looks at the weights can tell."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._trace import stored
from spikeloop.plasticity import STDP, Clopath, TripletSTDP, VogelsSprekeler

pytestmark = pytest.mark.usefixtures("native")  # without native code nothing waits

RULES = {
    "additive": (STDP, {"A_plus": 0.02, "A_minus": 0.05}),
    "multiplicative": (STDP, {"A_plus": 0.05, "A_minus": 0.2, "mu_plus": 1.0, "mu_minus": 1.0}),
    "short": (STDP, {"tau_plus": 2.0 * u.ms, "A_plus": 0.05, "pairs": "nearest"}),  # the clock starts anew
    "triplet": (TripletSTDP, {"A2_plus": 0.01, "A2_minus": 0.02, "A3_plus": 0.02}),
    "inhibitory": (VogelsSprekeler, {"eta": 0.002, "rate": 900.0 * u.Hz}),
    "clopath": (
        Clopath,
        {"A_LTP": 2e-2 / u.mV**2, "A_LTD": 0.05 / u.mV, "theta_plus": 1.0 * u.mV, "theta_minus": 0.5 * u.mV},
    ),
}


def made(tools, name, waits=True):
    kind, told = RULES[name]
    rule = kind(w_max=1.0 * u.mV, **told)
    if not waits:
        rule.lazy_trace = None
    net = tools.Trains(rule, 0.4 * u.mV)
    assert (rule.pending is not None) == waits
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    return net


def trains(tools):
    """Targets fire far more often than sources, so that their lists get full."""
    pre, _ = tools.trains(rate=0.02)
    _, post = tools.trains(rate=0.3, seed=1)
    return pre, post


def step(net):
    def run(pre, post):
        net.post.spike.value, net.post.V.value = post, 3.0 * post * u.mV
        net.projection(pre)

    return run


def weights(net):
    return np.asarray(u.get_mantissa(net.projection.comm.weight.value))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("precision", [32, 64])
def test_weights_are_those_of_changes_at_once(tools, name, precision):
    sl.environ.set(precision=precision)
    pre, post = trains(tools)
    nets = [made(tools, name, waits) for waits in (True, False)]
    for net in nets:
        sl.transform.for_loop(step(net), pre, post)
    kept = np.asarray(u.get_mantissa(stored(nets[0].projection.comm.weight)))
    ours, wanted = map(weights, nets)
    assert np.ptp(wanted) > 0.1
    assert not np.allclose(kept, wanted, rtol=0, atol=5e-4)  # something waited
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12 if precision == 64 else 1e-4)


def test_reading_now_and_then_changes_nothing(tools):
    pre, post = trains(tools)
    quiet, looked_at = (made(tools, "additive") for _ in range(2))
    sl.transform.for_loop(step(quiet), pre, post)
    look = lambda: looked_at.projection.comm.weight.value  # noqa: E731
    seen = []
    for part in range(0, tools.STEPS, 100):
        sl.transform.for_loop(step(looked_at), pre[part : part + 100], post[part : part + 100])
        seen.append(look())
        assert looked_at.projection.plasticity.pending.is_empty
    run = step(looked_at)
    np.testing.assert_allclose(weights(looked_at), weights(quiet), rtol=0, atol=1e-12)
    assert len({float(w.sum().mantissa) for w in seen}) == len(seen)

    def sometimes(pre, post, k):
        run(pre, post)
        return sl.transform.cond(k % 50 == 49, look, lambda: jnp.zeros_like(look_once.mantissa) * u.mV)

    look_once = look()
    sl.transform.for_loop(sometimes, pre, post, jnp.arange(tools.STEPS))
    sl.transform.for_loop(step(quiet), pre, post)
    np.testing.assert_allclose(weights(looked_at), weights(quiet), rtol=0, atol=1e-12)


def test_assigned_weights_are_not_changed_by_what_happened_before(tools):
    pre, post = trains(tools)
    net = made(tools, "additive")
    sl.transform.for_loop(step(net), pre, post)
    net.projection.comm.weight.value = jnp.full(net.sources.size, 0.25) * u.mV
    assert (weights(net) == 0.25).all()
    other = made(tools, "additive")
    other.projection.comm.weight.value = jnp.full(net.sources.size, 0.25) * u.mV
    for name in ("x", "y"):
        getattr(other.projection.plasticity, name).value = getattr(net.projection.plasticity, name).value
    for each in (net, other):
        sl.transform.for_loop(step(each), pre, post)
    np.testing.assert_allclose(weights(net), weights(other), rtol=0, atol=1e-12)


def test_saved_states_go_on_where_they_were(tools):
    pre, post = trains(tools)
    net, other = made(tools, "triplet"), made(tools, "triplet")
    sl.transform.for_loop(step(net), pre, post)
    saved = sl.nn.save_states(net)
    sl.transform.for_loop(step(other), post[:, :1] * pre, post)
    sl.nn.load_states(other, saved)
    for each in (net, other):
        sl.transform.for_loop(step(each), pre, post)
    np.testing.assert_array_equal(weights(net), weights(other))


def test_states_begin_anew_and_weights_stay(tools):
    pre, post = trains(tools)
    net = made(tools, "additive")
    sl.transform.for_loop(step(net), pre, post)
    other = made(tools, "additive", waits=False)
    sl.transform.for_loop(step(other), pre, post)
    sl.nn.init_all_states(net)
    np.testing.assert_allclose(weights(net), weights(other), rtol=0, atol=1e-12)


def test_gradients_without_a_look_at_the_weights(tools):
    pre, post = (x[:60] for x in trains(tools))
    slopes = []
    for waits in (True, False):
        net = made(tools, "multiplicative", waits)
        run, weight = step(net), net.projection.comm.weight

        def loss(x, net=net, run=run, weight=weight):
            sl.nn.init_all_states(net)
            weight.value = x * u.mV
            sl.transform.for_loop(run, pre, post)
            return (u.get_mantissa(weight.value) ** 2).sum()

        slopes.append(sl.transform.grad(loss, argnums=0)(jnp.linspace(0.2, 0.8, net.sources.size)))
    np.testing.assert_allclose(*slopes, rtol=1e-10)
    assert np.ptp(slopes[0]) > 0.1


def test_a_trace_that_cannot_be_told_from_one_that_lasts_is_refused(tools):
    sl.environ.set(precision=32)
    net = tools.Trains(STDP(tau_plus=1e8 * u.ms, w_max=1.0 * u.mV), 0.4 * u.mV)
    sl.environ.set(dt=0.1 * u.ms)
    sl.nn.init_all_states(net)
    with pytest.raises(ValueError, match=r"plasticity.tau_plus is so long that float32 cannot tell"):
        sl.transform.for_loop(step(net), *(x.astype(jnp.float32) for x in trains(tools)))


def test_constants_that_vary_do_not_wait(tools):
    rule = STDP(A_plus=sl.ParamState(0.02), w_max=1.0 * u.mV)
    assert tools.Trains(rule, 0.4 * u.mV).projection.plasticity.pending is None
    rule = STDP(tau_plus=np.linspace(10, 20, tools.N_PRE) * u.ms, w_max=1.0 * u.mV)
    assert tools.Trains(rule, 0.4 * u.mV).projection.plasticity.pending is None


def test_other_equations_do_not_inherit_that_events_wait(tools):
    class Offset(STDP):
        @staticmethod
        def change(p, pre, post):
            return STDP.change(p, pre, post)._replace(of_sources=p.A_plus * p.range * (pre.x + 0.1))

    class Slower(STDP):
        tau_plus = sl.models.param(40.0 * u.ms, positive=True)

    assert Offset.lazy_trace is None
    assert Slower.lazy_trace == "x"
    assert tools.Trains(Offset(w_max=1.0 * u.mV), 0.4 * u.mV).projection.plasticity.pending is None


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net.projection.plasticity, "A_plus", 0.0),
        lambda net: setattr(net.projection.plasticity, "w_max", 0.6 * u.mV),
        lambda net: setattr(net.projection.plasticity.x, "value", 0 * net.projection.plasticity.x.value),
    ],
    ids=["A_plus", "w_max", "x"],
)
def test_what_has_happened_is_not_changed_by_a_new_constant_or_trace(tools, change):
    pre, post = trains(tools)
    nets = [made(tools, "multiplicative", waits) for waits in (True, False)]
    for net in nets:
        sl.transform.for_loop(step(net), pre[:101], post[:101])
        change(net)
    np.testing.assert_allclose(*map(weights, nets), rtol=0, atol=1e-12)
    for net in nets:
        sl.transform.for_loop(step(net), pre, post)
    np.testing.assert_allclose(*map(weights, nets), rtol=0, atol=1e-12)


def test_loaded_weights_are_what_was_loaded(tools):
    net = made(tools, "additive")
    sl.transform.for_loop(step(net), *trains(tools))
    (path,) = (path for path in sl.nn.save_states(net) if path.endswith("comm.weight"))
    sl.nn.load_states(net, {path: jnp.full(net.sources.size, 0.25) * u.mV})
    assert (weights(net) == 0.25).all()


def test_the_gradient_by_the_weights_is_that_by_the_present_ones(tools):
    net = made(tools, "multiplicative")
    sl.transform.for_loop(step(net), *trains(tools))
    weight = net.projection.comm.weight
    slope = sl.transform.grad(lambda: u.get_mantissa(weight.value).sum(), grad_states=weight)()
    np.testing.assert_array_equal(u.get_mantissa(slope), 1.0)


def test_another_projection_of_the_same_connection_delivers_present_weights(tools):
    pre, post = trains(tools)
    delivered = []
    for waits in (True, False):
        net = made(tools, "multiplicative", waits)
        rule = sl.plasticity.HomeostaticScaling(w_max=1.0 * u.mV, rate=1.0 * u.Hz, tau_w=1e7 * u.ms, every=1e6 * u.ms)
        other = sl.LIF(tools.N_POST)
        second = sl.DeltaProj(comm=net.projection.comm, post=other, plasticity=rule)
        sl.nn.init_all_states(other)
        sl.nn.init_all_states(second)
        run = step(net)

        def both(pre, post, run=run, second=second):
            run(pre, post)
            second(jnp.flip(pre))

        sl.transform.for_loop(both, pre, post)
        delivered.append(np.asarray(u.get_mantissa(other.delta.value)))
    np.testing.assert_allclose(*delivered, rtol=1e-12)
    assert delivered[0].max() > 1.0


def test_weights_learn_by_spikes_in_one_projection(tools):
    net = made(tools, "additive")
    mine = type("Mine", (STDP,), {"on_post": lambda self, w, x: w + x})
    for rule in (mine(w_max=1.0 * u.mV), STDP(w_max=1.0 * u.mV)):
        with pytest.raises(ValueError, match="learn by spikes in DeltaProj already"):
            sl.DeltaProj(comm=net.projection.comm, post=net.post, plasticity=rule)


def test_another_state_of_weights_is_refused(tools):
    net = made(tools, "additive")
    net.projection.comm.weight = sl.ParamState(net.projection.comm.weight.value)
    with pytest.raises(ValueError, match=r"weight is not the State that learns any more. Assign its .value"):
        sl.transform.for_loop(step(net), *trains(tools))


def test_lazy_trace_names_a_trace_of_the_sources():
    for name in ("y", "z"):
        with pytest.raises(ValueError, match=rf"Wrong: lazy_trace must name a trace .* one of \['x'\]; given '{name}'"):
            type("Wrong", (STDP,), {"lazy_trace": name})


def test_lanes_that_would_share_weights_are_refused(tools):
    net = made(tools, "additive")
    with pytest.raises(ValueError, match=r"projection.comm.weight learns, and all lanes would share it"):
        sl.nn.vmap_init_all_states(net, axis_size=3)


def test_states_have_the_precision_of_the_weights(tools):
    sl.environ.set(precision=32)
    net = made(tools, "additive")
    sl.environ.set(precision=64)
    sl.nn.init_all_states(net)
    sl.transform.for_loop(step(net), *trains(tools))
    assert weights(net).dtype == np.float32
    assert np.ptp(weights(net)) > 0.1
