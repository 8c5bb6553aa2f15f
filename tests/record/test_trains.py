import sys

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl

SpikeTrains = sl.record.SpikeTrains


@pytest.fixture
def trains():
    times = np.array([0.2, 0.1, 0.2, 0.7]) * u.ms
    return SpikeTrains.of(times, [3, 0, 1, 3], size=5, dt=0.1 * u.ms, stop=1 * u.ms)


def test_in_the_order_of_times(trains):
    np.testing.assert_allclose(trains.times.to_decimal(u.ms), [0.1, 0.2, 0.2, 0.7])
    np.testing.assert_array_equal(trains.indices, [0, 3, 1, 3])
    np.testing.assert_array_equal(trains.counts, [1, 1, 0, 2, 0])
    np.testing.assert_allclose(trains.train(3).to_decimal(u.ms), [0.2, 0.7])
    assert [len(t) for t in trains.trains()] == [1, 1, 0, 2, 0]
    assert trains.to_array().sum() == len(trains) == 4


def test_select(trains):
    part = trains.select([3, 0], start=0.2 * u.ms)
    np.testing.assert_array_equal(part.indices, [0, 0])
    np.testing.assert_allclose(part.times.to_decimal(u.ms), [0.2, 0.7])
    assert (part.size, part.to_array().shape) == (2, (8, 2))
    with pytest.raises(ValueError, match="lies outside"):
        trains.select(stop=2 * u.ms)


def test_pandas(trains):
    pytest.importorskip("pandas")
    table = trains.to_pandas()
    np.testing.assert_array_equal(table["neuron"], trains.indices)
    np.testing.assert_allclose(table["time"], [0.1, 0.2, 0.2, 0.7])


def test_neo_and_back(trains):
    pytest.importorskip("neo")
    given = trains.to_neo()
    assert [t.annotations["neuron"] for t in given] == [0, 1, 2, 3, 4]
    assert float(given[0].t_stop) == pytest.approx(1)
    back = SpikeTrains.from_neo(given, dt=0.1 * u.ms)
    np.testing.assert_array_equal(back.to_array(), trains.to_array())


@pytest.mark.parametrize(("library", "convert"), [("pandas", "to_pandas"), ("neo", "to_neo")])
def test_without_a_library_the_error_says_how_to_install(trains, monkeypatch, library, convert):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} is not installed: pip install 'spikeloop\[record\]'"):
        getattr(trains, convert)()


@pytest.mark.parametrize(
    ("times", "indices", "error", "message"),
    [
        ([1.0, 2.0], [0], ValueError, "2 times but 1 indices"),
        ([1.0], [5], IndexError, "from 0 to 4"),
        ([3.0], [0], ValueError, "after stop"),
    ],
)
def test_mistakes(times, indices, error, message):
    with pytest.raises(error, match=message):
        SpikeTrains.of(np.array(times) * u.ms, indices, size=5, dt=0.1 * u.ms, stop=2 * u.ms)
