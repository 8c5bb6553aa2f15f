"""Rules that depend on distance."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import BoxProfile, DistanceDependent, ExponentialProfile, GaussianProfile, grid

W = 1.0


def matrix(rule, source, target):
    return rule(source, target).to_scipy().toarray() > 0


def distances(a, b, period=None):
    d = b[None] - a[:, None]
    if period is not None:
        d -= period * np.round(d / period)
    return np.sqrt((d**2).sum(-1))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("profile", "law"),
    [
        (GaussianProfile(0.2, p_max=0.8), lambda d: 0.8 * np.exp(-(d**2) / 0.08)),
        (ExponentialProfile(0.15, p_max=0.9, cutoff=0.4), lambda d: 0.9 * np.exp(-d / 0.15) * (d <= 0.4)),
        (BoxProfile(0.25, p_max=0.5), lambda d: 0.5 * (d <= 0.25)),
    ],
)
def test_profile_in_bins_of_distance(profile, law, periodic, axes):
    n = 900
    places = np.random.default_rng(1).random((n, axes))
    rule = DistanceDependent(profile, W, source=places, target=places, periodic=periodic, seed=1)
    connected, d = matrix(rule, n, n), distances(places, places, 1.0 if periodic else None)
    expected = law(d)
    for low in np.arange(0, 1.2, 0.05):
        inside = (d >= low) & (d < low + 0.05)
        mean, variance = expected[inside].sum(), (expected * (1 - expected))[inside].sum()
        assert abs(connected[inside].sum() - mean) < 4.5 * np.sqrt(variance) + 1e-9


def test_pairs_are_drawn_alike_whatever_the_cutoff():
    places = np.random.default_rng(2).random((300, 2)) * u.mm

    def drawn(cutoff):
        profile = GaussianProfile(300.0 * u.um, cutoff=cutoff * u.mm)
        return matrix(DistanceDependent(profile, W, source=places, target=places, seed=3), 300, 300)

    near = distances(np.asarray(places.mantissa), np.asarray(places.mantissa)) <= 0.2
    np.testing.assert_array_equal(drawn(0.2), drawn(10.0) & near)


def test_a_grid_lies_in_the_middle_of_its_cells():
    np.testing.assert_allclose(grid(4), [[0.125], [0.375], [0.625], [0.875]])
    np.testing.assert_allclose(grid((2, 3), (2.0, 3.0) * u.mm).to_decimal(u.mm)[[0, 1, 5]],
                               [[0.5, 0.5], [0.5, 1.5], [1.5, 2.5]])  # fmt: skip
    rule = DistanceDependent(BoxProfile(0.11), W, autapses=False)
    lattice = matrix(rule, (10, 10), (10, 10))
    assert np.bincount(lattice.sum(1)).tolist() == [0, 0, 4, 32, 64]  # corners, edges, inside
    torus = matrix(DistanceDependent(BoxProfile(0.11), W, periodic=True, autapses=False), (10, 10), (10, 10))
    assert (torus.sum(1) == 4).all()
    assert not torus.diagonal().any()


def test_lengths_share_a_unit():
    with pytest.raises(UnitError, match="source"):
        DistanceDependent(BoxProfile(1.0 * u.mm), W, source=np.zeros((3, 2)) + 1)
    with pytest.raises(UnitError, match="extent"):
        DistanceDependent(BoxProfile(1.0 * u.mm), W, extent=2.0)
    with pytest.raises(UnitError, match="cutoff"):
        DistanceDependent(GaussianProfile(1.0 * u.mm, cutoff=3.0 * u.ms), W)
    one = DistanceDependent(BoxProfile(0.5 * u.mm), W, extent=1000.0 * u.um, seed=1)((5, 5), (5, 5))
    other = DistanceDependent(BoxProfile(0.5), W, seed=1)((5, 5), (5, 5))
    np.testing.assert_array_equal(one.indices, other.indices)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GaussianProfile(0.1, p_max=1.5), ValueError, r"GaussianProfile: p_max must lie in \[0, 1\]"),
        (lambda: DistanceDependent(BoxProfile(-1.0), W), ValueError, "scale of the profile must be a positive length"),
        (
            lambda: DistanceDependent(BoxProfile(np.nan), W),
            ValueError,
            "scale of the profile must be a positive length",
        ),
        (
            lambda: DistanceDependent("box", W),
            TypeError,
            "profile must be a GaussianProfile, ExponentialProfile or BoxProfile",
        ),
        (lambda: DistanceDependent(BoxProfile(1.0), W, source=np.zeros((3, 4))), ShapeError, r"\(neurons, 1 to 3\)"),
        (lambda: DistanceDependent(BoxProfile(1.0), W, source=[np.nan]), ValueError, "positions hold NaN"),
        (lambda: DistanceDependent(BoxProfile(1.0), W, extent=0.0), ValueError, "extent must be positive"),
        (
            lambda: DistanceDependent(BoxProfile(1.0), W)((2, 2), 4),
            ShapeError,
            "sources lie in 2 dimensions, targets in 1",
        ),
        (lambda: DistanceDependent(BoxProfile(1.0), W)((2, 2, 2, 2), 4), ShapeError, "expected 1 to 3 dimensions"),
        (lambda: DistanceDependent(BoxProfile(1.0), W, extent=(1.0, 2.0))(4, 4), ShapeError, "extent of 2 lengths"),
        (
            lambda: DistanceDependent(BoxProfile(1.0), W, source=np.zeros(3))(4, 4),
            ShapeError,
            "3 positions as source, but 4",
        ),
    ],
)
def test_bad_spaces_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_without_the_native_library(monkeypatch):
    rule = DistanceDependent(GaussianProfile(0.2), sl.init.Normal(1.0, 0.1), periodic=True, seed=2)
    native = rule((6, 6), (5, 5))
    monkeypatch.setattr(sl.kernels._library, "native", None)
    plain = rule((6, 6), (5, 5))
    np.testing.assert_array_equal(native.indices, plain.indices)
    np.testing.assert_array_equal(native.weight.value, plain.weight.value)


def test_far_apart_nothing_is_connected():
    with pytest.warns(UserWarning, match=r"DistanceDependent\(BoxProfile\(0.1, p_max=1\)\) .* makes no synapse"):
        DistanceDependent(BoxProfile(0.1), W, source=np.zeros(3), target=np.ones(3))(3, 3)
