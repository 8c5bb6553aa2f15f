"""Neurons with constructor, states, spikes and update of their own, as in model code of brainpy.state."""

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import UnitError

N = 5
V_TH, TAU, R = 5.0 * u.mV, 10.0 * u.ms, 1.0 * u.ohm


class Own(sl.Neuron):
    """A leaky integrate-and-fire neuron that shares nothing with the library's but the base class."""

    def __init__(self, in_size, R=R, tau=TAU, V_th=V_TH, spk_fun=None, spk_reset="soft", name=None):
        super().__init__(in_size, name=name, spk_fun=spk_fun or sl.surrogate.ReluGrad(), spk_reset=spk_reset)
        self.R = sl.init.param(R, self.varshape)
        self.tau = sl.init.param(tau, self.varshape)
        self.V_th = sl.init.param(V_th, self.varshape)

    def init_state(self, batch_size=None, **kwargs):
        self.V = sl.HiddenState(sl.init.param(sl.init.Constant(0.0 * u.mV), self.varshape, batch_size))

    def reset_state(self, batch_size=None, **kwargs):
        self.V.value = sl.init.param(sl.init.Constant(0.0 * u.mV), self.varshape, batch_size)

    def get_spike(self, V=None):
        V = self.V.value if V is None else V
        return self.spk_fun((V - self.V_th) / self.V_th)

    def dV(self, v, t, I):  # noqa: E741
        return (-v + self.R * self.sum_current_inputs(I, v)) / self.tau

    def update(self, x=0.0 * u.mA):
        last = self.V.value
        V = last - self.V_th * self.get_spike(last)
        V = sl.nn.exp_euler_step(self.dV, V, None, x)
        self.V.value = self.sum_delta_inputs(V)
        return self.get_spike(self.V.value)


def library(n, **options):
    return sl.LIF(n, R=R, tau=TAU, V_th=V_TH, **options)


WEIGHTS = np.random.default_rng(0).uniform(0.2, 1, (N, N))


def connection(unit, **options):
    sources, targets = np.divmod(np.arange(N * N), N)
    return sl.connect.Edges(sources, targets, u.Quantity(WEIGHTS.ravel(), unit=unit), **options)(N, N)


def expon_desc(post, comm, **options):
    return sl.AlignPostProj(
        comm=comm(u.mS), syn=sl.Expon.desc(N, tau=3.0 * u.ms), out=sl.CUBA.desc(), post=post, **options
    )


def expon(post, comm, **options):
    syn = sl.Expon(N, tau=3.0 * u.ms, g_initializer=0.0 * u.siemens)
    return sl.AlignPostProj(comm=comm(u.siemens), syn=syn, out=sl.COBA(E=20.0 * u.mV), post=post, **options)


def delta(post, comm, **options):
    return sl.DeltaProj(comm=comm(u.mV), post=post, **options)


def current(post, comm, **options):
    return sl.CurrentProj(comm=comm(u.mS), out=sl.CUBA(), post=post, **options)


def pre(post, comm, **options):
    return sl.align_pre_projection(
        syn=sl.Expon.desc(N, tau=3.0 * u.ms), comm=comm(u.UNITLESS), out=sl.CUBA.desc(), post=post, **options
    )


def post_stp(post, comm, **options):
    return sl.align_post_projection(
        comm=comm(u.mS), syn=sl.Expon.desc(N, tau=3.0 * u.ms), out=sl.CUBA.desc(), post=post, stp=sl.STP(N), **options
    )


KINDS = [expon_desc, expon, delta, current, pre, post_stp]


class Net(sl.nn.Module):
    def __init__(self, make, kind, dense=False, **options):
        super().__init__()
        self.N = make(N)
        comm = (lambda unit: sl.nn.Linear(N, N, WEIGHTS * unit, b_init=None)) if dense else connection
        self.proj = kind(self.N, comm, **options)

    def update(self, x):
        self.proj(x)
        return self.N(8.0 * u.mA), self.N.V.value.to_decimal(u.mV)


@pytest.fixture(autouse=True)
def settings():
    sl.environ.set(dt=0.1 * u.ms, precision=64)


def run(make, kind, batch_size=None, steps=200, **options):
    net = sl.nn.init_all_states(Net(make, kind, **options), batch_size=batch_size)
    shape = (steps, *(() if batch_size is None else (batch_size,)), N)
    spikes = (np.random.default_rng(1).random(shape) < 0.1).astype(float)
    return [np.asarray(x) for x in sl.transform.for_loop(net, spikes)]


