"""The synapses to a range of targets are those of the whole, for every rule and however the targets are cut."""

import dataclasses
import itertools

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from spikeloop.connect import _reference
from spikeloop.connect._draws import NORMAL, UNIFORM, Draw
from spikeloop.connect._spec import Space, Spec, build

RULES = ["fixed_in_degree", "fixed_out_degree", "fixed_total_number", "one_to_one", "all_to_all", "fixed_prob",
         "distance_dependent", "small_world"]  # fmt: skip
WEIGHT, DELAY = Draw(NORMAL, 1.0, 0.1), Draw(UNIFORM, 1.0, 9.0)


def edges(synapses, n_pre, first=0):
    """(source, target, weight, delay) of each synapse, by source, delay and target."""
    starts = synapses.indptr if len(synapses.indptr) else np.linspace(0, len(synapses.indices), n_pre + 1)
    sources = np.repeat(np.arange(n_pre), np.diff(starts).astype(int))
    columns = [sources, synapses.indices.astype(int) + first]
    columns += [np.asarray(x) for x in (synapses.weight, synapses.delay) if x is not None]
    return sorted(zip(*(x.tolist() for x in columns), strict=True))


def some(rule, n=300, **changes):
    places = np.random.default_rng(0).random((n, 2))
    space = Space("gaussian", 0.2, 0.5, places, places)
    spec = Spec(rule, 7, n, n, 40, 0.1, own=range(n), space=space, weight=WEIGHT, delay=DELAY)
    spec = dataclasses.replace(spec, num=9000) if rule == "fixed_total_number" else spec
    return dataclasses.replace(spec, **changes)


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("cuts", [(0, 300), (0, 1, 150, 151, 300), (0, 64, 64, 128, 256, 300)])
def test_parts_make_the_whole(native, rule, multapses, cuts):
    spec = some(rule, multapses=multapses)
    parts = [
        edge
        for lo, hi in itertools.pairwise(cuts)
        for edge in edges(build(dataclasses.replace(spec, targets=range(lo, hi))), spec.n_pre, lo)
    ]
    assert sorted(parts) == edges(build(spec), spec.n_pre)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rule=st.sampled_from(RULES), seed=st.integers(0, 2**64 - 1), n=st.integers(1, 90), num=st.integers(0, 60),
    prob=st.floats(0, 1), multapses=st.booleans(), ends=st.tuples(st.integers(0, 90), st.integers(0, 90)),
)  # fmt: skip
def test_parts_of_the_native_builder_are_those_of_the_reference(native, rule, seed, n, num, prob, multapses, ends):
    num = min(num, n - 1) // 2 * 2 * (n if rule == "fixed_total_number" else 1)
    lo, hi = sorted(min(end, n) for end in ends)
    spec = some(rule, n, seed=seed, num=num, prob=prob, multapses=multapses, targets=range(lo, hi))
    if rule in ("fixed_out_degree", "fixed_in_degree", "fixed_total_number") and n == 1:
        spec = dataclasses.replace(spec, num=0)
    for ours, theirs in zip(build(spec), _reference.build(spec), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs, err_msg=str(spec))


@pytest.mark.parametrize(
    ("rule", "multapses", "law"),
    [
        ("fixed_prob", True, stats.binom(300, 0.4)),
        ("fixed_out_degree", True, stats.binom(280, 3 / 7)),
        ("fixed_out_degree", False, stats.hypergeom(700, 300, 280)),
        ("fixed_total_number", True, stats.binom(600 * 280, 300 / (600 * 700))),
        ("fixed_total_number", False, stats.hypergeom(600 * 700, 300, 600 * 280)),
    ],
)
def test_synapses_are_split_over_blocks_of_targets_as_chance_has_it(native, rule, multapses, law):
    """A block has 128 targets: 300 of them end within the third."""
    num = 600 * 280 if rule == "fixed_total_number" else 280
    spec = Spec(rule, 3, 600, 700, num, 0.4, multapses)
    whole, part = build(spec), build(dataclasses.replace(spec, targets=range(300)))
    counts = np.diff(part.indptr)
    below, chance = law.cdf(counts - 1), law.pmf(counts)
    assert stats.kstest(below + chance * np.random.default_rng(0).random(counts.size), "uniform").pvalue > 1e-3
    assert stats.chisquare(np.bincount(whole.indices, minlength=700)).pvalue > 1e-3
    assert abs(counts.sum() - 600 * law.mean()) < 4 * np.sqrt(600 * law.var())


def weight_by_index(i, j):
    return (100.0 * i + j) * u.nS


@pytest.mark.parametrize(
    "make",
    [
        lambda: sl.connect.FixedProb(0.2, sl.init.Normal(1.0 * u.nS, 0.1 * u.nS), delay=2.0 * u.ms, seed=1),
        lambda: sl.connect.FixedProb(lambda i, j: (i + j) % 3 / 4, 1.0 * u.nS, seed=1),
        lambda: sl.connect.FixedOutDegree(9, weight_by_index, seed=1),
        lambda: sl.connect.AllToAll(np.arange(50.0)[None] * u.nS, delay=np.arange(30)[:, None]),
        lambda: sl.connect.Edges([3, 3, 1, 29], [10, 49, 20, 19], np.arange(4.0) * u.nS),
        lambda: sl.connect.Blocks([10, 20], [5, 30, 15], {
            (0, 1): sl.connect.FixedProb(0.4, 1.0 * u.nS, delay=sl.init.Uniform(1.0 * u.ms, 3.0 * u.ms), seed=3),
            (1, 0): sl.connect.AllToAll(2.0 * u.nS, delay=1.0 * u.ms),
            (1, 2): sl.connect.FixedTotalNumber(70, sl.init.Uniform(1.0 * u.nS, 2.0 * u.nS), delay=1.0 * u.ms, seed=4),
        }),
    ],
)  # fmt: skip
def test_parts_of_connections(make, native):
    with sl.environ.context(dt=0.1 * u.ms):
        whole, parts = make()(30, 50), []
        for lo, hi in ((0, 12), (12, 20), (20, 50)):
            part = make()(30, 50, targets=(lo, hi))
            assert (part.n_pre, part.n_post, part.indptr.size) == (30, hi - lo, 31)
            parts += listed(part, lo)
    assert sorted(parts) == listed(whole)


def listed(connection, first=0):
    coo = connection.to_coo()
    each = [np.broadcast_to(u.get_mantissa(x) if x is not None else 0, coo.sources.shape).tolist()
            for x in (coo.weight, coo.delay)]  # fmt: skip
    return sorted(zip(coo.sources.tolist(), (coo.targets.astype(int) + first).tolist(), *each, strict=True))


def test_ranges_that_are_none_are_refused():
    for targets in ((0, 51), (3, 2), (-1, 4), (0.0, 4.0), 7):
        with pytest.raises(ValueError, match="FixedProb.*: targets must be .lo, hi. with 0 ≤ lo ≤ hi ≤ 50; given"):
            sl.connect.FixedProb(0.2, 1.0)(30, 50, targets=targets)
    with pytest.raises(TypeError, match="FixedProb: weight: Gamma.* cannot be drawn for a range of targets alone"):
        sl.connect.FixedProb(0.2, sl.init.Gamma(2.0, 1.0))(30, 50, targets=(0, 10))
