"""Projections that compute on the side of the source, short-term plasticity in projections, modules in front."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import Connection

SILENT = {"tau": 20.0 * u.ms, "V_th": 1e6 * u.mV, "spk_fun": sl.surrogate.ReluGrad(width=0.2)}


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def one_to_one(weight, n=3):
    return Connection(np.arange(n), np.zeros(0, int), weight, n, n)


class Net(sl.nn.Module):
    """One population and one projection, called in either order."""

    def __init__(self, make, order="before", kind=sl.LIF, **neuron):
        super().__init__()
        self.order = order
        self.N = kind(3, **{**SILENT, **neuron})
        self.proj = make(self.N)

    def update(self, x):
        if self.order == "before":
            self.proj(x)
        self.N()
        if self.order == "after":
            self.proj(x)
        return self.N.V.value.to_decimal(u.mV)


def run(net, spikes, batch=None):
    sl.nn.init_all_states(net, batch_size=batch)
    return np.asarray(sl.transform.for_loop(net, jnp.asarray(spikes)))


def train(steps=60, n=3, p=0.2, seed=0):
    return (np.random.default_rng(seed).random((steps, n)) < p).astype(float)


def later(arrivals, order):
    return arrivals if order == "before" else np.concatenate([np.zeros_like(arrivals[:1]), arrivals[:-1]])


def driven(conductances, E=None, start=0.0):
    """V under a conductance (in S, with R = 1 Ω) that is constant over each step; a current in mA without E."""
    V, out = np.full(conductances.shape[1:], start), []
    for g in conductances:
        rate, target = (1.0, g) if E is None else (1 + g, g * E / (1 + g))
        V = target + (V - target) * np.exp(-rate * 0.1 / 20)
        out.append(V)
    return np.array(out)


ORDERS = pytest.mark.parametrize("order", ["before", "after"])


# --- CurrentProj ------------------------------------------------------------------------------------------------------


@ORDERS
def test_a_current_acts_in_one_step_and_is_not_lost(order):
    values = np.random.default_rng(0).uniform(0, 2, (50, 3)) * (train(50) > 0)
    net = Net(lambda N: sl.CurrentProj(comm=one_to_one(2.0 * u.mS), out=sl.CUBA(), post=N), order)
    np.testing.assert_allclose(run(net, values), driven(later(2 * values, order)), rtol=1e-10, atol=1e-14)


@ORDERS
def test_a_conductance_drives_towards_its_reversal_potential(order):
    values = np.random.default_rng(0).uniform(0, 2, (50, 3))
    net = Net(
        lambda N: sl.CurrentProj(comm=one_to_one(0.5 * u.siemens), out=sl.COBA.desc(E=70.0 * u.mV), post=N), order
    )
    np.testing.assert_allclose(run(net, values), driven(later(values / 2, order), 70.0), rtol=1e-10, atol=1e-12)


def test_a_connection_with_units_takes_values_with_units():
    values = np.random.default_rng(0).uniform(0, 2, (20, 3))
    nets = [
        Net(lambda N: sl.CurrentProj(comm=one_to_one(2.0 * u.mS), out=sl.CUBA(), post=N)),
        Net(lambda N: sl.CurrentProj(lambda g: g * u.uS, comm=one_to_one(2e3), out=sl.CUBA(), post=N)),
        Net(lambda N: sl.CurrentProj(comm=lambda g: u.Quantity(2 * g, unit=u.mS), out=sl.CUBA(), post=N)),
        Net(lambda N: sl.CurrentProj(comm=lambda g: u.Quantity(2 * g, unit=u.mA), out=sl.CUBA(scale=1.0), post=N)),
    ]
    first, *others = [run(net, values) for net in nets]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-12)


def test_a_target_population_of_two_axes():
    flat, grid = sl.LIF(6, **SILENT), sl.LIF((2, 3), **SILENT)
    conn = sl.connect.FixedOutDegree(4, 2.0 * u.mS, seed=1)
    for N in (flat, grid):
        proj = sl.CurrentProj(comm=conn, out=sl.CUBA(), post=N, pre=5)
        sl.nn.init_all_states(N)
        proj(jnp.arange(5.0))
        N()
    np.testing.assert_array_equal(grid.V.value.mantissa.ravel(), flat.V.value.mantissa)
    assert flat.V.value.mantissa.any()


def test_calls_before_a_step_add_up():
    N = sl.LIF(3, **SILENT)
    proj = sl.CurrentProj(comm=one_to_one(2.0 * u.mS), out=sl.CUBA(), post=N)
    sl.nn.init_all_states(N)
    proj(jnp.ones(3))
    proj(jnp.asarray([1.0, 0, 2]))
    np.testing.assert_allclose(proj.current.g.value.to_decimal(u.mS), [4, 2, 6])
    N()
    np.testing.assert_array_equal(proj.current.g.value.mantissa, np.zeros(3))


# --- from the side of the source --------------------------------------------------------------------------------------

SYNAPSES = {
    "AMPA": lambda: sl.AMPA(3),
    "BioNMDA": lambda: sl.BioNMDA(3),
    "Expon": lambda: sl.Expon(3, tau=4.0 * u.ms),
    "DualExpon": lambda: sl.DualExpon(3),
    "Alpha, described": lambda: sl.Alpha.desc(3),
}


@ORDERS
@pytest.mark.parametrize("name", SYNAPSES)
def test_a_synapse_of_the_source_steps_with_the_projection(name, order):
    spikes = train()
    alone = SYNAPSES[name]()
    alone = sl.nn.init_all_states(alone() if isinstance(alone, sl.nn.Desc) else alone)
    g = np.asarray(sl.transform.for_loop(alone, spikes).to_decimal(u.mS))
    net = Net(
        lambda N: sl.align_pre_projection(
            syn=SYNAPSES[name](), comm=one_to_one(300.0), out=sl.COBA(E=50.0 * u.mV), post=N
        ),
        order,
    )
    np.testing.assert_allclose(run(net, spikes), driven(later(0.3 * g, order), 50.0), rtol=1e-9, atol=1e-12)


def test_linear_synapses_are_the_same_on_either_side():
    spikes, conn = train(), sl.connect.FixedOutDegree(2, 3.0 * u.mS, seed=0)(3, 3)
    weights = Connection(conn.indices, conn.indptr, 3.0, 3, 3)
    for make in (lambda **k: sl.Expon(3, **k), lambda **k: sl.DualExpon(3, **k), lambda **k: sl.Alpha(3, **k)):
        post = Net(lambda N, make=make: sl.align_post_projection(comm=conn, syn=make(), out=sl.CUBA(), post=N))
        pre = Net(lambda N, make=make: sl.align_pre_projection(comm=weights, syn=make(), out=sl.CUBA(), post=N))
        np.testing.assert_allclose(run(pre, spikes), run(post, spikes), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("model", [sl.STP, sl.STD])
def test_plasticity_grades_what_arrives(model):
    spikes = train()
    release = np.asarray(sl.transform.for_loop(sl.nn.init_all_states(model(3)), spikes))
    parts = {"syn": sl.Expon.desc(3), "out": sl.CUBA.desc(), "comm": one_to_one(2.0 * u.mS)}
    wanted = run(Net(lambda N: sl.AlignPostProj(**parts, post=N)), release)
    for make in (
        lambda N: sl.align_post_projection(**parts, post=N, stp=model(3)),
        lambda N: sl.align_post_projection(**parts, post=N, stp=model.desc(3)),
        lambda N: sl.AlignPostProj(model(3), **parts, post=N),
        lambda N: sl.align_pre_projection(syn=sl.Expon(3), out=sl.CUBA(), comm=one_to_one(2.0), post=N, stp=model(3)),
    ):
        np.testing.assert_allclose(run(Net(make), spikes), wanted, rtol=1e-10, atol=1e-13)


def test_a_batch_is_its_samples_one_by_one():
    spikes = train(30, 6).reshape(30, 2, 3)
    parts = {"comm": one_to_one(300.0), "out": sl.MgBlock(), "stp": sl.STP(3)}
    net = Net(
        lambda N: sl.align_pre_projection(syn=sl.BioNMDA(3), post=N, **parts), V_rest=-60.0 * u.mV, kind=sl.LIFRef
    )
    together = run(net, spikes, batch=2)
    for k in range(2):
        np.testing.assert_allclose(together[:, k], run(net, spikes[:, k]), rtol=1e-10)


def test_single_precision_stays_single():
    sl.environ.set(precision=32)
    net = Net(
        lambda N: sl.align_pre_projection(
            syn=sl.AMPA(3), comm=one_to_one(300.0), out=sl.MgBlock(), post=N, stp=sl.STP(3)
        )
    )
    net.junction = sl.SymmetryGapJunction(net.N, "V", [(0, 1), (1, 2)], 0.2 * u.siemens)
    net.N.add_current_input("leak", lambda V: V * (-0.1 * u.siemens))
    sl.nn.init_all_states(net)
    before = {path: u.get_mantissa(state.value).dtype for path, state in net.states().items()}
    sl.transform.for_loop(lambda x: (net.junction(), net(x))[1], jnp.asarray(train(10), jnp.float32))
    after = {path: u.get_mantissa(state.value).dtype for path, state in net.states().items()}
    assert after == before
    assert set(after.values()) == {jnp.dtype("float32")}


# --- modules in front -------------------------------------------------------------------------------------------------


def test_modules_in_front_are_called_in_order():
    double, shift = (lambda x: 2 * x), (lambda x: x + 1)
    values = np.random.default_rng(0).uniform(0, 1, (10, 3))
    comm = {"delta": one_to_one(1.0 * u.mV), "other": one_to_one(1.0 * u.mS)}
    makers = [
        lambda N, front: sl.DeltaProj(*front, comm=comm["delta"], post=N),
        lambda N, front: sl.CurrentProj(*front, comm=comm["other"], out=sl.CUBA(), post=N),
        lambda N, front: sl.AlignPostProj(*front, comm=comm["other"], syn=sl.Expon(3), out=sl.CUBA(), post=N),
        lambda N, front: sl.align_post_projection(*front, comm=comm["other"], syn=sl.Expon(3), out=sl.CUBA(), post=N),
    ]
    for make in makers:
        in_front = run(Net(lambda N, make=make: make(N, [double, shift])), values)
        np.testing.assert_allclose(in_front, run(Net(lambda N, make=make: make(N, [])), 2 * values + 1), rtol=1e-12)


def test_a_state_in_front_gives_its_value():
    spikes = sl.ShortTermState(jnp.asarray([1.0, 0, 1]))
    N = sl.LIF(3, **SILENT)
    proj = sl.DeltaProj(spikes, comm=one_to_one(2.0 * u.mV), post=N)
    sl.nn.init_all_states(N)
    proj()
    np.testing.assert_array_equal(N.delta.value.mantissa, [2, 0, 2])
    spikes.value = jnp.asarray([0.0, 1, 0])
    proj()
    np.testing.assert_array_equal(N.delta.value.mantissa, [2, 2, 2])


def test_the_number_of_inputs_is_checked():
    proj = sl.DeltaProj(comm=one_to_one(2.0 * u.mV), post=sl.LIF(3), label="exc")
    with pytest.raises(TypeError, match="exc takes one input, such as spikes; given 0"):
        proj()
    with pytest.raises(TypeError, match="exc takes one input, such as spikes; given 2"):
        proj(1, 2)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["syn", "stp"])
def test_a_part_that_would_step_twice_is_refused(part):
    shared = {"syn": sl.AMPA(3), "stp": sl.STP(3)}

    def make():
        own = {"syn": sl.AMPA(3), "stp": sl.STP(3), part: shared[part]}
        return sl.align_pre_projection(**own, comm=one_to_one(1.0), out=sl.CUBA(), post=sl.LIF(3), label="exc")

    first = make()
    with pytest.raises(ValueError, match=rf"exc: this {type(shared[part]).__name__} is stepped by exc already"):
        make()
    del first
    make()  # nobody steps it any more


def test_a_synapse_given_to_two_populations_is_refused():
    syn, out = sl.Expon(3), sl.CUBA()
    first, second = sl.LIF(3, name="A"), sl.LIF(3, name="B")
    sl.AlignPostProj(comm=one_to_one(1.0 * u.mS), syn=syn, out=out, post=first)
    with pytest.raises(ValueError, match="this Expon is stepped by A already"):
        sl.AlignPostProj(comm=one_to_one(1.0 * u.mS), syn=syn, out=out, post=second)
    assert second.receptors == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"post": 3}, TypeError, "exc: post must be a neuron population"),
        ({"comm": 3}, TypeError, "exc: comm must be a connection"),
        ({"syn": sl.STP(3)}, TypeError, "exc: syn must be a synapse such as AMPA"),
        ({"out": sl.Expon(3)}, TypeError, "exc: out must be a synaptic output"),
        ({"comm": sl.connect.FixedOutDegree(1, 1.0)}, TypeError, "exc: comm is the rule"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, error, message):
    parts = {"syn": sl.AMPA(3), "comm": one_to_one(1.0), "out": sl.CUBA(), "post": sl.LIF(3), **change}
    with pytest.raises(error, match=message):
        sl.align_pre_projection(**parts, label="exc")


def test_what_stands_in_front_must_be_callable():
    with pytest.raises(TypeError, match="exc: modules in front must be callable or a State; given 3"):
        sl.DeltaProj(3, comm=one_to_one(1.0 * u.mV), post=sl.LIF(3), label="exc")


def test_a_synapse_that_cannot_be_aligned_says_what_to_use():
    with pytest.raises(TypeError, match=r"AMPA cannot be aligned .* or align_pre_projection"):
        sl.AlignPostProj(comm=one_to_one(1.0 * u.mS), syn=sl.AMPA(3), out=sl.CUBA(), post=sl.LIF(3))


@pytest.mark.parametrize("weight", [1.0, 1.0 * u.mV])
def test_weights_of_another_unit_are_refused(weight):
    N = sl.LIF(3)
    proj = sl.CurrentProj(comm=one_to_one(weight), out=sl.CUBA(), post=N, label="exc")
    sl.nn.init_all_states(N)
    with pytest.raises(UnitError, match="exc: what comm delivers needs a value such as"):
        proj(jnp.ones(3))


def test_deliveries_of_another_shape_are_refused():
    N = sl.LIF(3)
    proj = sl.CurrentProj(comm=lambda x: jnp.ones((2, 3)) * u.mS, out=sl.CUBA(), post=N)
    sl.nn.init_all_states(N)
    with pytest.raises(ShapeError, match=r"CurrentProj: comm delivers the shape \(2, 3\), but the target takes \(3,\)"):
        proj(jnp.ones(3))


# --- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["weight", "U", "E"])
def test_gradients_pass_through_a_projection_of_the_source(what):
    U, E = sl.ParamState(0.3), sl.ParamState(-10.0 * u.mV)
    comm = Connection(np.array([1, 2, 0]), np.zeros(0, int), np.array([300.0, 200.0, 100.0]), 3, 3)
    net = Net(
        lambda N: sl.align_pre_projection(syn=sl.AMPA(3), comm=comm, out=sl.MgBlock(E=E), post=N, stp=sl.STP(3, U=U)),
        V_rest=-60.0 * u.mV,
    )
    state, spikes = {"weight": comm.weight, "U": U, "E": E}[what], jnp.asarray(train(30))

    def loss():
        sl.nn.init_all_states(net)
        return (sl.transform.for_loop(net, spikes) * jnp.arange(1.0, 4.0)).mean()

    (slope,) = jax.tree.leaves(sl.transform.grad(loss, [state])())
    start, run_loss = state.value, sl.transform.jit(loss)
    numbers, h = np.asarray(u.get_mantissa(start), float), 1e-4
    for k in np.ndindex(numbers.shape):
        ends = []
        for sign in (1, -1):
            moved = numbers.copy()
            moved[k] += sign * h
            state.value = jnp.asarray(moved) * u.get_unit(start) if what == "E" else jnp.asarray(moved)
            ends.append(run_loss())
        wanted = (ends[0] - ends[1]) / (2 * h)
        np.testing.assert_allclose(np.asarray(slope)[k], wanted, rtol=1e-6, atol=1e-9)
        assert abs(wanted) > 1e-6
