"""Rules that draw connections: reproducible, of the right distribution, and strict about what they are given."""

import warnings

import brainunit as u
import jax
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from spikeloop._errors import ShapeError
from spikeloop.connect import FixedOutDegree, FixedProb
from spikeloop.connect._reference import fixed_out_degree, philox

W = 1.0 * u.mS


def pairs(connection):
    """(source, target) of each synapse."""
    indptr = np.asarray(connection.indptr)
    if indptr.size == 0:
        lengths = np.full(connection.n_pre, connection.num_synapses // max(connection.n_pre, 1))
    else:
        lengths = np.diff(indptr)
    return np.repeat(np.arange(connection.n_pre), lengths), np.asarray(connection.indices, np.int64)


def test_philox_equals_the_published_vectors():
    # known answers of the Random123 library for philox4x32-10
    def at(counter, key):
        return [hex(x) for x in philox(np.array(counter, np.uint64), key[0] | key[1] << 32).tolist()]

    assert at([0] * 4, (0, 0)) == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    full = 0xFFFFFFFF
    assert at([full] * 4, (full, full)) == ["0x408f276d", "0x41c83b0e", "0xa20bc7c6", "0x6d5451fd"]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], (0xA4093822, 0x299F31D0)
    assert at(*pi) == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1)), n_pre=st.integers(0, 12), n_post=st.integers(1, 30),
    k=st.integers(0, 30), multapses=st.booleans(), autapses=st.booleans(),
)  # fmt: skip
def test_native_equals_reference(native, seed, n_pre, n_post, k, multapses, autapses):
    args = seed, n_pre, n_post, k, multapses, autapses
    try:
        wanted = fixed_out_degree(*args)
    except ValueError:
        with pytest.raises(ValueError, match="targets"):
            native.fixed_out_degree(*args)
        return
    ours = native.fixed_out_degree(*args)
    assert ours.dtype == np.uint32
    assert ours.shape == (n_pre, k)
    assert np.array_equal(ours, wanted)
    assert (ours < n_post).all()
    assert (np.diff(ours.astype(int)) >= (0 if multapses else 1)).all()
    if not autapses:
        assert not (ours == np.arange(n_pre)[:, None]).any()


def test_large_draws_do_not_depend_on_the_number_of_threads(native):
    before, drawn = sl.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            sl.set_num_threads(n)
            drawn.append(native.fixed_out_degree(9, 3000, 3000, 100, False, False))
    finally:
        sl.set_num_threads(before)
    assert all(np.array_equal(drawn[0], other) for other in drawn[1:])


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("autapses", [True, False])
def test_targets_are_uniform(multapses, autapses):
    n, k = 40, 10
    connection = FixedOutDegree(k, W, multapses=multapses, autapses=autapses, seed=1)(n, n)
    counts = np.zeros((n, n))
    for seed in range(60):
        np.add.at(counts, pairs(FixedOutDegree(k, W, multapses=multapses, autapses=autapses, seed=seed)(n, n)), 1)
    allowed = np.ones((n, n), bool) if autapses else ~np.eye(n, dtype=bool)
    assert (counts[~allowed] == 0).all()
    assert connection.num_synapses == n * k
    # of each pair and of each target; without repeats the counts vary less than chi-square expects
    for observed in (counts[allowed], counts.sum(0)):
        chance = stats.chisquare(observed).pvalue
        assert chance > 1e-3
        if multapses:
            assert chance < 1 - 1e-3


def test_multapses_come_as_often_as_chance_has_it():
    n, k, repeats = 50, 10, 0
    for seed in range(40):
        rows = np.asarray(FixedOutDegree(k, W, seed=seed)(n, n).indices).reshape(n, k)
        repeats += sum(k - len(np.unique(row)) for row in rows)
        unique = np.asarray(FixedOutDegree(k, W, multapses=False, seed=seed)(n, n).indices).reshape(n, k)
        assert all(len(np.unique(row)) == k for row in unique)
    expected = 40 * n * (k - n * (1 - (1 - 1 / n) ** k))
    assert abs(repeats - expected) < 5 * np.sqrt(expected)  # about Poisson


def test_seeds_decide():
    def drawn(rule):
        return np.asarray(rule(30, 30).indices)

    for make in (lambda **k: FixedOutDegree(5, W, **k), lambda **k: FixedProb(0.3, W, **k)):
        assert np.array_equal(drawn(make(seed=3)), drawn(make(seed=3)))
        assert not np.array_equal(drawn(make(seed=3)), drawn(make(seed=4)))
        free = make()
        sl.random.seed(1)
        first, second = drawn(free), drawn(free)
        sl.random.seed(1)
        assert np.array_equal(first, drawn(free))
        assert not np.array_equal(first, second)


def test_seeds_that_share_their_low_half_differ():
    a, b = (np.asarray(FixedOutDegree(5, W, seed=s)(30, 30).indices) for s in (7, 7 + 2**32))
    assert not np.array_equal(a, b)


def test_a_seed_from_keys_of_another_generator():
    before = jax.config.jax_default_prng_impl
    try:
        jax.config.update("jax_default_prng_impl", "rbg")
        sl.random.seed(0)
        assert FixedOutDegree(2, W)(5, 5).num_synapses == 10
    finally:
        jax.config.update("jax_default_prng_impl", before)
        sl.random.seed(0)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", True])
