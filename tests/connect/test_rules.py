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
from spikeloop.connect import (
    AllToAll,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedProb,
    FixedTotalNumber,
    OneToOne,
    SmallWorld,
)

W = 1.0 * u.mS


def pairs(connection):
    """(source, target) of each synapse."""
    indptr = np.asarray(connection.indptr)
    if indptr.size == 0:
        lengths = np.full(connection.n_pre, connection.num_synapses // max(connection.n_pre, 1))
    else:
        lengths = np.diff(indptr)
    return np.repeat(np.arange(connection.n_pre), lengths), np.asarray(connection.indices, np.int64)


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
    assert isinstance(fixed.weight, sl.LongTermState)
    assert list(fixed.states(sl.ParamState)) == []


def test_one_to_one():
    source, target = pairs(OneToOne(W)((2, 3), 6))
    assert source.tolist() == target.tolist() == [*range(6)]
    with pytest.raises(ValueError, match=r"OneToOne\(\) needs populations of one size; given \(3,\) and \(4,\)"):
        OneToOne(W)(3, 4)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_all_to_all(shape):
    source, target = pairs(AllToAll(W)(*shape))
    assert (source * shape[1] + target).tolist() == [*range(shape[0] * shape[1])]
    source, target = pairs(AllToAll(W, autapses=False)(*shape))
    assert list(zip(source, target, strict=True)) == [
        (i, j) for i in range(shape[0]) for j in range(shape[1]) if i != j
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(n_pre=st.integers(1, 12), n_post=st.integers(1, 12), num=st.integers(1, 12), seed=st.integers(0, 2**64 - 1),
       multapses=st.booleans(), autapses=st.booleans())  # fmt: skip
@pytest.mark.parametrize("rule", [FixedInDegree, FixedOutDegree, FixedTotalNumber])
def test_numbers_are_exact(rule, n_pre, n_post, num, seed, multapses, autapses):
    num = num * max(n_pre, n_post) if rule is FixedTotalNumber else num
    drawn = rule(num, W, seed=seed, multapses=multapses, autapses=autapses)
    size = {FixedInDegree: n_pre, FixedOutDegree: n_post, FixedTotalNumber: n_pre * n_post}[rule]
    there = size - (0 if autapses else min(n_pre, n_post) if rule is FixedTotalNumber else 1)
    if there == 0 or (not multapses and num > there):
        with pytest.raises(ValueError, match=f"{num} .*asked for, but there are only {there}"):
            drawn(n_pre, n_post)
        return
    connection = drawn(n_pre, n_post)
    source, target = pairs(connection)
    degrees = {FixedInDegree: connection.in_degree, FixedOutDegree: connection.out_degree}
    assert (degrees[rule] == num).all() if rule in degrees else connection.num_synapses == num
    assert autapses or (source != target).all()
    if not multapses:
        assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == len(source)
    again = rule(num, W, seed=seed, multapses=multapses, autapses=autapses)(n_pre, n_post)
    assert np.array_equal(again.indices, connection.indices)


@pytest.mark.parametrize("num", [300, 1100])
@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("autapses", [True, False])
def test_a_fixed_total_number_spreads_uniformly(num, multapses, autapses):
    n_pre, n_post, runs = 40, 30, 150
    counts, rows = np.zeros((n_pre, n_post)), []
    for seed in range(runs):
        drawn = FixedTotalNumber(num, W, multapses=multapses, autapses=autapses, seed=seed)(n_pre, n_post)
        np.add.at(counts, pairs(drawn), 1)
        rows.append(drawn.out_degree)
    allowed = np.ones((n_pre, n_post), bool) if autapses else ~np.eye(n_pre, n_post, dtype=bool)
    assert (counts[~allowed] == 0).all()
    total, pool = allowed.sum(), allowed.sum(1)
    # of each pair: as often as any other
    share = num / total
    spread = counts[allowed].var() / (runs * share * (1 if multapses else 1 - share))
    assert abs(spread - 1) < 0.2
    # of a row: binomial with repeats, hypergeometric without
    rows = np.array(rows)
    mean, p = num * pool / total, pool / total
    variance = num * p * (1 - p) * (1 if multapses else (total - num) / (total - 1))
    assert abs((rows.mean(0) - mean) / np.sqrt(variance / runs)).max() < 4.5
    assert abs((rows.var(0) / variance).mean() - 1) < 0.1


@pytest.mark.parametrize("multapses", [True, False])
def test_sources_of_a_fixed_in_degree_are_uniform(multapses):
    counts = np.zeros((30, 20))
    for seed in range(80):
        np.add.at(counts, pairs(FixedInDegree(10, W, multapses=multapses, seed=seed)(30, 20)), 1)
    assert stats.chisquare(counts.sum(1)).pvalue > 1e-3
    spread = counts.var() / (80 * 10 / 30 * (1 if multapses else 2 / 3))
    assert abs(spread - 1) < 0.2


@pytest.mark.parametrize("prob", [0.0, 0.3, 1.0])
def test_a_small_world_rewires_the_given_part(prob):
    n, num = 500, 10
    source, target = pairs(SmallWorld(num, prob, W, seed=4)(n, n))
    assert (np.bincount(source) == num).all()
    assert (source != target).all()
    assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == n * num
    distance = np.minimum((target - source) % n, (source - target) % n)
    expected = prob * (1 - (num - 1) / n)  # about: a few land among the neighbours again
    assert abs((distance > num // 2).mean() - expected) < 4.5 * np.sqrt(0.25 / (n * num)) + 0.01
    if prob == 1.0:
        assert stats.chisquare(np.bincount(distance[distance > 5], minlength=251)[6:250]).pvalue > 1e-3


def test_bad_small_worlds_are_refused():
    with pytest.raises(ValueError, match="num must be even"):
        SmallWorld(3, 0.1, W)
    with pytest.raises(ValueError, match="4 neurons have at most 3 neighbours"):
        SmallWorld(4, 0.1, W)(4, 4)
    with pytest.raises(ValueError, match="one size"):
        SmallWorld(2, 0.1, W)(4, 5)
    with pytest.raises(ValueError, match=r"prob must lie in \[0, 1\]"):
        SmallWorld(2, 1.5, W)


@pytest.mark.parametrize("rule", [FixedInDegree(11, W, multapses=False), FixedTotalNumber(111, W, multapses=False)])
def test_more_than_there_are_is_an_error_of_every_rule(rule):
    with pytest.raises(ValueError, match="asked for, but there are only"):
        rule(10, 11)


@pytest.mark.parametrize("num", [-1, 2.0, "3", None, True])
@pytest.mark.parametrize("rule", [FixedInDegree, FixedTotalNumber])
def test_a_bad_number_is_refused(rule, num):
    with pytest.raises(ValueError, match=f"{rule.__name__}: num must be a number of"):
        rule(num, W)


@pytest.mark.parametrize(
    ("init", "law"),
    [
        (sl.init.Uniform(1.0, 3.0), stats.uniform(1, 2)),
        (sl.init.Normal(1.0, 0.5), stats.norm(1, 0.5)),
        (sl.init.TruncatedNormal(1.0, 0.5, low=0.8, high=2.0), stats.truncnorm(-0.4, 2, 1, 0.5)),
        (sl.init.TruncatedNormal(0.0, 1.0, low=9.0), stats.truncnorm(9, np.inf)),  # far in the tail
        (sl.init.LogNormal(2.0, 1.0), stats.lognorm(np.sqrt(np.log(1.25)), scale=2 / np.sqrt(1.25))),
        (sl.init.Exponential(2.0), stats.expon(scale=2)),
    ],
)
def test_drawn_weights_follow_their_initializer(init, law):
    weight = FixedOutDegree(100, init, seed=5)(100, 100).weight.value
    assert stats.kstest(np.asarray(weight, float), law.cdf).pvalue > 1e-3
    assert len(np.unique(weight)) > 9_700


def test_clipped_weights_keep_their_bounds():
    init = sl.init.Clipped(sl.init.Normal(1.0 * u.nS, 1.0 * u.nS), 0.0 * u.nS, 2e-3 * u.uS)
    weight = FixedOutDegree(100, init, seed=5)(100, 100).weight.value
    assert weight.unit == u.nS
    assert (weight.mantissa.min(), weight.mantissa.max()) == (0, 2)
    assert abs((weight.mantissa == 0).mean() - stats.norm.cdf(-1)) < 0.02


def test_bounds_outside_of_the_distribution_are_refused():
    init = sl.init.Clipped(sl.init.TruncatedNormal(3.0, 1.0, low=2.0), max_val=1.0)
    with pytest.raises(ValueError, match="weight: no value of the distribution in Clipped.* lies within"):
        FixedOutDegree(1, init)(3, 3)


def test_sources_and_targets_may_be_populations():
    population = sl.LIF((4, 5))
    connection = FixedInDegree(3, W)(population, population)
    assert connection.in_size == connection.out_size == (4, 5)


def test_every_rule_has_a_short_name_for_messages():
    rules = [
        OneToOne(W),
        AllToAll(W),
        FixedProb(0.1, W),
        FixedInDegree(3, W),
        SmallWorld(2, 0.1, W),
        Edges([0], [1], W),
    ]
    names = [
        "OneToOne()",
        "AllToAll()",
        "FixedProb(0.1)",
        "FixedInDegree(3)",
        "SmallWorld(2, 0.1)",
        "Edges(1 synapses)",
    ]
    assert list(map(repr, rules)) == names
