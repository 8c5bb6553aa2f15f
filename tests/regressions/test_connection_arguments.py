"""Arguments of connections that were taken silently, or refused by an error from inside."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import connect, init
from spikeloop.connect import AllToAll, FixedOutDegree, FixedProb, GaussianProfile, OneToOne, _memory

INF, NAN = float("inf"), float("nan")
ms, um = u.ms, u.um


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * ms)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int64])
def test_indptr_that_falls_is_refused_whatever_its_type(dtype):
    with pytest.raises(ValueError, match="indptr must have 4 numbers that rise"):
        connect.from_csr(np.array([1.0, 10.0, 100.0]), [0, 1, 2], np.array([0, 2, 1, 3], dtype), (3, 3))
    rises = connect.from_csr(np.array([1.0, 10.0, 100.0]), [0, 1, 2], np.array([0, 1, 1, 3], dtype), (3, 3))
    assert rises.out_degree.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda size: FixedProb(0.1, 1.0, seed=1)(size, 8),
        lambda size: FixedProb(0.1, 1.0, seed=1)(8, size),
        lambda size: OneToOne(1.0)(size, size),
        lambda size: connect.Procedural(FixedProb(0.1, 1.0, seed=1))(8, size),
        lambda size: connect.from_csr(1.0, [0], [0, 1], (1, size)),
        lambda size: connect.from_coo(1.0, [0], [0], (size, 1)),
        lambda size: connect.Blocks([8], [8], {})(size, 8),
        lambda size: sl.nn.EventFixedProb(size, 8, 0.1, 1.0),
        lambda size: sl.nn.EventFixedNumConn(8, size, 0.1, 1.0),
    ],
)
@pytest.mark.parametrize("size", [(2**32, 2**32), (2**16, 2**16), 2**31 + 1])
def test_sizes_beyond_64_bits_do_not_wrap(make, size):
    with pytest.raises(ValueError, match=r"at most 2\*\*31 neurons; given [1-9]"):
        make(size)


def test_a_lack_of_memory_says_how_much(native, monkeypatch):
    with pytest.raises(MemoryError, match=r"AllToAll.* makes about 1.1e\+12 synapses, which take 4398050705416 bytes"):
        AllToAll(1.0)(2**20, 2**20 - 1)
    with pytest.raises(MemoryError, match="synapses, which take"):
        FixedProb(lambda i, j: 0.5 + 0 * i, 1.0, seed=1)(2**20, 2**20)
    monkeypatch.setattr(_memory, "available", lambda: None)  # where the system does not tell, the builder does
    with pytest.raises(MemoryError, match=r"no memory for an array of \d+ bytes"):
        FixedOutDegree(2**45, 1.0, seed=1)(2**20, 10)


@pytest.mark.parametrize(
    "weight",
    [INF, -INF, NAN, INF * u.mV, 1e300, np.array([1.0, NAN, 2.0]), [1.0, INF, 2.0], sl.ParamState(INF),
     lambda shape: np.full(shape, INF)],
)  # fmt: skip
def test_weights_are_finite(weight):
    for make in (
        lambda: OneToOne(weight)(3, 3),
        lambda: connect.from_coo(weight, [0, 1, 2], [0, 1, 2], (3, 3)),
        lambda: connect.from_csr(weight, [0, 1, 2], [0, 1, 2, 3], (3, 3)),
    ):
        with pytest.raises(ValueError, match="weight must be finite; given (NaN|-?inf|1e.300)"):
            make()


@pytest.mark.parametrize(
    "delay",
    [-1.0 * ms, -3, [-1.0, -2.0, -0.1] * ms, NAN * ms, INF * ms, init.Uniform(-5.0 * ms, -1.0 * ms),
     init.Uniform(-1.0 * ms, 2.0 * ms), init.Normal(-5.0 * ms, 1.0 * ms), init.Constant(-1.0 * ms),
     init.TruncatedNormal(1.0 * ms, 1.0 * ms, low=-1.0 * ms),
     init.Clipped(init.Normal(1.0 * ms, 1.0 * ms), -3.0 * ms, -1.0 * ms)],
)  # fmt: skip
def test_delays_are_not_negative(delay):
    with pytest.raises(ValueError, match=r"delay.*(negative|NaN|0 to 65535)"):
        OneToOne(1.0, delay=delay)(3, 3)


def test_the_tail_of_a_drawn_delay_is_one_step():
    drawn = OneToOne(1.0, delay=init.Normal(0.1 * ms, 1.0 * ms), seed=1)(1000, 1000)
    assert np.asarray(drawn.delay).min() == 1
    assert (np.asarray(drawn.delay) == 1).mean() > 0.4


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: OneToOne(None), ValueError, "OneToOne: weight must be a number such as .* given None"),
        (lambda: OneToOne(object()), TypeError, "weight must be real numbers; given <object"),
        (lambda: OneToOne(1j), TypeError, "weight must be real numbers; given numbers of complex128"),
        (lambda: FixedProb(0.1 * u.mV, 1.0), ValueError, r"prob must lie in \[0, 1\], without a unit; given 0.1 mV"),
        (lambda: FixedProb([0.1, 0.2], 1.0), ValueError, r"prob must lie in \[0, 1\]"),
        (lambda: FixedProb(None, 1.0), ValueError, r"prob must lie in \[0, 1\].*given None"),
        (lambda: FixedProb(0.1, 1.0, autapses="no"), TypeError, "FixedProb: autapses must be True or False"),
        (lambda: FixedOutDegree(2, 1.0, multapses=None), TypeError, "FixedOutDegree: multapses must be True or False"),
        (lambda: FixedOutDegree(2 * u.mV, 1.0), ValueError, "num must be a number of targets"),
        (lambda: FixedOutDegree(np.array([2, 3]), 1.0), ValueError, "num must be a number of targets"),
        (lambda: GaussianProfile("far"), TypeError, "GaussianProfile: scale must be a length such as"),
        (lambda: GaussianProfile(None), ValueError, "the scale of the profile must be a positive length; given None"),
        (lambda: GaussianProfile(INF), ValueError, "the scale of the profile must be a positive length"),
        (lambda: GaussianProfile([1.0, 2.0]), ValueError, "the scale of the profile must be a positive length"),
        (lambda: GaussianProfile(1.0 * u.mV), TypeError, r"must be lengths such as `100. \* u.um`, or plain numbers"),
        (lambda: GaussianProfile(1.0, cutoff="far"), TypeError, "GaussianProfile: cutoff must be a length"),
        (lambda: GaussianProfile(1.0, cutoff=-1.0), ValueError, "the cutoff of the profile must be a positive length"),
        (lambda: GaussianProfile(1.0 * um, cutoff=1.0), TypeError, "cutoff has no unit, expected um"),
        (lambda: GaussianProfile(1.0 * um, cutoff=1.0 * ms), TypeError, "cutoff is in ms"),
        (
            lambda: connect.DistanceDependent(GaussianProfile(100.0 * um), 1.0),
            ValueError,
            "extent has to be given.* in um",
        ),
        (lambda: connect.Positions(extent=1.0 * um, source=[1.0]), TypeError, "source has no unit"),
        (lambda: connect.Positions(source="abc"), TypeError, "Positions: source must be a length"),
        (lambda: connect.Positions(source=[[1, 2], [3]]), TypeError, "Positions: source must be a length"),
        (lambda: connect.grid(4, -1.0), ValueError, "extent must be positive lengths"),
        (lambda: connect.grid(4, (1.0, 2.0)), ValueError, r"an extent of 2 lengths for the 1 axes of \(4,\)"),
        (lambda: connect.grid(None), ValueError, "grid: size must be a whole number"),
        (lambda: connect.Blocks([2], [2], {(0, 0): 1.0}), TypeError, r"must be rules of sl.connect; given 1.0 for"),
        (lambda: connect.Blocks([2.0], [2], {}), ValueError, "the sizes of parts must be a whole number"),
        (lambda: sl.nn.EventFixedNumConn(9, 9, "a", 1.0), ValueError, "conn_num as a fraction"),
        (lambda: sl.networks.Brunel(0), ValueError, "Brunel: size must be a whole number, 2 or more; given 0"),
        (lambda: sl.networks.Brunel(100, out_degree=1), ValueError, "out_degree must be a whole number, 2 or more"),
        (lambda: sl.networks.COBANetwork(-4), ValueError, "COBANetwork: size must be"),
        (lambda: sl.networks.COBANetwork(1.5), ValueError, "COBANetwork: size must be"),
        (lambda: sl.networks.PD14("a"), ValueError, r"PD14: scale must lie in \(0, 1\]"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_weights_as_a_list_with_units():
    connection = AllToAll([1.0 * u.mV, 0.002 * u.volt])(1, 2)
    np.testing.assert_allclose(connection.weight.value.to_decimal(u.mV), [1.0, 2.0])