def same(kind, atol=1e-9, **options):
    (ours, V), (theirs, wanted) = run(Own, kind, **options), run(library, kind, **options)
    assert theirs.sum() > 5
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(V, wanted, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dense", [False, True])
def test_every_projection_delivers_what_it_delivers_to_a_model_of_the_library(kind, dense):
    same(kind, dense=dense)


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_batch(kind):
    same(kind, batch_size=3)


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_delay(kind):
    same(kind, delay=0.7 * u.ms)


@pytest.mark.parametrize("kind", [expon_desc, delta])
def test_with_a_delay_of_each_synapse(kind):
    def own_delays(post, comm):
        return kind(post, lambda unit: connection(unit, delay=np.round(1.0 + WEIGHTS.ravel(), 1) * u.ms))

    same(own_delays)


@pytest.mark.parametrize(("kind", "unit"), [(expon_desc, u.mS), (delta, u.mV)])
def test_with_plasticity(kind, unit):
    def learning(post, comm):
        rule = sl.plasticity.STDP(w_max=2.0 * unit, A_plus=0.05, A_minus=0.04)
        return kind(post, lambda unit: connection(unit, delay=0.5 * u.ms), plasticity=rule)

    weights = []
    for make in (Own, library):
        net = sl.nn.init_all_states(Net(make, learning))
        spikes = (np.random.default_rng(1).random((300, N)) < 0.1).astype(float)
        fired, _ = sl.transform.for_loop(net, spikes)
        assert fired.sum() > 5
        weights.append(np.asarray(u.get_mantissa(net.proj.comm.weight.value)))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-9)
    assert np.abs(weights[0] - WEIGHTS.ravel()).max() > 1e-3


def test_gap_junctions():
    def run(make):
        N = make(2)
        gap = sl.SymmetryGapJunction(N, "V", [(0, 1)], 0.5 * u.siemens)
        net = sl.nn.Module()
        net.parts = [N, gap]
        sl.nn.init_all_states(net)

        def step():
            gap()
            N(jnp.array([4.0, 0.0]) * u.mA)
            return N.V.value.to_decimal(u.mV)

        return np.asarray(sl.transform.for_loop(step, length=100))

    V = run(Own)
    np.testing.assert_allclose(V, run(library), rtol=1e-9)
    assert V[-1, 1] > 0.3


def test_gradients():
    def slope(make):
        net = Net(make, expon_desc)
        x = (np.random.default_rng(1).random((60, N)) < 0.2).astype(float)

        def loss():
            sl.nn.init_all_states(net)
            spikes, V = sl.transform.for_loop(net, x)
            return (spikes + 0.1 * V).sum()

        return np.asarray(u.get_mantissa(sl.transform.grad(loss, net.proj.comm.weight)()))

    np.testing.assert_allclose(slope(Own), slope(library), rtol=1e-6)


def test_records_and_parts():
    records = []
    for make in (Own, library):
        neuron = sl.nn.init_all_states(make(N))
        step = lambda t, neuron=neuron: neuron(jnp.arange(2.0, 12.0, 2.0) * u.mA)  # noqa: E731
        found = sl.record.run(step, 30.0 * u.ms, record=[sl.record.Spikes(neuron[2:]), sl.record.States(neuron, "V")])
        records.append((found["spikes"], found["V"]))
    (ours, V), (theirs, wanted) = records
    assert len(theirs.indices) > 3
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_allclose(V.values.mantissa, wanted.values.mantissa, rtol=1e-6)


def test_spikes_are_those_of_the_models_own_get_spike():
    neuron = sl.nn.init_all_states(Own(N))
    sent = np.asarray(sl.transform.for_loop(lambda: (neuron(20.0 * u.mA), neuron.spike.value), length=100))
    assert sent[0].sum() > 0
    np.testing.assert_array_equal(sent[0], sent[1])


def test_a_reset_of_its_own_empties_what_projections_have_left():
    net = sl.nn.init_all_states(Net(Own, delta))
    N = net.N
    net.proj(jnp.ones(5))
    before = N.delta
    assert (N.delta.value > 0 * u.mV).all()
    sl.nn.reset_all_states(net)
    assert N.delta is before
    assert (N.delta.value == 0 * u.mV).all()


def test_currents_decay_once_in_a_step_however_often_they_are_asked_for():
    class Stages(Own):
        def update(self, x=0.0 * u.mA):
            self.V.value = sl.nn.rk4_step(lambda V: self.dV(V, None, x), self.V.value)
            return self.get_spike()

    class Once(Own):
        def update(self, x=0.0 * u.mA):
            current = self.sum_current_inputs(x, self.V.value)
            self.V.value = sl.nn.rk4_step(lambda V: (-V + self.R * current) / self.tau, self.V.value)
            return self.get_spike()

    a, b = (run(cls, expon_desc, steps=50)[1] for cls in (Stages, Once))
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_labels_choose_currents():
    class Labelled(Own):
        def update(self, x=0.0 * u.mA):
            self.seen.value = self.sum_current_inputs(label="a").to_decimal(u.mA)
            return super().update(x)

        def init_state(self, batch_size=None):
            super().init_state(batch_size)
            self.seen = sl.HiddenState(jnp.zeros(N))

    neuron = Labelled(N)
    a, b = (expon_desc(neuron, lambda unit: lambda x: x * unit, label=name) for name in "ab")
    net = sl.nn.Module()
    net.parts = [neuron, a, b]
    sl.nn.init_all_states(net)
    assert a.syn is not b.syn
    a(jnp.full(N, 2.0))
    b(jnp.full(N, 40.0))
    neuron()
    np.testing.assert_allclose(neuron.seen.value, 2.0)
    assert float(neuron.V.value[0].to_decimal(u.mV)) > 0.3  # of both
    with pytest.raises(ValueError, match="all labels"):
        delta(neuron, connection)
        sl.nn.init_all_states(net)
        neuron.sum_delta_inputs(0.0 * u.mV, label="a")


