"""The form of the models of `sl.nest`: ports, lists, the order of a step, batches, precision, derivatives."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

MODELS = [getattr(sl.nest, name) for name in sorted(vars(sl.nest)) if name[0].islower() and name[0] != "_"]
MODELS = [model for model in MODELS if isinstance(model, type)]


TREE = {
    "compartments": [{"parent_idx": -1, "params": {"gbar_Na": 1.5 * u.uS}}, {"parent_idx": 0}],
    "receptors": [{"comp_idx": 0, "receptor_type": "AMPA"}, {"comp_idx": 1, "receptor_type": "GABA"}],
}


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * u.ms)


def kick(neuron, name, weight):
    """A projection that leads spikes into a port."""
    comm = lambda s: s * u.Quantity(weight, unit=neuron.ports[str(name)].unit)  # noqa: E731
    return sl.AlignPostProj(comm=comm, post=neuron, **neuron.port(name))


def test_a_spike_acts_in_the_order_of_nest():
    neuron = sl.nest.iaf_psc_delta(1)
    into = sl.project(sl.PoissonSpike(1, 0.0 * u.Hz), neuron, sl.connect.OneToOne(20.0 * u.mV))
    sl.nn.init_all_states(neuron)
    into.post.received = jnp.array([20.0]) * u.mV
    assert neuron().tolist() == [1.0]  # it arrives, spikes and is reset in one step
    assert neuron.V_m.value.mantissa.tolist() == [-70.0]
    assert neuron.ref_left.value.tolist() == [20.0]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_port_adds_to_its_state_in_batches_by_native_code(model):
    """Each sample but the last has spikes at one port, all in one program of single precision."""
    neurons = model(3, **(TREE if model is sl.nest.cm_default else {}))
    weight = 200.0 if model is sl.nest.siegert_neuron else 2.0
    projections = [kick(neurons, name, weight) for name in neurons.ports]
    net = sl.nn.Module()
    net.parts = [neurons, projections]
    batch = len(projections) + 1
    sl.nn.init_all_states(net, batch_size=batch)

    @sl.transform.jit
    def step(spikes):
        for k, projection in enumerate(projections):
            projection(spikes[k])
        return neurons()

    def values():
        return {name: np.asarray(u.get_mantissa(getattr(neurons, name).value)) for name in neurons.state_vars}

    spikes = jnp.repeat(jnp.eye(batch)[:-1, :, None], 3, axis=2)
    step(spikes)
    first = values()
    for k, port in enumerate(neurons.ports.values()):
        grown = {name for name, x in first.items() if (np.abs(x[k] - x[-1]) > 1e-6).any()}
        assert port.state in grown
        # V_m follows in the next step, of gif_psc_exp and cm_default at once; noise is another one in each sample
        together = {port.state.replace("fast", "slow"), port.state.replace("g_d", "g_r")}
        assert grown <= {port.state, *together, "V_m", "v_comp0", "v_comp1", "S", "noisy_rate"}

    for _ in range(4):
        out = step(spikes)
    assert out.shape == (batch, 3)
    V = u.get_mantissa(neurons.V.value)
    assert V.dtype == jnp.float32
    assert np.isfinite(V).all()
    assert any((x[0] != x[-1]).any() for x in values().values())
    assert sl.kernels.fallbacks() == []


def test_lists_give_ports():
    neurons = sl.nest.iaf_psc_exp_multisynapse(2, tau_syn=[0.5, 2.0, 8.0] * u.ms)
    assert sorted(neurons.ports) == ["1", "2", "3"]
    assert neurons.tau_syn_3 == 8.0 * u.ms
    assert isinstance(neurons, sl.nest.iaf_psc_exp_multisynapse)
    same = sl.nest.iaf_psc_exp_multisynapse(5, tau_syn=[1.0, 2.0, 3.0] * u.ms)
    assert type(same) is type(neurons)  # one program for all populations with as many ports
    with pytest.raises(ValueError, match="E_rev has 1 elements and tau_syn 2"):
        sl.nest.aeif_cond_alpha_multisynapse(2, E_rev=[0.0] * u.mV, tau_syn=[1.0, 2.0] * u.ms)


def test_a_tree_of_compartments_makes_a_class():
    neurons = sl.nest.cm_default(2, **TREE)
    assert type(sl.nest.cm_default(5, **TREE)) is type(neurons)  # one program for all populations with this tree
    assert [*neurons.state_vars][:4] == ["v_comp0", "m_Na_0", "h_Na_0", "v_comp1"]
    sl.nn.init_all_states(neurons)
    sl.transform.for_loop(lambda: neurons([0.0, 20.0] * u.nA), length=100)
    root, dendrite = (u.get_mantissa(v.value) for v in (neurons.v_comp0, neurons.v_comp1))
    assert root[0] == pytest.approx(-70, abs=1)
    assert root[1] > dendrite[1] > dendrite[0]


@pytest.mark.parametrize(
    ("compartments", "receptors", "message"),
    [
        ([], [], "at least the root"),
        ([{"parent_idx": -1}, {"parent_idx": 2}, {"parent_idx": 0}], [], "compartment 1 has the parent 2"),
        ([{"parent_idx": -1, "parms": {}}], [], "did you mean 'params'"),
        ([{"parent_idx": -1}], [{"comp_idx": 0}], "receptor 0 has no 'receptor_type'"),
        ([{"parent_idx": -1, "params": {"gbar_NA": 1 * u.uS}}], [], "did you mean 'gbar_Na'"),
        ([{"parent_idx": -1, "params": {"g_L": 1 * u.mV}}], [], "g_L_0"),
        ([{"parent_idx": -1}], [{"comp_idx": 1, "receptor_type": "AMPA"}], "receptor 0 is at compartment 1"),
        ([{"parent_idx": -1}], [{"comp_idx": 0, "receptor_type": "AMPAR"}], "did you mean 'AMPA'"),
        (
            [{"parent_idx": -1}],
            [{"comp_idx": 0, "receptor_type": "AMPA", "params": {"tau_d_AMPA": 0.2 * u.ms}}],
            "tau_d_AMPA_0",
        ),
    ],
)
def test_a_tree_that_is_wrong_is_named(compartments, receptors, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sl.nest.cm_default(2, compartments=compartments, receptors=receptors)


def test_what_is_wrong_is_named():
    neurons = sl.nest.iaf_cond_exp(4)
    with pytest.raises(ValueError, match="has no receptor port 'exc'; it has 'ex', 'in'"):
        neurons.port("exc")
    with pytest.raises(TypeError, match="name the receptor port of a projection"):
        sl.project(neurons, neurons, sl.connect.OneToOne(1.0 * u.nS))
    with pytest.raises(sl.errors.UnitError, match="nS"):
        sl.project(neurons, neurons, sl.connect.OneToOne(1.0 * u.pA), **neurons.port("ex"))
    with pytest.raises(ValueError, match="no receptor port"):
        sl.project(neurons, sl.LIF(4), sl.connect.OneToOne(1.0 * u.nS), **neurons.port("ex"))
    with pytest.raises(TypeError, match="tau_syn_ex"):
        sl.nest.iaf_cond_exp(4, tau_syn_exc=1.0 * u.ms)
    with pytest.raises(ValueError, match="t_ref must be positive"):
        sl.nest.iaf_psc_exp_ps(4, t_ref=0.0 * u.ms)
    short = sl.nn.init_all_states(sl.nest.iaf_psc_delta_ps(4, t_ref=0.05 * u.ms))
    with pytest.raises(ValueError, match="t_ref − dt must not be negative"):
        short()
    with pytest.raises(ValueError, match="t_ref_tot − t_ref_abs"):
        sl.nest.iaf_psc_exp_htum(4, t_ref_abs=3.0 * u.ms)


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_cond_exp", "aeif_cond_exp", "hh_psc_alpha"])
def test_spikes_have_derivatives(name):
    def loss(current):
        neurons = getattr(sl.nest, name)(1, spk_fun=sl.surrogate.Sigmoid(alpha=1.0))
        sl.nn.init_all_states(neurons)
        return sl.transform.for_loop(lambda: neurons(current * u.pA), length=300).sum()

    slope = sl.transform.grad(loss)(jnp.asarray([900.0]))
    assert np.isfinite(slope).all()
    assert (slope != 0).all()


def test_the_time_of_a_spike_inside_of_a_step_has_a_derivative():
    def first(current):
        neuron = sl.nest.iaf_psc_exp_ps(1)
        sl.nn.init_all_states(neuron)
        spikes, offsets = sl.transform.for_loop(lambda: (neuron(current * u.pA), neuron.offset.value), length=30)
        step = spikes[:, 0].argmax()
        return (step + 1) * 0.1 - u.get_mantissa(offsets)[step, 0]

    sl.environ.set(precision=64)
    slope, time = sl.transform.grad(first, return_value=True)(jnp.asarray([1500.0]))
    assert time == pytest.approx(10 * np.log(60 / 45), abs=1e-12)  # V_m − E_L goes to 60 mV, the threshold is at 15
    assert slope == pytest.approx(10 * (1 / 60 - 1 / 45) * 10 / 250, rel=1e-9)


def test_several_spikes_in_a_step_count():
    neurons = sl.nest.aeif_cond_exp(1, b=0.0 * u.pA)
    sl.nn.init_all_states(neurons)
    out = sl.transform.for_loop(lambda: neurons(200_000 * u.pA), length=20)
    assert out.max() >= 2


def test_mechanisms_of_glif_make_one_of_five_levels():
    with pytest.raises(ValueError, match="adapting_threshold=True is none of the five levels"):
        sl.nest.glif_psc(2, adapting_threshold=True)
    neurons = sl.nest.glif_psc(2, after_spike_currents=True)
    assert neurons.asc_amps_2 == -198.94 * u.pA
    with pytest.raises(ValueError, match="after_spike_currents=True, adapting_threshold=True is none"):
        neurons.adapting_threshold = True
    neurons.spike_dependent_threshold = True
    neurons.adapting_threshold = True


def test_gap_junctions_couple_potentials():
    def highest(weight):
        """The highest potentials of a neuron that spikes and of one coupled with it that has no other input."""
        pair = sl.nest.hh_cond_beta_gap_traub(2)
        junction = sl.SymmetryGapJunction(pair, "V_m", [(0, 1)], weight * u.nS)
        sl.nn.init_all_states(pair)

        def step():
            junction()
            pair([900.0, 0.0] * u.pA)
            return u.get_mantissa(pair.V_m.value)

        return np.asarray(sl.transform.for_loop(step, length=300).max(0))

    alone, coupled = highest(0.0), highest(30.0)
    assert (alone > 0).tolist() == (coupled > 0).tolist() == [True, False]
    assert alone[1] < -59
    assert coupled[1] > -50


def test_a_parrot_repeats_what_arrives():
    relay = sl.nest.parrot_neuron(2)
    into = kick(relay, "0", 1.0)
    sl.nn.init_all_states(relay)
    into(jnp.array([3.0, 0.0]))
    assert relay().tolist() == [3.0, 0.0]
    assert relay().tolist() == [0.0, 0.0]