@pytest.mark.parametrize("make", [lambda **k: FixedOutDegree(2, W, **k), lambda **k: FixedProb(0.5, W, **k)])
def test_a_bad_seed_is_refused(make, seed):
    with pytest.raises(ValueError, match="seed is a whole number"):
        make(seed=seed)(5, 5)


@pytest.mark.parametrize("num", [-1, 2.0, "3", None, True])
def test_a_bad_number_of_targets_is_refused(num):
    with pytest.raises(ValueError, match="FixedOutDegree: num must be a number of targets"):
        FixedOutDegree(num, W)


@pytest.mark.parametrize(
    ("num", "n_post", "kwargs"),
    [(6, 5, {"multapses": False}), (5, 5, {"multapses": False, "autapses": False}), (1, 0, {}),
     (1, 1, {"autapses": False})],
)  # fmt: skip
@pytest.mark.parametrize("library", ["native", "reference"])
def test_more_targets_than_there_are_is_an_error(num, n_post, kwargs, library, monkeypatch):
    if library == "reference":
        monkeypatch.setattr(sl.kernels._library, "native", None)
    with pytest.raises(ValueError, match=f"{num}.*targets"):
        FixedOutDegree(num, W, seed=0, **kwargs)(n_post or 1, n_post)


@pytest.mark.parametrize("prob", [-0.1, 1.1, np.nan])
def test_a_bad_probability_is_refused(prob):
    with pytest.raises(ValueError, match=r"FixedProb: prob must lie in \[0, 1\]"):
        FixedProb(prob, W)


@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("prob", [0.02, 0.3, 0.9])
def test_fixed_prob_is_bernoulli(prob, autapses):
    n, runs = 60, 40
    counts = np.zeros((n, n))
    totals, rows = [], []
    for seed in range(runs):
        source, target = pairs(FixedProb(prob, W, autapses=autapses, seed=seed)(n, n))
        assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == len(source)  # each pair once at most
        counts[source, target] += 1
        totals.append(len(source))
        rows.append(np.bincount(source, minlength=n))
    allowed = np.ones((n, n), bool) if autapses else ~np.eye(n, dtype=bool)
    assert (counts[~allowed] == 0).all()
    # the total is binomial in mean and in variance, unlike that of a fixed degree
    mean, variance = allowed.sum() * prob, allowed.sum() * prob * (1 - prob)
    assert abs(np.mean(totals) - mean) < 4.5 * np.sqrt(variance / runs)
    assert 0.4 < np.var(totals) / variance < 2.0
    per_row = (n - (not autapses)) * prob * (1 - prob)
    assert 0.85 < np.var(rows) / per_row < 1.15
    # every pair is as likely as any other
    chance = stats.chisquare(counts[allowed]).statistic / (1 - prob)
    assert 1e-4 < stats.chi2.sf(chance, allowed.sum() - 1) < 1 - 1e-4


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (1, 9)])
def test_certain_and_impossible_synapses(shape):
    full = FixedProb(1.0, W, seed=0)(*shape)
    source, target = pairs(full)
    assert np.array_equal(source * shape[1] + target, np.arange(shape[0] * shape[1]))
    for rule in (FixedProb(0.0, W, seed=0), FixedProb(1e-300, W, seed=0), FixedOutDegree(0, W)):
        with pytest.warns(UserWarning, match=rf"{type(rule).__name__}.* from \(\d,\) to \(\d,\) makes no synapse"):
            empty = rule(*shape)
        assert empty.num_synapses == 0
        assert empty(np.ones(shape[0], np.float32)).shape == (shape[1],)


def test_a_rule_that_makes_synapses_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FixedProb(0.5, W, seed=0)(10, 10)


def test_sizes_of_several_axes_count_their_neurons():
    connection = FixedProb(0.5, W, seed=0)((2, 5), (3, 4))
    assert (connection.n_pre, connection.n_post) == (10, 12)
    with pytest.raises(ValueError, match="source size"):
        FixedProb(0.5, W)(2.5, 3)


def test_weights_of_each_synapse_and_from_an_initializer():
    sl.random.seed(0)
    drawn = FixedOutDegree(3, sl.init.Normal(1.0 * u.nS, 0.1 * u.nS), seed=0)(10, 10)
    assert drawn.weight.value.shape == (30,)
    assert len(np.unique(drawn.weight.value.mantissa)) > 20
    given_ = FixedOutDegree(3, np.arange(30.0) * u.nS, seed=0)(10, 10)
    assert np.array_equal(given_.weight.value.mantissa, np.arange(30.0))
    with pytest.raises(ShapeError, match="one for each of the 30 synapses"):
        FixedOutDegree(3, np.ones(29) * u.nS, seed=0)(10, 10)


def test_the_kind_of_state_that_holds_the_weights():
    assert isinstance(FixedOutDegree(3, W, seed=0)(10, 10).weight, sl.ParamState)
    fixed = FixedProb(0.5, W, seed=0, param_type=sl.LongTermState)(10, 10)
    assert type(fixed.weight) is sl.LongTermState
    assert list(fixed.states(sl.ParamState)) == []
