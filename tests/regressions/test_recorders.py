"""What can be recorded: no neurons, any neurons, weights and traces that learn, and recorders of one's own."""

import signal

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError, ShapeError
from spikeloop.record import _memory

DT = 0.1 * u.ms


@pytest.fixture
def N():
    sl.environ.set(dt=DT)
    sl.random.seed(0)
    return sl.nn.init_all_states(sl.LIF(12, V_th=0.5 * u.mV))


def noisy(N):
    return lambda t: N(3 * u.mA + 3 * sl.random.normal(size=12) * u.mA)


def run(N, record, duration=6 * u.ms, **options):
    sl.random.seed(1)
    sl.nn.init_all_states(N)
    return sl.record.run(noisy(N), duration, record=record, chunk=20, **options)


# --- no neurons, no rows ---------------------------------------------------------------------------------------------


def recorders_of(part, **options):
    return {
        "spikes": sl.record.Spikes(part, **options),
        "V": sl.record.States(part, "V", every=1 * u.ms, **options),
        "events": sl.record.Events(part, 500),
        "rate": sl.record.Rate(part, bin=1 * u.ms),
    }


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_part_without_neurons_makes_empty_records(N, tmp_path, on_disk):
    if on_disk:
        pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")
    options = {"path": tmp_path / "run"} if on_disk else {}
    for found in (run(N, recorders_of(N[:0]), **options), sl.record.load(tmp_path / "run") if on_disk else None):
        if found is None:
            continue
        for name in ("spikes", "events"):
            assert (found[name].size, len(found[name]), found[name].duration) == (0, 0, 6 * u.ms)
            assert found[name].to_array().shape == (60, 0)
        assert found["V"].values.shape == (6, 0)
        assert found["V"].values.unit == u.mV
        assert found["rate"].counts.tolist() == [[0]] * 6
        assert np.isnan(found["rate"]["all"].to_decimal(u.Hz)).all()
        assert np.isnan(found["rate"].mean["all"].to_decimal(u.Hz))


def test_a_list_without_neurons_makes_empty_records(N):
    found = run(N, [sl.record.Spikes(N, neurons=[]), sl.record.States(N, "V", neurons=[])])
    assert (found["spikes"].size, len(found["spikes"])) == (0, 0)
    assert found["V"].values.shape == (60, 0)


def test_rates_of_no_neurons_and_of_no_groups(N):
    found = run(N, sl.record.Rate(N, groups={"none": slice(0, 0), "E": slice(0, 9)}))["rate"]
    assert np.isnan(found["none"].to_decimal(u.Hz)).all()
    assert np.isfinite(found["E"].to_decimal(u.Hz)).all()
    with pytest.raises(ValueError, match="groups is empty; give {name: slice of neurons}"):
        sl.record.Rate(N, groups={})


def test_an_interval_longer_than_the_run_makes_no_row(N, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")
    slow = {"V": sl.record.States(N, "V", every=1e5 * u.ms)}
    for found in (run(N, slow), run(N, slow, path=tmp_path / "run"), sl.record.load(tmp_path / "run")):
        assert found["V"].values.shape == (0, 12)
        assert found["V"].times.shape == (0,)


def test_records_that_have_not_begun_are_empty(N):
    late = {"spikes": sl.record.Spikes(N, start=5 * u.ms), "events": sl.record.Events(N, 100, start=5 * u.ms)}

    def step(t):
        noisy(N)(t)

    commit = sl.record._store.Memory.commit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sl.record._store.Memory, "commit", lambda self, done: (signal.raise_signal(2), commit(self, done))
        )
        with pytest.raises(sl.record.Interrupted) as stop:
            sl.record.run(step, 6 * u.ms, record=late, chunk=20)
    found = stop.value.run
    assert found.steps == 20
    assert (len(found["spikes"]), len(found["events"])) == (0, 0)
    assert found["spikes"].duration == 0 * u.ms


def test_a_run_of_no_steps_has_empty_records(N):
    found = run(N, recorders_of(N), 0 * u.ms)
    assert found["V"].values.shape == (0, 12)
    assert (len(found["spikes"]), len(found["events"]), found["rate"].counts.shape) == (0, 0, (0, 1))
    assert np.isnan(found["rate"].mean["all"].to_decimal(u.Hz))


# --- any neurons -----------------------------------------------------------------------------------------------------


class Scattered(sl.models._part.Part):
    """Neurons anywhere in a population."""

    def __init__(self, population, places):
        super().__init__(population, slice(0, len(places)))
        self._places = np.asarray(places)

    @property
    def indices(self):
        return self._places


