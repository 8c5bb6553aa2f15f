"""The native builders and their definition in NumPy give the same synapses."""

import dataclasses
import itertools

import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from spikeloop.connect import Connection, _reference
from spikeloop.connect._draws import EXPONENTIAL, LOG_NORMAL, NORMAL, UNIFORM, Draw
from spikeloop.connect._random import Stream, exp, ln, ln_factorial, ln_of, normal_quantile, philox
from spikeloop.connect._spec import Space, Spec, build, order

NUMBERED = ["fixed_in_degree", "fixed_out_degree", "fixed_total_number"]
RULES = [*NUMBERED, "one_to_one", "all_to_all", "fixed_prob", "distance_dependent", "small_world"]
SQUARE = {"one_to_one", "small_world"}
DRAWS = st.builds(
    Draw,
    family=st.sampled_from([UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL]),
    a=st.floats(0, 3),
    b=st.floats(0, 2),
    part=st.sampled_from([(0.0, 1.0), (0.3, 0.9), (0.0, 1e-9)]),
    bounds=st.sampled_from([(-np.inf, np.inf), (0.5, 200.0)]),
)


def test_philox_equals_the_published_vectors():
    # known answers of the Random123 library for philox4x32-10
    def at(counter, key):
        return [hex(x) for x in philox(np.array(counter, np.uint64), key[0] | key[1] << 32).tolist()]

    assert at([0] * 4, (0, 0)) == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    full = 0xFFFFFFFF
    assert at([full] * 4, (full, full)) == ["0x408f276d", "0x41c83b0e", "0xa20bc7c6", "0x6d5451fd"]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], (0xA4093822, 0x299F31D0)
    assert at(*pi) == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]


def test_a_stream_is_the_same_read_in_any_portions():
    whole = Stream(7, 3, 5)
    words = [whole.word() for _ in range(300)]
    units = (np.array(words[0::2], np.uint64) << np.uint64(32) | np.array(words[1::2], np.uint64)) >> np.uint64(12)
    mixed = Stream(7, 3, 5)
    read = [*mixed.units(3), mixed.unit(), *mixed.units(50), *[mixed.unit() for _ in range(96)]]
    np.testing.assert_array_equal(read, (units + 0.5) * 2.0**-52)
    np.testing.assert_array_equal(mixed.unit_at(np.arange(75)), read[::2])


def test_elementary_functions_are_those_of_numpy():
    u = np.concatenate([Stream(1, 0, 0).units(5000), 10.0 ** -np.arange(1, 300)])
    np.testing.assert_array_max_ulp(ln(u), np.log(u), 1)
    x = (u - 0.5) * 1400
    np.testing.assert_array_max_ulp(exp(x), np.exp(x), 1)
    np.testing.assert_array_equal(exp(np.array([-1e5, 1e5])), [0, np.inf])
    assert [ln_of(x) for x in u.tolist()] == ln(u).tolist()
    factorials = np.cumsum(np.log(np.arange(1, 2000)))
    np.testing.assert_allclose([ln_factorial(float(k)) for k in range(1, 2000)], factorials, rtol=1e-10)
    np.testing.assert_allclose(normal_quantile(u), stats.norm.ppf(u), rtol=2e-15, atol=1e-16)


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (Draw(UNIFORM, -1.0, 3.0), stats.uniform(-1, 4)),
        (Draw(NORMAL, 2.0, 0.5), stats.norm(2, 0.5)),
        (Draw(NORMAL, 2.0, 0.5, (0.2, 0.7)), stats.truncnorm(*stats.norm.ppf([0.2, 0.7]), 2, 0.5)),
        (Draw(LOG_NORMAL, 0.3, 0.5), stats.lognorm(0.5, scale=np.exp(0.3))),
        (Draw(EXPONENTIAL, 0.0, 2.0), stats.expon(scale=2)),
    ],
)
def test_draws_follow_their_law(draw, law):
    assert stats.kstest(_reference.values(draw, Stream(3, 0, 0).units(20_000)), law.cdf).pvalue > 1e-3


def assert_native_equals_reference(spec):
    try:
        wanted = _reference.build(spec)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            build(spec)
        return
    for ours, theirs in zip(build(spec), wanted, strict=True):
        assert (ours is None) == (theirs is None), spec
        if ours is not None:
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs, err_msg=str(spec))


LINES = (None, 0, 1, -1)  # which partner the first neuron is, if autapses are left out


def drawing(rule, n_pre, n_post):
    """The number of neurons whose partners the rule draws."""
    return n_post if rule == "fixed_in_degree" else n_pre


