"""Weights, delays and probabilities as functions of distance and of the two indices, against NumPy."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from scipy import stats
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import (
    AllToAll,
    Blocks,
    Connection,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedProb,
    FixedTotalNumber,
    GaussianProfile,
    OneToOne,
    Positions,
    Procedural,
    SmallWorld,
)

PLACES = np.random.default_rng(0).random((30, 2))
RULES = {
    "one_to_one": lambda w, **o: OneToOne(w, **o),
    "all_to_all": lambda w, **o: AllToAll(w, autapses=False, **o),
    "prob": lambda w, **o: FixedProb(0.3, w, seed=1, **o),
    "pair_prob": lambda w, **o: FixedProb(lambda d: np.exp(-d), w, seed=1, **o),
    "out_degree": lambda w, **o: FixedOutDegree(7, w, seed=1, **o),
    "in_degree": lambda w, **o: FixedInDegree(7, w, seed=1, **o),
    "total": lambda w, **o: FixedTotalNumber(100, w, seed=1, **o),
    "small_world": lambda w, **o: SmallWorld(4, 0.3, w, seed=1, **o),
    "edges": lambda w, **o: Edges([3, 3, 0, 9], [1, 0, 7, 7], w, **o),
}


def distances(places=PLACES):
    return np.sqrt(((places[None] - places[:, None]) ** 2).sum(-1))


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * u.ms)


@pytest.mark.parametrize("rule", RULES)
def test_weights_and_delays_are_those_of_numpy(rule):
    positions = Positions(source=PLACES, target=PLACES)
    made = RULES[rule](lambda d, i, j: (d + 10 * i - j) * u.mV, delay=lambda i, j: (1 + (3 * i + j) % 9) * 0.1 * u.ms,
                       positions=positions)(30, 30)  # fmt: skip
    i, j, weight, delay = made.to_coo()
    i, j = i.astype(int), j.astype(int)
    np.testing.assert_allclose(weight.to_decimal(u.mV), distances()[i, j] + 10 * i - j, rtol=1e-6)
    np.testing.assert_array_equal(delay, 1 + (3 * i + j) % 9)
    assert (np.diff(delay.astype(int))[np.diff(i) == 0] >= 0).all()


@pytest.mark.parametrize("rule", ["all_to_all", "out_degree", "edges"])
@pytest.mark.parametrize("shape", [(30, 1), (1, 30), (30, 30)])
def test_an_array_over_pairs_is_looked_up_for_each_synapse(rule, shape):
    values = np.random.default_rng(1).integers(1, 200, shape)
    made = RULES[rule](values * 1.0, delay=values)(30, 30)
    found = made.to_coo()
    wanted = np.broadcast_to(values, (30, 30))[found.sources, found.targets]
    np.testing.assert_array_equal(found.weight, wanted)
    np.testing.assert_array_equal(found.delay, wanted)
    again = Connection(made.indices, np.append(0, made.out_degree.cumsum()), values * 1.0, 30, 30, delay=values)
    np.testing.assert_array_equal(again.to_coo().weight, wanted)


def test_the_numbers_are_those_in_the_populations():
    pop = sl.LIF(30)
    index = lambda i, j: 100.0 * i + j  # noqa: E731
    found = AllToAll(index)(pop[4:10:2], pop[[9, 2]]).to_coo()
    np.testing.assert_array_equal(found.weight, [409, 402, 609, 602, 809, 802])
    blocks = Blocks([10, 20], [30], {(0, 0): AllToAll(index), (1, 0): AllToAll(index)})(30, 30).to_coo()
    np.testing.assert_array_equal(blocks.weight, 100.0 * blocks.sources + blocks.targets)
    between = FixedProb(lambda i, j: (i % 3 == j % 3) * 1.0, 1.0)(pop[5:20], pop[::2])
    i, j = pop[5:20].indices[between.to_coo().sources], pop[::2].indices[between.to_coo().targets]
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == {
        (a, b) for a in range(5, 20) for b in range(0, 30, 2) if a % 3 == b % 3
    }


def test_probabilities_are_those_of_the_pairs():
    n, p = 30, 0.05 + 0.9 * (distances() < 0.4) * distances()
    positions = Positions(source=PLACES, target=PLACES)
    counts = np.zeros((n, n))
    for seed in range(400):
        rule = FixedProb(lambda d: 0.05 + 0.9 * (d < 0.4) * d, 1.0, seed=seed, positions=positions)
        counts += rule(n, n).to_scipy().toarray() > 0
    chi = ((counts - 400 * p) ** 2 / (400 * p * (1 - p))).sum()
    assert stats.chi2.cdf(chi, n * n) < 1 - 1e-4


def test_a_function_of_distance_draws_as_its_profile_does():
    positions = Positions(source=PLACES, target=PLACES, periodic=True)
    mine = FixedProb(lambda d: 0.8 * np.exp(-(d**2) / 0.08), 1.0, autapses=False, seed=5, positions=positions)(30, 30)
    named = DistanceDependent(GaussianProfile(0.2, p_max=0.8), 1.0, source=PLACES, target=PLACES, periodic=True,
                              autapses=False, seed=5)(30, 30)  # fmt: skip
    np.testing.assert_array_equal(mine.indices, named.indices)
    np.testing.assert_array_equal(mine.indptr, named.indptr)


def test_lengths_with_a_unit():
    positions = Positions(extent=1000.0 * u.um)
    rule = DistanceDependent(
        GaussianProfile(0.3 * u.mm), lambda d: d.to_decimal(u.um) * u.mV, extent=1.0 * u.mm, seed=1
    )
    found = rule((5, 6), (5, 6)).to_coo()
    places = sl.connect.grid((5, 6), 1000.0)
    np.testing.assert_allclose(found.weight.mantissa, distances(places)[found.sources, found.targets], rtol=1e-6)
    drawn = FixedProb(lambda d: np.exp(-(d / (0.2 * u.mm))), lambda d: np.exp(-d / (1.0 * u.mm)), seed=2,
                      positions=positions)((5, 6), (5, 6)).to_coo()  # fmt: skip
    wanted = np.exp(-distances(places)[drawn.sources, drawn.targets] / 1000)
    np.testing.assert_allclose(drawn.weight, wanted, rtol=1e-6)


def test_drawn_weights_and_delays_go_with_a_function_as_probability():
    options = {"seed": 3, "delay": sl.init.Uniform(0.1 * u.ms, 2.0 * u.ms)}
    ours = FixedProb(lambda i, j: 0.3 + 0 * i, sl.init.Normal(1.0, 0.1), **options)(30, 30)
    assert 150 < ours.num_synapses < 390
    assert abs(ours.weight.value.mean() - 1) < 0.05
    assert ours.delay.min() == 1
    assert ours.delay.max() == 20
    for i, row in enumerate(np.split(np.asarray(ours.delay), np.asarray(ours.indptr)[1:-1])):
        assert (np.diff(row.astype(int)) >= 0).all(), i


def test_defaults_one_value_for_all_and_initializers_of_ones_own():
    np.testing.assert_array_equal(AllToAll(lambda i, scale=2.0: scale * i)(3, 2).weight.value, [0, 0, 2, 2, 4, 4])
    np.testing.assert_array_equal(AllToAll(lambda i, j: 0.5)(2, 2).weight.value, [0.5] * 4)
    np.testing.assert_array_equal(AllToAll(lambda shape: np.arange(*shape))(2, 2).weight.value, [0, 1, 2, 3])
    assert FixedProb(lambda i, j: 1, 1.0)(3, 4).num_synapses == 12
    assert repr(FixedProb(lambda d, i: 1, 1.0, positions=Positions())) == "FixedProb(<function of d, i>)"


def test_weights_that_train_pass_through_a_function():
    strength = sl.ParamState(jnp.asarray(2.0))
    spikes = jnp.arange(5.0)

    def total():
        rule = AllToAll(lambda i, j: strength.value * jnp.exp(-abs(i - j)))
        return rule(5, 5)(spikes).sum()

    loss, slope = sl.transform.jit(total)(), sl.transform.grad(total, strength)()
    wanted = (np.arange(5)[:, None] * np.exp(-abs(np.arange(5)[:, None] - np.arange(5)))).sum()
    np.testing.assert_allclose(loss, 2 * wanted, rtol=1e-5)
    np.testing.assert_allclose(jax.tree.leaves(slope)[0], wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FixedProb("exp(-d)", 1.0), TypeError, r"FixedProb: prob cannot be a text; given 'exp\(-d\)'\. Write a "
         r"function: `lambda d: \.\.\.`"),
        (lambda: OneToOne("d"), TypeError, "OneToOne: weight cannot be a text"),
        (lambda: OneToOne(1.0, delay="1*ms"), TypeError, "OneToOne: delay cannot be a text"),
        (lambda: FixedProb(lambda d: d, 1.0), ValueError, "prob depends on the distance d.*Pass positions="),
        (lambda: OneToOne(lambda d: d), ValueError, "OneToOne: weight depends on the distance d"),
        (lambda: FixedProb(lambda x: x, 1.0), TypeError, "prob must be a number or a function: `lambda d"),
        (lambda: FixedProb(sl.init.Constant(0.1), 1.0), TypeError, "prob must be a number or a function"),
        (lambda: FixedProb(lambda i, j: i + 0.5, 1.0)(2, 2), ValueError, r"in \[0, 1\]; it gives 1.5 for i = 1, j = 0"),
        (lambda: FixedProb(lambda i, j: np.nan, 1.0)(2, 2), ValueError, "it gives nan"),
        (lambda: FixedProb(lambda i, j: 1.0 * u.mV, 1.0)(2, 2), TypeError, "known numbers without a unit"),
        (lambda: FixedProb(lambda i, j: None, 1.0)(2, 2), TypeError, "must return real numbers; it gives None"),
        (lambda: FixedProb(lambda i, j: np.ones(3), 1.0)(2, 2), ShapeError, r"each of 4 pairs; given \(3,\)"),
        (lambda: OneToOne(lambda i: 1.0 / i)(2, 2), ValueError, "OneToOne: weight must be finite"),
        (lambda: OneToOne(1.0, delay=lambda i: -1.0 * u.ms)(2, 2), ValueError, "must not be negative"),
        (lambda: OneToOne(1.0, delay=lambda i: 1.5)(2, 2), UnitError, "delay needs a time"),
        (lambda: OneToOne(1.0, positions=PLACES), TypeError, r"positions must be sl.connect.Positions\(...\)"),
        (lambda: Procedural(FixedProb(lambda i: 0.5, 1.0)), TypeError, "Use FixedProb without Procedural"),
        (lambda: Procedural(OneToOne(lambda i: 0.5 * i))(3, 3), TypeError, "cannot be drawn one by one"),
        (lambda: AllToAll(np.ones((3, 2)))(3, 4), ShapeError, r"\(3, 1\) for each source, \(1, 4\) for each target or "
         r"\(3, 4\) for each pair; given shape \(3, 2\)"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_error_of_the_function_says_what_it_is_called_with():
    with pytest.raises(ValueError, match="ambiguous") as caught:
        FixedProb(lambda i, j: 0.5 if i < j else 0.1, 1.0)(3, 3)
    assert "FixedProb: prob is called with arrays, an element for each pair" in caught.value.__notes__[0]