@pytest.mark.parametrize("places", [[0, 2, 4, 6, 8, 10], [1, 5], [7, 3, 4, 11], [3]])
def test_neurons_that_are_no_neighbours(N, places):
    everything = run(N, recorders_of(N))
    some = run(N, recorders_of(Scattered(N, places)))
    spikes = everything["spikes"].to_array()[:, places]
    assert spikes.sum() > 3
    for name in ("spikes", "events"):
        np.testing.assert_array_equal(some[name].to_array(), spikes)
    np.testing.assert_array_equal(some["V"], np.asarray(everything["V"])[:, places])
    np.testing.assert_array_equal(some["V"].neurons, places)
    np.testing.assert_array_equal(some["rate"].counts[:, 0], spikes.reshape(6, 10, -1).sum((1, 2)))
    last = run(N, recorders_of(Scattered(N, places), neurons=[len(places) - 1]) | {"rate": sl.record.Rate(N)})
    np.testing.assert_array_equal(last["spikes"].to_array(), spikes[:, -1:])


def test_groups_of_any_neurons(N):
    groups = {"even": slice(0, None, 2), "odd": slice(1, None, 2), "some": [7, 3], "first": slice(0, 3)}
    found = run(N, {"rate": sl.record.Rate(N, groups=groups), "spikes": sl.record.Spikes(N)})
    spikes = found["spikes"].to_array()
    wanted = np.stack([spikes[:, part].sum(1) for part in groups.values()], 1)
    np.testing.assert_array_equal(found["rate"].counts, wanted)
    assert found["rate"].sizes == {"even": 6, "odd": 6, "some": 2, "first": 3}


# --- weights and traces ----------------------------------------------------------------------------------------------


def learning(rule=sl.plasticity.STDP, **options):
    sl.environ.set(dt=DT)
    sl.random.seed(2)
    net = sl.nn.Module()
    net.pre, net.post = (sl.LIF(n, V_th=0.5 * u.mV, tau=10 * u.ms) for n in (30, 20))
    net.proj = sl.DeltaProj(
        comm=sl.connect.FixedProb(0.3, 0.1 * u.mV, seed=1), pre=net.pre, post=net.post,
        plasticity=rule(w_max=0.2 * u.mV, **options),
    )  # fmt: skip
    sl.nn.init_all_states(net)

    def step(t):
        net.pre(5 * u.mA + 5 * sl.random.normal(size=30) * u.mA)
        net.proj(net.pre.spike.value)
        net.post(5 * u.mA + 5 * sl.random.normal(size=20) * u.mA)

    return net, step


def weight_of(net):
    return np.asarray(net.proj.comm.weight.value.mantissa)


def test_weights_that_wait_are_recorded_up_to_date_and_recording_changes_nothing():
    net, step = learning()
    assert net.proj.plasticity.pending is not None
    rows = []
    for k in range(10):
        sl.record.run(step, 2 * u.ms, t0=2 * k * u.ms)
        rows.append(weight_of(net))
    net, step = learning()
    record = {
        "all": sl.record.States(net.proj.comm, "weight", every=2 * u.ms),
        "some": sl.record.States(net.proj.comm, "weight", every=4 * u.ms, neurons=[5, 3]),
    }
    found = sl.record.run(step, 20 * u.ms, record=record, chunk=40)
    np.testing.assert_allclose(found["all"].values.to_decimal(u.mV), rows, rtol=1e-6)
    np.testing.assert_array_equal(found["some"], np.asarray(found["all"])[1::2, [5, 3]])
    np.testing.assert_array_equal(found["some"].neurons, [5, 3])
    assert np.abs(rows[-1] - rows[0]).max() > 1e-3
    recorded = weight_of(net)
    net, step = learning()
    sl.record.run(step, 20 * u.ms, chunk=40)
    np.testing.assert_allclose(weight_of(net), recorded, atol=1e-7)


def test_weights_in_a_loop_of_ones_own():
    net, step = learning()
    weights = sl.record.States(net.proj.comm, "weight", every=1 * u.ms)

    def millisecond(i):
        sl.transform.for_loop(lambda k: step((10 * i + k) * DT), np.arange(10))
        return weights()

    found = weights.read(sl.transform.for_loop(millisecond, np.arange(15)))
    net, step = learning()
    again = sl.record.run(step, 15 * u.ms, record=sl.record.States(net.proj.comm, "weight", every=1 * u.ms))["weight"]
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(np.asarray(again)[-1], weight_of(net))


