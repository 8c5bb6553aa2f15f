"""What the package promises its users, one test for each promise."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import MissingSettingError, NotInitializedError, ShapeError, StateChangedError, UnitError
from spikeloop.connect import FixedOutDegree, FixedProb
from spikeloop.transform import for_loop, grad, jit

DT = 0.1 * u.ms


def _neuron(n=3, **kwargs):
    return sl.LIF(n, V_rest=-65 * u.mV, V_reset=-65 * u.mV, V_th=-50 * u.mV, tau=10 * u.ms, **kwargs)


class Net(sl.nn.Module):
    """Two groups of spikes into one population, and the population into itself."""

    def __init__(self):
        super().__init__("net")
        self.N = _neuron(20)
        self.E, self.I = (
            sl.AlignPostProj(
                comm=FixedOutDegree(3, weight=weight * u.mS, seed=0),
                syn=sl.Expon.desc(20, tau=5.0 * u.ms),
                out=sl.CUBA.desc(),
                pre=self.N,
                post=self.N,
            )
            for weight in (1.0, -0.5)
        )

    def update(self, current=20.0 * u.mA):
        spikes = self.N.get_spike()
        self.E(spikes)
        self.I(spikes)
        return self.N(current)


def test_init_all_states_again_after_a_jitted_call():
    net = sl.nn.init_all_states(Net())
    states = net.states()

    @jit
    def epoch():
        return for_loop(lambda: net.update(), length=300).sum(), net.N.V.value

    with sl.environ.context(dt=DT):
        first, _ = epoch()
        for _ in range(2):
            sl.nn.init_all_states(net)
            assert all(state is states[path] for path, state in net.states().items())
            again, V = epoch()
            assert again == first > 0
            np.testing.assert_array_equal(V.mantissa, net.N.V.value.mantissa)
        assert epoch.cache.num_traces == 1
        sl.nn.init_all_states(net, batch_size=2)
        batch, V = epoch()
        assert V.shape == (2, 20)
        assert batch == 2 * first
        sl.nn.init_all_states(net)
        assert epoch()[0] == first


def test_another_dt_or_t(compiles, traces):
    net = sl.nn.init_all_states(_neuron(1))

    def step(t):
        with sl.environ.context(t=t):
            traces()
            net(20.0 * u.mA)
            return sl.environ.get("t") + sl.environ.get_dt()

    one = jit(lambda: step(sl.environ.get("t")))
    for run in (one, lambda: for_loop(step, jnp.asarray(sl.environ.get("t").mantissa)[None] * u.ms)[0]):
        for dt in (0.1, 0.2):
            compiled = 0
            for t in (0.0, 5.0, 7.0):
                sl.nn.init_all_states(net)
                with sl.environ.context(dt=dt * u.ms, t=t * u.ms):
                    compiles()
                    out = run()
                    compiled = compiles()
                    np.testing.assert_allclose(out.to_decimal(u.ms), t + dt, rtol=1e-6)
                expected = -65 + 20 * (1 - np.exp(-dt / 10))
                np.testing.assert_allclose(net.V.value.to_decimal(u.mV), expected, rtol=1e-6)
            assert compiled == 0
    assert one.cache.num_traces == 2


def test_the_same_loop_twice_without_jit(compiles):
    net = Net()
    with sl.environ.context(dt=DT):
        for _ in range(3):
            sl.nn.init_all_states(net)
            compiles()
            for_loop(lambda: net.update(), length=10)
            compiled = compiles()
    assert compiled == 0


def test_the_second_call_never_compiles(compiles):
    net = sl.nn.init_all_states(Net())
    step = jit(net.update)
    with sl.environ.context(dt=DT):
        step()
        compiles()
        step()
        sl.nn.init_all_states(net)
        compiles()
        step()
    assert (step.cache.num_traces, compiles()) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda V: V[:2],
        lambda V: u.Quantity(V.mantissa.astype(complex), unit=u.mV),
        lambda V: V.mantissa * u.ms,
        lambda V: V.mantissa,
        lambda V: {"V": V},
    ],
    ids=["shape", "dtype", "dimension", "no unit", "structure"],
)
def test_a_state_that_changes_in_a_loop(change):
    net = sl.nn.init_all_states(Net())
    before = sl.nn.save_states(net)

    def step():
        net.E.syn.g.value = net.E.syn.g.value * 2
        net.N.V.value = change(net.N.V.value)

    with pytest.raises(StateChangedError, match=r"State net\.N\.V holds .*float32\[20\].*; given .*\[20?\]"):
        for_loop(step, length=3)
    after = sl.nn.save_states(net)
    for path, value in before.items():
        for a, b in zip(jax.tree.leaves(value), jax.tree.leaves(after[path]), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("wrap", [jit, lambda f: lambda: for_loop(f, length=3), lambda f: lambda: grad(f)()])
def test_an_exception_inside_a_traced_function(wrap):
    net = sl.nn.init_all_states(Net())
    before = {path: state.value for path, state in net.states().items()}

    def fail():
        net.update()
        raise ZeroDivisionError

    with sl.environ.context(dt=DT):
        with pytest.raises(ZeroDivisionError):
            wrap(fail)()
        assert all(state.value is before[path] for path, state in net.states().items())
        net.update()


@pytest.mark.parametrize("order", ["projection first", "neuron first"])
def test_projection_and_neuron_in_either_order(order):
    net = sl.nn.init_all_states(Net())

    def step(spikes):
        if order == "projection first":
            net.E(spikes)
        net.N()
        if order == "neuron first":
            net.E(spikes)
        return net.N.V.value.to_decimal(u.mV)

    spikes = jnp.zeros((5, 20)).at[1].set(1.0)
    with sl.environ.context(dt=DT):
        compiled = np.asarray(for_loop(step, spikes))
        sl.nn.init_all_states(net)
        by_hand = np.stack([step(s) for s in spikes])
    np.testing.assert_allclose(compiled, by_hand, rtol=1e-6)
    first = int(np.argmax(np.any(compiled > -65, axis=1)))
    assert first == (1 if order == "projection first" else 2)
    # Each of 20 neurons sends 3 spikes of 1 mS: the conductances of the first step sum up to 60 mS.
    rise = (compiled[first] + 65).sum() / (1 - np.exp(-0.1 / 10))
    np.testing.assert_allclose(rise, 60.0, rtol=1e-3)


def test_grad_of_a_loss_without_argument():
    w, unread = sl.ParamState(jnp.float32(3.0), "w"), sl.ParamState(jnp.float32(1.0), "unread")
    hidden = sl.HiddenState(jnp.float32(2.0), "hidden")
    assert unread.value == 1.0
    assert grad(lambda: w.value**2 * hidden.value)() == {"w": 12.0}


@pytest.mark.parametrize("name", ["tau", "R", "V_th", "V_rest", "V_reset"])
def test_any_constant_of_a_neuron_trains(name):
    default = {
        "tau": 10.0 * u.ms,
        "R": 1.0 * u.ohm,
        "V_th": -50.0 * u.mV,
        "V_rest": -65.0 * u.mV,
        "V_reset": -65.0 * u.mV,
    }
    net = sl.LIF(3, **{**default, name: sl.ParamState(default[name])}, spk_fun=sl.surrogate.Arctan())
    sl.nn.init_all_states(net)

    def loss():
        return for_loop(lambda: net(20.0 * u.mA) + net.V.value.to_decimal(u.mV), length=200).sum()

    with sl.environ.context(dt=DT):
        (g,) = grad(loss)().values()
    number = np.asarray(g.to_decimal(default[name].unit))
    assert np.isfinite(number).all()
    assert np.all(number != 0)


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: _stepped(1.0 * u.mA, _neuron()), NotInitializedError, r"Call sl\.nn\.init_all_states\(model\) first"),
        (lambda: _ready()(1.0 * u.mA), MissingSettingError, r"'dt'.*sl\.environ\.context\(dt=0\.1 \* u\.ms\)"),
        (lambda: _stepped(1.0 * u.mV), UnitError, r"LIF: the input current needs .*u\.mA.*; given .*mV"),
        (lambda: _stepped(jnp.ones(7) * u.mA), ShapeError, r"LIF takes an input of shape \(3,\).*; given \(7,\)"),
        (
            lambda: _stepped(jnp.ones((2, 3)) * u.mA),
            ShapeError,
            r"LIF takes .* shape \(3,\).*; given \(2, 3\)",
        ),
        (lambda: _stepped("1 mA"), TypeError, "LIF.*1 mA"),
        (lambda: _stepped(jnp.ones(3) * 1j * u.mA), TypeError, "LIF takes a real input current; given complex64"),
    ],
    ids=["init_all_states", "dt", "unit", "shape", "larger shape", "text", "dtype"],
)
@pytest.mark.parametrize("way", ["alone", "jit", "for_loop"])
def test_what_was_forgotten_or_wrong_is_told(mistake, error, message, way):
    run = {"alone": lambda: mistake(), "jit": lambda: jit(mistake)(), "for_loop": lambda: for_loop(mistake, length=2)}
    with pytest.raises(error, match=f"(?s){message}"):
        run[way]()


def _ready():
    net = _neuron()
    net.init_all_states()
    return net


def _stepped(current, net=None):
    net = net or _ready()
    with sl.environ.context(dt=DT):
        return net(current)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sl.LIF(3, tau=10 * u.mV), "tau"),
        (lambda: sl.LIF(3, tau=10.0), "tau"),
        (lambda: sl.LIF(3, V_th=sl.ParamState(1.0 * u.ms)), "V_th"),
        (lambda: sl.LIFRef(3, tau_ref=5 * u.mV), "tau_ref"),
        (lambda: sl.Expon(3, tau=5 * u.mV), "tau"),
    ],
)
def test_a_wrong_unit_is_refused_in_the_constructor(make, message):
    with pytest.raises(UnitError, match=message):
        make()


def test_without_v_initializer_a_neuron_starts_at_rest():
    net = sl.nn.init_all_states(_neuron())
    np.testing.assert_array_equal(net.V.value.to_decimal(u.mV), [-65.0] * 3)
    with sl.environ.context(dt=DT):
        assert net().sum() == 0.0
        assert net.get_spike().sum() == 0.0


@pytest.mark.parametrize("start", [0.0, 1e7])
def test_the_refractory_period_does_not_depend_on_the_time(start):
    net = sl.LIFRef(1, V_th=10 * u.mV, tau=10 * u.ms, tau_ref=2 * u.ms, spk_reset="hard")
    sl.nn.init_all_states(net)

    def step(t):
        with sl.environ.context(t=t):
            return net(20.0 * u.mA)[0]

    times = (start + 0.1 * np.arange(500)).astype(np.float32) * u.ms
    with sl.environ.context(dt=DT):
        first = np.flatnonzero(for_loop(step, times))
        # A second run that starts at t = 0 goes on where the first one stopped.
        second = np.flatnonzero(for_loop(step, np.arange(500, dtype=np.float32) * 0.1 * u.ms))
    assert set(np.diff(first)) == set(np.diff(second)) == {first[0] + 20}
    assert second[0] + 500 - first[-1] == first[0] + 20


def test_arrays_that_print_alike_are_not_confused():
    a, b = np.full(5000, 5.0), np.full(5000, 5.0)
    b[2500] = 7.0
    assert str(a) == str(b)
    assert sl.Expon.desc(5000, tau=a * u.ms) != sl.Expon.desc(5000, tau=b * u.ms)
    assert sl.Expon.desc(5000, tau=a * u.ms) == sl.Expon.desc(5000, tau=a.copy() * u.ms)


def test_fixed_prob_is_bernoulli_and_fixed_out_degree_has_its_own_name():
    n = 400
    degrees = _out_degrees(FixedProb(0.1, weight=1.0 * u.mV, seed=1), n)
    assert len(set(degrees)) > 5
    np.testing.assert_allclose(degrees.mean(), 40.0, rtol=0.1)
    assert set(_out_degrees(FixedOutDegree(40, weight=1.0 * u.mV, seed=1), n)) == {40}


def _out_degrees(rule, n):
    """How many synapses each source neuron has: the sum of what its spike delivers."""
    proj = sl.DeltaProj(comm=rule, pre=sl.LIF(n), post=sl.LIF(n))
    delivered = jax.vmap(proj.comm)(jnp.eye(n))
    return np.asarray(delivered.to_decimal(u.mV)).sum(axis=1).round().astype(int)


def test_zero_synapses_warn():
    with pytest.warns(UserWarning, match="no synapse"):
        sl.DeltaProj(comm=FixedProb(1e-9, weight=1.0 * u.mV, seed=1), pre=sl.LIF(10), post=sl.LIF(10))


@pytest.mark.parametrize(
    "rule", [FixedOutDegree(50, weight=1.0 * u.mV, seed=0), FixedProb(0.05, weight=1.0 * u.mV, seed=0)]
)
def test_connectivity_enters_a_program_as_an_argument(rule):
    proj = sl.DeltaProj(comm=rule, pre=sl.LIF(1000), post=sl.LIF(1000))
    sl.nn.init_all_states(proj.post)
    step = jit(lambda spikes: proj(spikes))
    assert len(step.lower(jnp.zeros(1000)).as_text()) < 50_000  # 50,000 indices would need more