@pytest.mark.parametrize("rule", [*NUMBERED, "one_to_one", "all_to_all", "fixed_prob"])
def test_native_equals_reference_at_the_smallest_sizes(native, rule):
    flags = [False, True]
    for n_pre, n_post, num, multapses, first in itertools.product(range(3), range(3), range(3), flags, LINES):
        if rule != "one_to_one" or n_pre == n_post:
            own = None if first is None else range(first, first + drawing(rule, n_pre, n_post))
            assert_native_equals_reference(Spec(rule, 1, n_pre, n_post, num, num / 2, multapses, own))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rule=st.sampled_from(RULES), seed=st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1)),
    n_pre=st.integers(0, 12), n_post=st.integers(0, 30), num=st.integers(0, 30), prob=st.floats(0, 1),
    multapses=st.booleans(),
    own=st.none() | st.tuples(st.integers(-9, 9), st.integers(-3, 3)) | st.permutations(range(40)),
    weight=st.none() | DRAWS, delay=st.none() | DRAWS,
    wide=st.booleans(), axes=st.integers(1, 3), profile=st.sampled_from(["gaussian", "exponential", "box"]),
    cutoff=st.floats(0.05, 2), periodic=st.booleans(),
)  # fmt: skip
def test_native_equals_reference(native, rule, seed, n_pre, n_post, num, prob, multapses, own, weight, delay,
                                 wide, axes, profile, cutoff, periodic):  # fmt: skip
    n_post = n_pre if rule in SQUARE else n_post
    num = num // 2 * 2 if rule == "small_world" else num
    if rule == "small_world" and num >= n_pre:
        num = 0
    if own is not None:
        n = drawing(rule, n_pre, n_post)
        own = np.arange(n) * own[1] + own[0] if len(own) == 2 else np.asarray(own, np.uint32)[:n]
    places = np.random.default_rng(seed).random((n_pre + n_post, axes))
    space = Space(profile, 0.3, cutoff, places[:n_pre], places[n_pre:], (float(periodic),) * axes + (0.0,) * (3 - axes))
    assert_native_equals_reference(
        Spec(rule, seed, n_pre, n_post, num, prob, multapses, own, space, weight, delay, wide)
    )


@pytest.mark.parametrize("rule", RULES)
def test_large_builds_do_not_depend_on_the_number_of_threads(native, rule):
    n = 700
    places = np.random.default_rng(0).random((n, 2))
    space = Space("gaussian", 0.2, 0.5, places, places)
    spec = Spec(rule, 9, n, n, 200 if rule != "fixed_total_number" else 140_000, 0.3, False, range(n), space,
                Draw(NORMAL, 1.0, 0.1), Draw(NORMAL, 15.0, 7.0))  # fmt: skip
    before, built = sl.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            sl.set_num_threads(threads)
            built.append(build(spec))
    finally:
        sl.set_num_threads(before)
    assert built[0].indices.size > 100_000 or rule in ("one_to_one", "distance_dependent")
    for other in built[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(built[0], other, strict=True))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(edges=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(1, 300)), max_size=40),
       delayed=st.booleans())  # fmt: skip
def test_edges_are_ordered_as_numpy_orders_them(native, edges, delayed):
    sources, targets, delay = np.array(edges, np.uint16).reshape(-1, 3).T
    indptr, places = order(sources, targets, delay if delayed else None, 7)
    keys = (targets, delay, sources) if delayed else (targets, sources)
    np.testing.assert_array_equal(places, np.lexsort(keys))
    np.testing.assert_array_equal(np.diff(indptr), np.bincount(sources, minlength=7))


def test_the_builder_refuses_what_it_cannot_build(native):
    spec, places = Spec("fixed_prob", 0, 5, 5, prob=0.5), np.zeros((5, 2))
    for change, message in [
        ({"rule": "nonsense"}, "no rule"),
        ({"prob": np.nan}, "probability"),
        ({"delay": Draw(UNIFORM, 1e6, 1e7)}, "65535 steps"),
        ({"weight": Draw(9, 0.0, 1.0)}, "family of distributions"),
        ({"rule": "distance_dependent", "space": Space("box", 1.0, 1.0, places, places[:4])}, "one row"),
        ({"rule": "distance_dependent", "space": Space("disc", 1.0, 1.0, places, places)}, "profile"),
    ]:
        with pytest.raises(ValueError, match=message):
            build(dataclasses.replace(spec, **change))
    with pytest.raises(ValueError, match="'sources' holds 7 at place 0, which is out of range"):
        order(np.array([7]), np.array([0]), None, 3)


def test_arrays_outlive_the_builder_and_jax_takes_them_over(native):
    spec = Spec("fixed_out_degree", 1, 1000, 1000, num=100, weight=Draw(NORMAL, 0.0, 1.0))
    built = build(spec)
    indices, weight = built.indices, built.weight
    connection = Connection.of(built, 1000, 1000)
    assert connection.indices.unsafe_buffer_pointer() == indices.ctypes.data
    assert connection.weight.value.unsafe_buffer_pointer() == weight.ctypes.data
    copy = indices.copy()
    del built, connection
    np.testing.assert_array_equal(indices, copy)
    np.testing.assert_array_equal(build(spec).indices, copy)
