"""What a connection tells of its synapses."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop import connect, init


@settings(max_examples=30, deadline=None, derandomize=True)
@given(n_pre=st.integers(1, 8), n_post=st.integers(1, 8), prob=st.floats(0.2, 1), seed=st.integers(0, 99),
       own=st.booleans(), delayed=st.booleans())  # fmt: skip
def test_transpose_and_degrees(n_pre, n_post, prob, seed, own, delayed):
    weight = init.Normal(1.0 * u.nS, 0.2 * u.nS) if own else 2.0 * u.nS
    num = max(int(prob * n_pre * n_post), 1)
    with sl.environ.context(dt=0.1 * u.ms):
        delay = init.Uniform(0.1 * u.ms, 2.0 * u.ms) if delayed else None
        connection = connect.FixedTotalNumber(num, weight, delay=delay, seed=seed)(n_pre, n_post)
    turned = connection.transpose()
    np.testing.assert_allclose(turned.to_scipy().toarray(), connection.to_scipy().toarray().T, rtol=1e-6)
    assert (turned.n_pre, turned.n_post) == (n_post, n_pre)
    assert turned.weight.value.unit == u.nS
    np.testing.assert_array_equal(turned.out_degree, connection.in_degree)
    np.testing.assert_array_equal(turned.in_degree, connection.out_degree)
    assert connection.out_degree.sum() == num
    one, other = connection.to_coo(), turned.to_coo()
    if delayed:
        there = sorted(zip(one.sources, one.targets, one.delay, strict=True))
        assert there == sorted(zip(other.targets, other.sources, other.delay, strict=True))
        keys = other.delay.astype(int) * 100 + other.targets
        assert all((np.diff(keys[other.sources == j]) >= 0).all() for j in range(n_post))


def test_describe_is_a_table():
    with sl.environ.context(dt=0.1 * u.ms):
        rule = connect.FixedOutDegree(20, init.Uniform(1.0 * u.nS, 2.0 * u.nS), delay=init.Uniform(1 * u.ms, 2 * u.ms))
        text = repr(rule((10, 10), 50).describe())
    assert text.splitlines()[0] == "Connection: 10 × 10 → 50"
    for part in ("synapses    2,000, 0.4 per pair", "out-degree  20 each", "in-degree", " nS, mean 1.", "10 … 20 steps",
                 "of 0.1 ms", "14 kB, 7 bytes per synapse"):  # fmt: skip
        assert part in text
    plain = connect.OneToOne(3.0 * u.mV)(4, 4).describe()
    assert "3 mV for all" in repr(plain)
    assert "delay       none" in repr(plain)
    assert "<td>3 mV for all</td>" in plain._repr_html_()
    empty = connect.Connection([], [0, 0], 1.0, 1, 5).describe()
    assert "synapses    0" in repr(empty)


def test_memory_of_a_synapse():
    plain = connect.FixedOutDegree(100, 1.0, delay=3)(100, 65_536)
    assert plain.indices.nbytes == 2 * plain.num_synapses
    assert plain.indptr.size == 0
    assert connect.FixedOutDegree(10, 1.0)(10, 65_537).indices.nbytes == 400


def test_plot_shows_what_differs():
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    from matplotlib import pyplot

    with sl.environ.context(dt=0.1 * u.ms):
        rule = connect.FixedProb(0.2, init.Normal(1.0 * u.nS, 0.1 * u.nS), delay=init.Uniform(1 * u.ms, 3 * u.ms))
        axes = rule(500, 300).plot()
    assert list(axes) == ["matrix", "out_degree", "in_degree", "weight", "delay"]
    (image,) = axes["matrix"].images
    assert abs(image.get_array().mean() - 0.2) < 0.01
    assert axes["weight"].get_xlabel() == "weight (nS)"
    assert axes["delay"].get_xlabel() == "delay (ms)"
    small = connect.Connection([1, 3, 0, 2, 2], [0, 2, 2, 5], 1.0, 3, 4).plot()
    assert list(small) == ["matrix", "out_degree", "in_degree"]
    np.testing.assert_array_equal(small["matrix"].images[0].get_array(), [[0, 1, 0, 1], [0] * 4, [1, 0, 2, 0]])
    connect.Connection([], [0, 0], 1.0, 1, 5).plot()
    low, high = connect.Connection([1, 3], [0, 2], [-0.1, -0.1], 1, 4).plot()["weight"].get_xlim()
    assert -0.2 < low < -0.1 < high < 0
    pyplot.close("all")


def test_too_large_a_network_is_refused_with_the_numbers(monkeypatch):
    monkeypatch.setattr(connect._memory, "available", lambda: 10**6)
    with pytest.raises(MemoryError, match=r"FixedOutDegree\(1000\).* 1e\+06 synapses, which take 6008008 bytes .* "
                                          r"available are 1000000 bytes \(1 MB\)"):  # fmt: skip
        connect.FixedOutDegree(1000, init.Normal(1.0, 0.1))(1000, 1000)
    assert connect.FixedOutDegree(100, init.Normal(1.0, 0.1))(1000, 1000).num_synapses == 100_000


def test_available_memory_is_that_of_the_machine():
    assert 10**6 < connect._memory.available() < 10**14
    assert connect._memory.readable(6008008) == "6.01 MB"
    with pytest.raises(MemoryError, match="synapses, which take"):
        connect.AllToAll(1.0)(1 << 31, 1 << 31)
    with pytest.raises(ValueError, match=r"at most 2\*\*31 neurons"):
        connect.OneToOne(1.0)((1 << 31) + 1, 5)


def test_weights_have_the_precision_of_the_environment():
    sl.environ.set(precision=64)
    wide = connect.FixedOutDegree(5, init.Normal(1.0, 0.1), seed=1)(4, 4).weight.value
    assert wide.dtype == jnp.float64
    sl.environ.set(precision=32)
    narrow = connect.FixedOutDegree(5, init.Normal(1.0, 0.1), seed=1)(4, 4).weight.value
    np.testing.assert_array_equal(narrow, np.asarray(wide).astype(np.float32))