def test_traces_of_a_rule():
    net, step = learning(tau_plus=7 * u.ms)
    record = {
        "x": sl.record.States(net.proj.plasticity, "x"),
        "y": sl.record.States(net.proj.plasticity, "y", neurons=slice(2, 5)),
        "pre": sl.record.Spikes(net.pre),
    }
    found = sl.record.run(step, 20 * u.ms, record=record)
    spikes = found["pre"].to_array()
    x = np.zeros(30)
    for k, row in enumerate(np.asarray(found["x"])):
        x = x * np.exp(-0.1 / 7) + spikes[k]
        np.testing.assert_allclose(row, x, rtol=1e-5, atol=1e-6)
    assert spikes.sum() > 30
    assert found["y"].values.shape == (200, 3)


def test_eligibilities_are_recorded_up_to_date():
    net, step = learning(sl.plasticity.DopamineSTDP)
    found = sl.record.run(step, 20 * u.ms, record=sl.record.States(net.proj.plasticity, "c", every=5 * u.ms))["c"]
    np.testing.assert_allclose(np.asarray(found)[-1], net.proj.plasticity.eligibility.mantissa, rtol=1e-6)
    assert found.values.shape == (4, net.proj.comm.num_synapses)
    assert np.abs(found.values).max() > 0


def test_weights_on_disk_go_on(tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")
    for duration in (7, 20):
        net, step = learning()
        record = sl.record.States(net.proj.comm, "weight", every=1 * u.ms)
        found = sl.record.run(step, duration * u.ms, record=record, chunk=30, path=tmp_path / "run", resume=True)
    net, step = learning()
    whole = sl.record.run(step, 20 * u.ms, record=sl.record.States(net.proj.comm, "weight", every=1 * u.ms), chunk=30)
    np.testing.assert_array_equal(found["weight"], whole["weight"])


def test_one_weight_for_all_synapses(N):
    layer = sl.connect.OneToOne(2.0 * u.mV)(12, 12)
    found = run(N, sl.record.States(layer, "weight", every=3 * u.ms))["weight"]
    assert np.unique(found.values.to_decimal(u.mV)).tolist() == [2.0]


def test_what_a_rule_does_not_have_is_said():
    net, _ = learning()
    with pytest.raises(ValueError, match=r"proj.plasticity has no State 'Apre'. It has x, y"):
        sl.record.States(net.proj.plasticity, "Apre")
    with pytest.raises(
        ValueError, match=r"no State 'weight'. Its comm has one: write record.States\(x.comm, 'weight'\)"
    ):
        sl.record.States(net.proj, "weight")
    for make in (sl.record.Spikes, sl.record.Rate, lambda rule: sl.record.Events(rule, 9)):
        with pytest.raises(
            TypeError, match=r"proj.plasticity: a recorder needs a population, but this has neither a size nor"
        ):
            make(net.proj.plasticity)
    with pytest.raises(IndexError, match="neuron 30 of a population of 30"):
        sl.record.States(net.proj.plasticity, "x", neurons=30)


def test_before_init_all_states():
    sl.environ.set(dt=DT)
    net = sl.nn.Module()
    net.N = sl.LIF(4)
    net.proj = sl.DeltaProj(
        comm=sl.connect.OneToOne(0.1 * u.mV), pre=net.N, post=net.N, plasticity=sl.plasticity.STDP(w_max=1 * u.mV)
    )
    with pytest.raises(NotInitializedError, match="init_all_states"):
        sl.record.States(net.proj.plasticity, "x")
    with pytest.raises(NotInitializedError, match=r"record.Spikes of Module.N: its spikes do not exist yet"):
        sl.record.run(lambda t: None, 1 * u.ms, record=sl.record.Spikes(net.N))


def test_records_that_do_not_fit_into_memory_are_refused(N, monkeypatch, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")
    monkeypatch.setattr(_memory, "available", lambda: 10_000)
    steps = np.asarray(N.V.value.mantissa)
    with pytest.raises(
        MemoryError, match=r"the records take up to 57.6 kB, most of it 'V'; available are 10 kB.*path="
    ):
        run(N, [sl.record.States(N, "V")], 60 * u.ms)
    np.testing.assert_array_equal(N.V.value.mantissa, steps)
    assert run(N, [sl.record.States(N, "V", neurons=[0])], 60 * u.ms).is_complete
    assert run(N, [sl.record.States(N, "V")], 60 * u.ms, path=tmp_path / "run").is_complete
    with pytest.raises(
        MemoryError, match=r"the records of one chunk of the run take up to 57.6 kB.*or a shorter chunk="
    ):
        sl.record.run(noisy(N), 60 * u.ms, record=sl.record.States(N, "V"), path=tmp_path / "other")
    assert not (tmp_path / "other").exists()


# --- of one's own ----------------------------------------------------------------------------------------------------


class Mean(sl.record.Recorder):
    def update(self):
        return u.get_mantissa(self.population.V.value).mean()


class Spread(sl.record.Recorder):
    def update(self):
        V = u.get_mantissa(self.population.V.value)
        return jnp.stack([V.min(), V.max()])


def test_a_recorder_of_ones_own(N, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")
    record = [Mean(N), Spread(N, start=2 * u.ms), sl.record.States(N, "V")]
    for found in (run(N, record), run(N, record, path=tmp_path / "run"), sl.record.load(tmp_path / "run")):
        V = np.asarray(found["V"])
        np.testing.assert_allclose(np.asarray(found["mean"])[:, 0], V.mean(1), rtol=1e-5)
        np.testing.assert_array_equal(found["spread"], np.stack([V.min(1), V.max(1)], 1)[20:])
        np.testing.assert_allclose(found["spread"].times[:2].to_decimal(u.ms), [2.0, 2.1])


@pytest.mark.parametrize(
    ("returned", "name"),
    [(lambda N: N.V.value, "Quantity"), (lambda N: None, "NoneType"), (lambda N: (1.0, 2.0), "tuple")],
)
def test_a_recorder_of_ones_own_that_returns_no_array(N, returned, name):
    class Wrong(sl.record.Recorder):
        def update(self):
            return returned(self.population)

    with pytest.raises(
        TypeError, match=rf"record.Wrong of LIF: update\(\) must return one array .*; it returned {name}"
    ):
        run(N, Wrong(N))


def test_a_recorder_of_ones_own_that_keeps_to_itself(N):
    class Silent(sl.record.Recorder):
        makes_rows = False

        def update(self):
            return jnp.zeros(3)

    with pytest.raises(NotImplementedError, match="a recorder of your own returns a row from update"):
        run(N, Silent(N))


def test_the_states_of_a_module_of_ones_own(N):
    class Own(sl.nn.Module):
        def init_state(self, *_, **__):
            self.g = sl.HiddenState(jnp.ones(3) * u.mS)
            self.table = sl.State(jnp.zeros((2, 4)))

        def update(self):
            self.g.value = self.g.value * 0.5

    own = sl.nn.init_all_states(Own())
    record = [sl.record.States(own, "g"), sl.record.States(own, "table", neurons=[7])]
    found = sl.record.run(lambda t: own(), 0.3 * u.ms, record=record)
    np.testing.assert_array_equal(found["g"].values.to_decimal(u.mS)[:, 0], [0.5, 0.25, 0.125])
    assert found["table"].values.shape == (3, 1)


@pytest.mark.parametrize(("base", "attribute"), [(sl.Expon, "dynamics"), (sl.COBA, "output")])
def test_a_receptor_of_ones_own_with_an_unknown_name(base, attribute):
    """It was a KeyError in the first step."""
    base = getattr(sl.models, base.__name__, base)
    with pytest.raises(
        ValueError, match=f"Mine: {attribute} = 'mine' names nothing in the kernels of neurons, which have"
    ):
        type("Mine", (base,), {attribute: "mine"})


def test_an_output_of_ones_own_without_a_name_is_refused_by_a_projection(N):
    class Own(sl.models._synapse.SynOut):
        def update(self, g, V):
            return g * u.mV

    with pytest.raises(TypeError, match="one of coba, cuba, mg, port; given ''"):
        sl.AlignPostProj(comm=sl.connect.OneToOne(1 * u.mS), pre=N, post=N, syn=sl.Expon(12), out=Own())


def test_rows_of_another_recorder_are_refused(N):
    spikes, V = sl.record.Spikes(N), sl.record.States(N, "V", neurons=[0, 1])
    with pytest.raises(ShapeError, match=r"no rows of the recorder of spikes.*\(time, ..., 2\); given \(5, 12\)"):
        spikes.read(np.zeros((5, 12), np.uint8))
    with pytest.raises(ShapeError, match=r"no rows of the recorder of V.*\(time, ..., 2\); given \(2, 1\)"):
        V.read(np.zeros(2))