def test_an_update_that_calls_that_of_the_library():
    class Noisy(sl.LIF):
        def update(self, x=0.0 * u.mA):
            return super().update(x + 1.0 * u.mA)

    def make(n):
        return Noisy(n, R=R, tau=TAU, V_th=V_TH)

    ours, V = run(make, expon_desc)
    net = sl.nn.init_all_states(Net(library, expon_desc))
    spikes = (np.random.default_rng(1).random((200, N)) < 0.1).astype(float)

    def step(x):
        net.proj(x)
        return net.N(9.0 * u.mA), net.N.V.value.to_decimal(u.mV)

    theirs, wanted = sl.transform.for_loop(step, spikes)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(V, wanted, rtol=1e-12)


def test_a_potential_of_another_name_and_unit():
    class Plain(sl.Neuron):
        current_unit = u.UNITLESS

        def init_state(self, batch_size=None):
            self.v = sl.HiddenState(sl.init.param(sl.init.Constant(0.0), self.varshape, batch_size))

        def get_spike(self, v=None):
            return self.spk_fun((self.v.value if v is None else v) - 1.0)

        def update(self, x=0.0):
            v = self.v.value - self.get_spike()
            self.v.value = self.sum_delta_inputs(0.9 * v + self.sum_current_inputs(x, v))
            return self.get_spike()

    neuron = Plain(3)
    kick = sl.DeltaProj(comm=sl.nn.Linear(2, 3, np.full((2, 3), 0.5), b_init=None), post=neuron)
    net = sl.nn.Module()
    net.parts = [neuron, kick]
    sl.nn.init_all_states(net)
    kick(jnp.array([1.0, 0.0]))
    assert neuron(0.25).tolist() == [0, 0, 0]
    np.testing.assert_allclose(neuron.v.value, 0.75)


def test_wrong_units_are_told_by_path():
    neuron = sl.nn.init_all_states(Own(N))
    net = sl.nn.init_all_states(Net(Own, expon_desc))
    with pytest.raises(UnitError, match=r"Net.N, whose class sets current_unit: the input needs .*mA.*; given"):
        net.N(1.0 * u.mV)
    with pytest.raises(ValueError, match="take_delta"):
        neuron.add_delta_input("kick", 1.0 * u.mV)


def test_signature_is_that_of_the_own_constructor():
    assert list(inspect.signature(Own).parameters) == ["in_size", "R", "tau", "V_th", "spk_fun", "spk_reset", "name"]
    assert Own.desc(3, tau=8.0 * u.ms) == Own.desc(3, tau=8.0 * u.ms)
    assert Own.desc(3, tau=8.0 * u.ms) != Own.desc(3, tau=9.0 * u.ms)
    assert Own.desc(3, tau=8.0 * u.ms)().tau == 8.0 * u.ms


def test_what_a_model_lacks_is_named():
    class NoSpike(sl.Neuron):
        def init_state(self, batch_size=None):
            self.V = sl.HiddenState(jnp.zeros(self.varshape) * u.mV)

        def update(self, x=None):
            return self.V.value

    class NoUpdate(sl.Neuron):
        def update(self, x=None):
            return super().update(x)

    neuron = sl.nn.init_all_states(NoSpike(2))
    with pytest.raises(TypeError, match=r"NoSpike.*defines get_spike\(V\)"):
        neuron.get_spike(1.0 * u.mV)
    with pytest.raises(TypeError, match=r"NoUpdate.*declares its variables"):
        sl.nn.init_all_states(NoUpdate(2))()


def test_modules_among_the_updates_are_part_of_the_model():
    neuron = Own(N)
    syn = neuron.align_pre(sl.Expon.desc(N, tau=3.0 * u.ms))
    assert neuron.align_pre(sl.Expon.desc(N, tau=3.0 * u.ms)) is syn
    sl.nn.init_all_states(neuron)
    sent, g = sl.transform.for_loop(lambda: (neuron(20.0 * u.mA), syn.g.value.to_decimal(u.mS)), length=60)
    assert sent.sum() > 0
    np.testing.assert_array_equal(np.asarray(g[0]), np.asarray(sent[0]) * np.exp(-0.1 / 3.0))


@pytest.mark.parametrize("transform", [jax.jit, sl.transform.jit])
def test_a_group_needs_no_size(transform):
    class Group(sl.nn.DynamicsGroup):
        def __init__(self):
            super().__init__()
            self.N = Own(2)

        def update(self, x):
            return self.N(x)

    group = sl.nn.init_all_states(Group())
    if transform is sl.transform.jit:
        assert transform(group)(1.0 * u.mA).shape == (2,)
    assert not hasattr(group, "varshape")
