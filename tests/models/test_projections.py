"""Projections: when input arrives, that none is lost or counted twice, which synapses are merged."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError, ShapeError, UnitError
from spikeloop.connect import Connection


def one_to_one(n, weight):
    """Every source reaches the target of its own number."""
    return Connection(np.arange(n), np.zeros(0, int), weight, n, n)


class Chain(sl.nn.Module):
    """One population that receives given spikes through one projection."""

    def __init__(self, kind, order, comm=None):
        super().__init__()
        self.order = order
        self.N = sl.LIFRef(3, tau=20.0 * u.ms, V_th=1e6 * u.mV)
        comm = comm or one_to_one
        if kind == "delta":
            self.proj = sl.DeltaProj(comm=comm(3, 2.0 * u.mV), post=self.N)
        else:
            self.proj = sl.AlignPostProj(
                comm=comm(3, 2.0 * u.mS), syn=sl.Expon.desc(3, tau=5.0 * u.ms), out=sl.CUBA.desc(), post=self.N
            )

    def update(self, spikes):
        if self.order == "before":
            self.proj(spikes)
        self.N()
        if self.order == "after":
            self.proj(spikes)
        return self.N.V.value.mantissa


def run(net, spikes):
    sl.environ.set(dt=0.1 * u.ms)
    sl.nn.init_all_states(net)
    return np.asarray(sl.transform.for_loop(net.update, jnp.asarray(spikes, jnp.float32)))


def expected(kind, arrivals):
    """V of one neuron when `arrivals[k]` is there at the start of step k."""
    V, g, out = 0.0, 0.0, []
    for x in arrivals:
        g += 2.0 * x
        if kind == "delta":
            V, g = V * np.exp(-0.1 / 20) + g, 0.0
        else:
            V = g + (V - g) * np.exp(-0.1 / 20)  # R is 1 Ω and the scale 1 V: 1 mS drives by 1 mV
            g *= np.exp(-0.1 / 5)
        out.append(V)
    return np.array(out)


@pytest.mark.parametrize("kind", ["delta", "synapse"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_input_arrives_once_and_when_the_order_says(kind, order):
    rng = np.random.default_rng(0)
    spikes = rng.random((60, 3)) < 0.2
    V = run(Chain(kind, order), spikes)
    arrivals = spikes if order == "before" else np.roll(spikes, 1, axis=0) * (np.arange(60) > 0)[:, None]
    for k in range(3):
        np.testing.assert_allclose(V[:, k], expected(kind, arrivals[:, k]), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["delta", "synapse"])
def test_any_function_can_connect(kind):
    unit = u.mV if kind == "delta" else u.mS
    dense = lambda n, w: lambda spikes: u.Quantity(spikes @ (2.0 * jnp.eye(3)), unit=unit)  # noqa: E731
    spikes = np.random.default_rng(1).random((40, 3)) < 0.3
    np.testing.assert_allclose(
        run(Chain(kind, "before", dense), spikes), run(Chain(kind, "before"), spikes), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["delta", "synapse"])
def test_input_that_waits_between_two_runs_is_not_lost(kind):
    spikes = np.random.default_rng(2).random((40, 3)) < 0.3
    whole = run(Chain(kind, "after"), spikes)
    net = Chain(kind, "after")
    first = run(net, spikes[:17])
    rest = sl.transform.for_loop(net.update, jnp.asarray(spikes[17:], jnp.float32))
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)


def test_a_refractory_neuron_ignores_jumps():
    sl.environ.set(dt=0.1 * u.ms)
    neuron = sl.LIFRef(1, tau=20.0 * u.ms, V_th=1.0 * u.mV, tau_ref=0.5 * u.ms, spk_reset="hard")
    proj = sl.DeltaProj(comm=one_to_one(1, 2.0 * u.mV), post=neuron)
    sl.nn.init_all_states(neuron)
    seen = []
    for k in range(10):
        proj(jnp.asarray([1.0 if k in (0, 2) else 0.0]))
        neuron()
        seen.append(float(neuron.V.value.mantissa[0]))
    # a spike in step 0; the jump of step 2 falls into steps 1–4, in which V is held
    assert seen == [2.0, *[0.0] * 9]
    assert not neuron.delta.value.mantissa.any()


def neuron():
    return sl.LIF(3, V_th=10.0 * u.mV)


def project(post, syn, out, weight=1.0 * u.mS):
    return sl.AlignPostProj(comm=one_to_one(3, weight), syn=syn, out=out, post=post)


def test_equal_descriptions_share_one_synapse():
    post = neuron()
    a, b = (
        project(post, sl.Expon.desc(3, tau=5.0 * u.ms, g_initializer=sl.init.Constant(0.0 * u.mS)),
                sl.COBA.desc(E=0.0 * u.mV))
        for _ in range(2)
    )  # fmt: skip
    assert a.syn is b.syn
    assert a.out is b.out
    assert len(post.receptors) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tau": 5.0 * u.ms}, {"tau": 6.0 * u.ms}),
        ({"tau": 5.0 * u.ms}, {"tau": 5.0 * u.second}),
        ({"E": 0.0 * u.mV}, {"E": -1e-9 * u.mV}),
        ({"tau": np.array([1.0, 2.0, 3.0]) * u.ms}, {"tau": np.array([1.0, 2.0, 4.0]) * u.ms}),
    ],
)
def test_descriptions_that_differ_do_not(first, second):
    post = neuron()
    for given in (first, second):
        syn = sl.Expon.desc(3, tau=given.get("tau", 5.0 * u.ms))
        project(post, syn, sl.COBA.desc(E=given.get("E", 0.0 * u.mV)))
    assert len(post.receptors) == 2


def test_arrays_that_print_alike_are_told_apart():
    n = 5000  # NumPy prints the ends of so long an array
    post = sl.LIF(n)
    first = np.full(n, 5.0)
    second = first.copy()
    second[n // 2] = 6.0
    assert str(first) == str(second)
    assert str(jnp.asarray(first)) == str(jnp.asarray(second))
    for tau in (first, second, first.copy(), jnp.asarray(first, jnp.float32), jnp.asarray(second, jnp.float32)):
        sl.AlignPostProj(comm=lambda x: x, syn=sl.Expon.desc(n, tau=tau * u.ms), out=sl.CUBA.desc(), post=post)
    taus = [r.syn.number("tau")[n // 2] for r in post.receptors]
    assert taus.count(5.0) + taus.count(6.0) == len(taus)
    assert {5.0, 6.0} == set(taus)
    # equal arrays of one type are one description
    assert len(taus) == 4


def test_a_trained_constant_is_shared_by_identity():
    tau, other = (sl.ParamState(5.0 * u.ms) for _ in range(2))
    post = neuron()
    for state in (tau, tau, other):
        project(post, sl.Expon.desc(3, tau=state), sl.CUBA.desc())
    assert len(post.receptors) == 2


def test_synapse_and_output_given_as_objects():
    sl.environ.set(dt=0.1 * u.ms)
    post, syn, out = neuron(), sl.Expon(3), sl.CUBA()
    a, b = project(post, syn, out), project(post, syn, out)
    assert a.syn is b.syn is syn
    assert len(post.receptors) == 1
    project(post, sl.Expon(3), sl.CUBA())
    assert len(post.receptors) == 2
    with pytest.raises(ValueError, match=r"already drives .* through another output"):
        project(post, syn, sl.COBA(E=0.0 * u.mV))
    sl.nn.init_all_states(post)
    a(jnp.ones(3))
    b(jnp.ones(3))
    np.testing.assert_array_equal(syn.g.value.mantissa, [2, 2, 2])


def test_two_projections_into_one_synapse_add_up():
    sl.environ.set(dt=0.1 * u.ms)
    post = neuron()
    desc = sl.Expon.desc(3, tau=5.0 * u.ms), sl.CUBA.desc()
    a, b = project(post, *desc), project(post, *desc, weight=3.0 * u.mS)
    sl.nn.init_all_states(post)
    a(jnp.asarray([1.0, 0.0, 1.0]))
    b(jnp.asarray([0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(a.syn.g.value.mantissa, [1, 3, 4])
    post()
    np.testing.assert_allclose(a.syn.g.value.mantissa, np.array([1, 3, 4]) * np.exp(-0.02), rtol=1e-6)


def test_a_rule_takes_the_sizes_from_source_and_target():
    pre, post = sl.LIF((2, 5)), sl.LIF(7)
    rule = sl.connect.FixedOutDegree(3, 1.0 * u.mS, seed=0)
    proj = sl.AlignPostProj(comm=rule, syn=sl.Expon.desc(7), out=sl.CUBA.desc(), post=post, pre=pre)
    assert (proj.comm.n_pre, proj.comm.n_post, proj.comm.num_synapses) == (10, 7, 30)
    proj = sl.DeltaProj(comm=sl.connect.FixedOutDegree(3, 1.0 * u.mV, seed=0), post=post, pre=4)
    assert (proj.comm.n_pre, proj.comm.n_post) == (4, 7)
    with pytest.raises(TypeError, match=r"exc: comm is the rule FixedOutDegree\(3\).*pass pre=population"):
        sl.DeltaProj(comm=rule, post=post, label="exc")


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"post": 3}, TypeError, "exc: post must be a neuron population"),
        ({"out": sl.CUBA()}, TypeError, "exc: give syn and out both as descriptions"),
        ({"syn": sl.Expon(3)}, TypeError, "exc: give syn and out both as descriptions"),
        ({"syn": sl.Expon.desc(4)}, ShapeError, r"exc: the synapse has the shape \(4,\), but .*\(3,\)"),
        ({"out": sl.Expon.desc(3)}, TypeError, "exc: out must be a synaptic output"),
        ({"syn": sl.LIF.desc(3)}, TypeError, "exc: LIF cannot be aligned"),
        ({"out": sl.CUBA.desc(scale=u.ms)}, UnitError, "scale must be a current, as LIF takes it"),
        ({"out": sl.CUBA.desc(scale=3.0)}, UnitError, "scale must be a current, as LIF takes it"),
        ({"syn": sl.Expon.desc(3, g_initializer=0.0 * u.mV)}, UnitError, "must be a current, as LIF takes it"),
        ({"syn": sl.Expon.desc(3, tau=5.0 * u.mV)}, UnitError, "Expon: tau"),
        ({"out": sl.COBA.desc(E=5.0)}, UnitError, "COBA: E"),
    ],
)
def test_parts_that_do_not_fit_are_refused_when_the_projection_is_made(kwargs, error, message):
    parts = {"syn": sl.Expon.desc(3), "out": sl.COBA.desc(E=0.0 * u.mV), "post": neuron(), **kwargs}
    with pytest.raises(error, match=message):
        sl.AlignPostProj(comm=one_to_one(3, 1.0 * u.mS), label="exc", **parts)
    if isinstance(parts["post"], sl.LIF):
        assert parts["post"].receptors == []


def test_weights_of_another_unit_name_the_connection():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.Module()
    net.N = neuron()
    with pytest.raises(UnitError, match=r"comm\.weight: the weights are in mV, but Expon\.g takes mS"):
        project(net.N, sl.Expon.desc(3), sl.COBA.desc(E=0.0 * u.mV), weight=1.0 * u.mV)
    with pytest.raises(UnitError, match=r"DeltaProj\.comm\.weight: the weights are in mS, but Module\.N\.V takes mV"):
        sl.DeltaProj(comm=one_to_one(3, 1.0 * u.mS), post=net.N)


def test_spikes_of_another_size_name_the_connection():
    net = sl.nn.Module()
    net.N = neuron()
    net.E = project(net.N, sl.Expon.desc(3), sl.COBA.desc(E=0.0 * u.mV))
    sl.nn.init_all_states(net)
    with pytest.raises(ShapeError, match=r"Module\.E\.comm takes spikes of 3 sources .*\(4,\)"):
        net.E(jnp.ones(4))


def test_states_are_asked_for_by_name():
    post = neuron()
    proj = sl.DeltaProj(comm=one_to_one(3, 1.0 * u.mV), post=post)
    with pytest.raises(NotInitializedError, match="init_all_states"):
        proj(jnp.ones(3))
    proj = project(post, sl.Expon.desc(3), sl.COBA.desc(E=0.0 * u.mV))
    with pytest.raises(NotInitializedError, match=r"g .*(?s:.*)init_all_states"):
        proj(jnp.ones(3))


def test_delta_input_of_a_population_that_takes_none():
    post = sl.nn.init_all_states(neuron())
    with pytest.raises(ValueError, match="take_delta"):
        post.add_delta_input("x", jnp.ones(3) * u.mV)


@pytest.mark.parametrize("weight", [2.0 * u.mV, np.array([1.0, 2.0, 3.0]) * u.mV])
@pytest.mark.parametrize("kind", [np.bool_, np.float32, np.int32])
def test_spikes_may_be_of_any_kind(weight, kind):
    post = neuron()
    proj = sl.DeltaProj(comm=one_to_one(3, weight), post=post)
    sl.nn.init_all_states(post)
    proj(jnp.asarray([1, 0, 1], kind))
    np.testing.assert_array_equal(post.delta.value.mantissa, np.broadcast_to(weight.mantissa, 3) * [1, 0, 1])


def test_a_batch_of_spikes_reaches_a_batch_of_neurons():
    post = neuron()
    proj = project(post, sl.Expon.desc(3), sl.COBA.desc(E=0.0 * u.mV))
    sl.nn.init_all_states(post, batch_size=2)
    spikes = jnp.asarray([[1.0, 0, 1], [0, 1, 1]])
    proj(spikes)
    np.testing.assert_array_equal(proj.syn.g.value.mantissa, spikes)


def test_a_batch_is_the_same_as_its_samples_one_by_one():
    sl.environ.set(dt=0.1 * u.ms)
    current = jnp.linspace(5.0, 40.0, 4)[:, None] * jnp.ones(3)

    def spikes_of(net):
        return sl.transform.for_loop(lambda: net(u.Quantity(current, unit=u.mA)), length=200)

    def alone(x):
        net = sl.nn.init_all_states(sl.LIFRef(3, V_th=10.0 * u.mV))
        return sl.transform.for_loop(lambda: net(u.Quantity(x, unit=u.mA)), length=200)

    batch = spikes_of(sl.nn.init_all_states(sl.LIFRef(3, V_th=10.0 * u.mV), batch_size=4))
    each = [alone(x) for x in current]
    np.testing.assert_array_equal(batch, jnp.stack(each, 1))
    assert batch.sum() > 0
