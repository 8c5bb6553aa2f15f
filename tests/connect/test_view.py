"""Parts of populations: they know their place, for every rule that tells neurons apart."""

import itertools

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop._errors import ShapeError
from spikeloop.connect import (
    AllToAll,
    Blocks,
    BoxProfile,
    Connection,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedProb,
    FixedTotalNumber,
    OneToOne,
    Positions,
    Procedural,
    SmallWorld,
    grid,
)

N = 23
INDEX = st.one_of(
    st.slices(N),
    st.lists(st.integers(-N, N - 1), min_size=1, unique_by=lambda k: k % N),
    st.lists(st.booleans(), min_size=N, max_size=N).map(np.array),
).filter(lambda index: np.arange(N)[index].size > 0)


@pytest.fixture(scope="module")
def pop():
    return sl.LIF(N)


def pairs(rule, source, target):
    """The synapses as numbers in the populations, one row each."""
    found = rule(source, target).to_coo()
    numbers = [np.arange(N) if not hasattr(side, "indices") else side.indices for side in (source, target)]
    return np.stack([numbers[0][found.sources], numbers[1][found.targets]], -1)


def as_set(rows):
    return set(map(tuple, rows.tolist()))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(index=INDEX, then=st.slices(5))
def test_an_index_chooses_as_in_numpy(pop, index, then):
    wanted = np.arange(N)[index]
    part = pop[index]
    np.testing.assert_array_equal(part.indices, wanted)
    assert part.varshape == wanted.shape
    assert len(part) == wanted.size
    np.testing.assert_array_equal(part[then].indices, wanted[then])
    np.testing.assert_array_equal(part.take(np.arange(N) * 2), wanted * 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(pre=INDEX, post=INDEX)
def test_all_pairs_but_those_of_a_neuron_with_itself(pop, pre, post):
    source, target = pop[pre], pop[post]
    wanted = {(i, j) for i, j in itertools.product(source.indices.tolist(), target.indices.tolist()) if i != j}
    everyone = Positions(source=np.zeros(N), target=np.zeros(N))
    rules = [AllToAll(1.0, autapses=False), FixedProb(1.0, 1.0, autapses=False, seed=1),
             FixedProb(lambda i, j: 1.0 + 0 * i * j, 1.0, autapses=False, seed=1),
             DistanceDependent(BoxProfile(1.0), 1.0, source=np.zeros(N), target=np.zeros(N), autapses=False),
             FixedProb(lambda d: 1.0 * (d == 0), 1.0, autapses=False, positions=everyone, seed=1)]  # fmt: skip
    if wanted:
        rules.append(FixedTotalNumber(len(wanted), 1.0, multapses=False, autapses=False, seed=1))
        for rule in rules:
            found = pairs(rule, source, target)
            assert len(found) == len(wanted)
            assert as_set(found) == wanted


@settings(max_examples=60, deadline=None, derandomize=True)
@given(pre=INDEX, post=INDEX, seed=st.integers(0, 9), multapses=st.booleans(), num=st.integers(1, 5))
def test_degrees_hold_between_parts(pop, pre, post, seed, multapses, num):
    source, target = pop[pre], pop[post]
    common = np.intersect1d(source.indices, target.indices).size > 0
    options = {"multapses": multapses, "autapses": False, "seed": seed}
    for rule, drawing, partners, column in (
        (FixedOutDegree, source, target, 0),
        (FixedInDegree, target, source, 1),
    ):
        available = partners.size - common
        if available == 0 or (not multapses and num > available):
            with pytest.raises(ValueError, match=f"{num} distinct .* asked for, but there are only {available}"):
                rule(num, 1.0, **options)(source, target)
            continue
        found = pairs(rule(num, 1.0, **options), source, target)
        assert (found[:, 0] != found[:, 1]).all()
        assert as_set(found) <= set(itertools.product(source.indices.tolist(), target.indices.tolist()))
        _, degree = np.unique(found[:, column], return_counts=True)
        assert degree.tolist() == [num] * drawing.size
        assert multapses or len(as_set(found)) == len(found)


def test_what_may_be_drawn_between_parts_is_uniform(pop):
    source, target, k = pop[3:15:3], pop[[12, 3, 4, 20, 6]], 2
    counts = np.zeros((N, N))
    for seed in range(600):
        found = pairs(FixedOutDegree(k, 1.0, multapses=False, autapses=False, seed=seed), source, target)
        np.add.at(counts, tuple(found.T), 1)
    for i in source.indices:
        allowed = [j for j in target.indices if j != i]
        p = k / len(allowed)
        assert (abs(counts[i, allowed] - 600 * p) < 4.5 * np.sqrt(600 * p * (1 - p))).all()
        assert counts[i].sum() == 600 * k


def test_two_populations_have_no_neuron_in_common(pop):
    other = sl.LIF(N)
    assert AllToAll(1.0, autapses=False)(pop, other).num_synapses == N * N
    assert AllToAll(1.0, autapses=False)(pop[:5], other[:5]).num_synapses == 25
    assert AllToAll(1.0, autapses=False)(pop, pop).num_synapses == N * (N - 1)
    assert AllToAll(1.0, autapses=False)(5, pop).num_synapses == 5 * N - 5  # a size is that of the first neurons
    assert AllToAll(1.0, autapses=False)(5, 7).num_synapses == 30


def test_a_size_beside_a_part_does_not_tell_which_neurons_these_are(pop):
    with pytest.raises(ValueError, match="autapses=False has to know which neurons these are.*Give both as"):
        AllToAll(1.0, autapses=False)(5, pop[5:10])
    assert AllToAll(1.0)(5, pop[5:10]).num_synapses == 25


def test_one_to_one_and_edges_count_the_neurons_of_parts(pop):
    assert as_set(pairs(OneToOne(1.0), pop[:4], pop[[9, 2, 7, 5]])) == {(0, 9), (1, 2), (2, 7), (3, 5)}
    assert as_set(pairs(Edges([0, 2], [1, 1], 1.0), pop[10:13], pop[5:9])) == {(10, 6), (12, 6)}


def test_a_small_world_is_that_of_one_part(pop):
    ring = pairs(SmallWorld(2, 0.0, 1.0), pop[::2], pop[::2])
    assert set(np.diff(ring).ravel() % 24) == {2, 22}
    assert SmallWorld(2, 0.0, 1.0)(pop[:5], pop[5:10]).num_synapses == 10
    with pytest.raises(ValueError, match=r"SmallWorld\(2, 0\) connects a part with itself or with another one"):
        SmallWorld(2, 0.0, 1.0)(pop[:10], pop[5:15])


def test_parts_keep_the_places_of_the_whole(pop):
    places = grid(N)
    reach = abs(places - places.T) <= 0.2
    for index in (slice(3, 17), slice(None, None, 4), [20, 1, 9]):
        part = pop[index]
        found = pairs(DistanceDependent(BoxProfile(0.2), 1.0), part, pop)
        assert as_set(found) == {(i, j) for i in part.indices for j in range(N) if reach[i, j]}
        given = pairs(DistanceDependent(BoxProfile(0.2), 1.0, source=places, target=places[[2, 3]]), part, pop[2:4])
        assert as_set(given) == {(i, j) for i in part.indices for j in (2, 3) if reach[i, j]}
    drawn = FixedProb(lambda d: 0.3 * (d < 0.5), 1.0, seed=2, positions=Positions())
    dense = DistanceDependent(BoxProfile(0.5, p_max=0.3), 1.0, seed=2)
    assert as_set(pairs(drawn, pop[4:9], pop)) == as_set(pairs(dense, pop[4:9], pop))


def test_blocks_know_their_place(pop):
    sizes = (7, 10, 6)
    rules = {pair: FixedProb(1.0, 1.0, autapses=False, seed=3) for pair in itertools.product(range(3), range(3))}
    for source, target in ((pop, pop), (N, N)):
        found = pairs(Blocks(sizes, sizes, rules), source, target)
        assert len(found) == N * (N - 1)
        assert (found[:, 0] != found[:, 1]).all()
    with pytest.raises(ValueError, match="rules of Blocks.* have delays of their own"):
        sl.DeltaProj(comm=Blocks([N], [N], {(0, 0): OneToOne(1.0 * u.mV)}), pre=pop, post=pop, delay=np.ones(3) * u.ms)


@pytest.mark.parametrize("index", [slice(4, 20), slice(1, None, 2), slice(None, None, -1)])
def test_procedural_rows_of_a_part_are_those_that_are_stored(pop, index):
    sl.environ.set(dt=0.1 * u.ms)
    spikes = np.random.default_rng(0).integers(0, 2, np.arange(N)[index].size).astype(np.float32)
    for rule in (AllToAll(1.0, autapses=False), FixedProb(0.4, 1.0, autapses=False, seed=1),
                 FixedOutDegree(9, 1.0, autapses=False, multapses=False, seed=1)):  # fmt: skip
        drawn, stored = Procedural(rule)(pop[index], pop), rule(pop[index], pop)
        np.testing.assert_array_equal(drawn(spikes), stored(spikes))
        np.testing.assert_array_equal(drawn.stored().indices, stored.indices)
    with pytest.raises(TypeError, match="Procedural: FixedProb.* needs a slice of the population as source"):
        Procedural(FixedProb(0.4, 1.0, autapses=False))(pop[[1, 5, 7, 8]], pop)


def test_a_rule_between_parts_does_not_depend_on_threads(pop):
    many, before, built = sl.LIF(3000), sl.get_num_threads(), []
    chosen = np.random.default_rng(1).permutation(3000)
    try:
        for threads in (1, 2, 3):
            sl.set_num_threads(threads)
            source, target = many[chosen[:2000]], many[1:2500:2]
            built.append([
                rule(source, target).to_coo() for rule in (
                    FixedProb(0.1, sl.init.Normal(), autapses=False, seed=4),
                    FixedInDegree(100, 1.0, autapses=False, multapses=False, seed=4),
                    FixedTotalNumber(150_000, 1.0, autapses=False, seed=4),
                )
            ])  # fmt: skip
    finally:
        sl.set_num_threads(before)
    for other in built[1:]:
        for ours, theirs in zip(built[0], other, strict=True):
            for a, b in zip(ours[:3], theirs[:3], strict=True):
                np.testing.assert_array_equal(a, b)


def test_weights_follow_targets_in_any_order(pop):
    weight = np.arange(12.0).reshape(3, 4)
    proj = sl.DeltaProj(comm=AllToAll(weight * u.mV), pre=pop[:3], post=pop[[9, 2, 7, 5]])
    dense = proj.comm.to_scipy().toarray()
    assert (np.diff(np.asarray(proj.comm.indices).reshape(3, 4)) > 0).all()
    np.testing.assert_array_equal(dense[:, [9, 2, 7, 5]], weight)
    given = Connection(np.tile(range(4), 3), [], weight.ravel() * u.mV, 3, 4)
    with pytest.raises(ValueError, match="the neurons of the part must ascend for a connection with a weight for each"):
        sl.DeltaProj(comm=given, post=pop[[9, 2, 7, 5]], label="exc")
    one = Connection(np.tile(range(4), 3), [], 1.0 * u.mV, 3, 4)
    proj = sl.DeltaProj(comm=one, post=pop[[9, 2, 7, 5]])
    assert proj.comm.weight is one.weight
    assert np.asarray(proj.comm.indices).tolist() == [2, 5, 7, 9] * 3


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (3, TypeError, r"a part is a slice such as neurons\[:100\], a list of numbers or a mask; given 3"),
        ([1, 2.5], TypeError, "a list of numbers or a mask"),
        ("abc", TypeError, "a list of numbers or a mask"),
        ([[1, 2]], TypeError, "a list of numbers or a mask"),
        ([1, N], IndexError, f"there is no neuron {N} among {N}; numbers go from 0 to {N - 1}"),
        ([-N - 1], IndexError, f"there is no neuron -{N + 1}"),
        ([1, 5, 1], ValueError, "holds every neuron once"),
        ([1, 1 - N], ValueError, "holds every neuron once"),
        (np.ones(4, bool), ShapeError, f"a mask needs one truth value for each of the {N} neurons; given \\(4,\\)"),
    ],
)
def test_bad_parts_are_refused(pop, index, error, message):
    with pytest.raises(error, match=message):
        pop[index]
