"""record.run of a Module: its default records, steps without the time, and the figure of a run."""

import brainunit as u
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import spikeloop as sl

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _dt():
    with sl.environ.context(dt=0.1 * u.ms):
        yield
    plt.close("all")


def network():
    a, b = sl.LIF(4, tau=1.0 * u.ms), sl.LIF(3, tau=1.0 * u.ms)
    ab = sl.project(a, b, sl.connect.FixedInDegree(2, 3.0 * u.mV))
    return sl.nn.init_all_states(sl.Network(a=a, b=b, ab=ab, inputs={"a": 2.0 * u.mA}))


def test_the_spikes_of_every_population_are_recorded():
    run = sl.record.run(network(), 5 * u.ms)
    assert list(run) == ["a", "b"]
    assert (run["a"].size, run["b"].size) == (4, 3)
    assert len(run["a"]) > 0
    assert len(run["b"]) > 0


def test_names_follow_the_place_in_the_model():
    net = sl.nn.Module()
    net.inner = network()
    net.update = lambda: net.inner()
    assert list(sl.record.run(net, 1 * u.ms)) == ["inner_a", "inner_b"]


def test_nothing_is_recorded_where_a_list_says_so_or_the_step_is_a_function():
    net = network()
    assert list(sl.record.run(net, 1 * u.ms, record=())) == []
    assert list(sl.record.run(net.update, 1 * u.ms)) == []


def test_the_time_is_given_to_steps_that_take_it():
    seen = []
    neuron = sl.nn.init_all_states(sl.LIF(2))
    sl.record.run(lambda: seen.append("nothing"), 0.2 * u.ms)
    sl.record.run(lambda t: seen.append(u.get_unit(t)), 0.2 * u.ms)
    sl.record.run(lambda x=3: seen.append(x), 0.2 * u.ms)
    sl.record.run(lambda t=None: seen.append(t is not None), 0.2 * u.ms)
    assert set(map(str, seen)) == {"nothing", "ms", "3", "True"}
    assert len(sl.record.run(neuron, 1 * u.ms)["LIF"]) == 0  # its current has a default


def test_a_model_without_states_says_what_to_call():
    with pytest.raises(sl.errors.NotInitializedError, match="init_all_states"):
        sl.record.run(sl.LIF(2), 1 * u.ms)


class TestPlot:
    def test_one_record_of_spikes_is_a_raster_with_its_rate(self):
        net = sl.nn.init_all_states(sl.networks.COBANetwork(50))
        figure = sl.record.run(net, 20 * u.ms).plot(groups={"E": 40, "I": 10})
        assert [ax.get_ylabel() for ax in figure.axes] == ["neuron", "rate (Hz)"]
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["E", "I"]

    def test_several_records_share_the_time(self):
        net = network()
        V = sl.record.States(net.a, "V")
        records = {"a": sl.record.Spikes(net.a), "V": V, "r": sl.record.Rate(net.b, bin=1 * u.ms)}
        figure = sl.record.run(net, 20 * u.ms, record=records).plot(groups={"a": {"x": 1, "y": 3}})
        assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "V", "r"]
        assert len({ax.get_xlim() for ax in figure.axes}) == 1
        assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "time (ms)"]

    def test_mistakes_are_named(self):
        run = sl.record.run(network(), 1 * u.ms)
        with pytest.raises(KeyError, match="no record of spikes is called 'c'; there are a, b"):
            run.plot(groups={"c": {"x": 4}})
        with pytest.raises(ValueError, match="no records of spikes, States or rates; give record="):
            sl.record.run(network(), 1 * u.ms, record=()).plot()
        with pytest.raises(TypeError, match="draws what sl.record.run returns; given list"):
            sl.plot.run([])
