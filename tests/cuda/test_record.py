"""Records of spikes: those of the CPU, to the bit."""

import numpy as np
import pytest
from call_frame import HandlerError, assert_same, on_gpu

SIZES = [0, 1, 31, 33, 255, 256, 257, 10_007]
KINDS = [np.bool_, np.float32, np.float64]


def spikes(rng, kind, *shape):
    """Truth values, or counts and what is neither: a fraction, a negative number, NaN, infinity."""
    drawn = rng.choice([0, 0, 0, 0, 0.5, 1, -1, 2, 3.9], shape)
    if kind is not np.bool_ and drawn.size > 8:
        drawn.flat[3], drawn.flat[-2] = np.nan, np.inf
    return drawn.astype(kind)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_pack(n, kind, seed):
    rng = np.random.default_rng(seed)
    for rows in (1, 3):
        bits = np.zeros((rows, -(-n // 8)), np.uint8)
        assert_same("record_pack", {"spikes": spikes(rng, kind, rows, n)}, [bits], {})


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", [0, 1, 3])
def test_count(n, kind, groups, seed):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, n + 1, (groups, 2)), axis=1)
    attributes = {"starts": ends[:, 0], "stops": ends[:, 1]}
    for rows in (1, 3):
        assert_same(
            "record_count", {"spikes": spikes(rng, kind, rows, n)}, [np.zeros((rows, groups), np.int32)], attributes
        )


def test_any_number_of_groups_is_counted():
    attributes = {"starts": np.arange(200), "stops": np.arange(200) + 100}
    drawn = spikes(np.random.default_rng(0), np.float32, 2, 300)
    assert_same("record_count", {"spikes": drawn}, [np.zeros((2, 200), np.int32)], attributes)


def test_a_count_stays_at_the_largest_number():
    many = np.full((1, 20_000), np.inf, np.float32)
    attributes = {"starts": [0, 1], "stops": [20_000, 3]}
    (counts,) = assert_same("record_count", {"spikes": many}, [np.zeros((1, 2), np.int32)], attributes)
    assert counts.tolist() == [[2**31 - 1, 2 << 20]]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_append(n, kind, seed):
    rng = np.random.default_rng(seed)
    for lanes, capacity in [(1, 20), (1, 40_000), (3, 700)]:
        drawn = spikes(rng, kind, lanes, n)
        clock = rng.integers(0, 9, (lanes, 2)).astype(np.int32)
        clock[-1] = [2**31 - 1, 2**31 - 1] if capacity == 700 else clock[-1]
        operands = {"spikes": drawn, "clock": clock, "events": np.zeros((lanes, capacity, 2), np.int32)}
        scratch = np.zeros(lanes * (max(-(-n // 256), 1) + 2), np.uint32)
        new, _ = assert_same("record_append", operands, ["clock", "events"], {}, [scratch])
        assert new[0, 1] == clock[0, 1] + 1
        assert n < 255 or new[0, 0] > clock[0, 0]


def test_what_does_not_fit_is_refused():
    some, clock = np.ones((1, 4), np.float32), np.zeros((1, 2), np.int32)
    events, scratch = np.zeros((1, 5, 2), np.int32), [np.zeros(3, np.uint32)]
    for given, message in [
        ({"spikes": some.astype(np.int32)}, "operand 'spikes' is int32"),
        ({"events": np.zeros((1, 5, 3), np.int32)}, "'events' has rows of 3 numbers, expected 2"),
        ({"clock": clock.astype(np.uint32)}, "operand 'clock' is uint32, expected int32"),
    ]:
        operands = {"spikes": some, "clock": clock, "events": events, **given}
        with pytest.raises(HandlerError, match=message):
            on_gpu("record_append", operands, ["clock", "events"], {}, scratch)
    with pytest.raises(HandlerError, match="'scratch' has 2 elements, expected 3"):
        operands = {"spikes": some, "clock": clock, "events": events}
        on_gpu("record_append", operands, ["clock", "events"], {}, [np.zeros(2, np.uint32)])
    with pytest.raises(HandlerError, match="name neurons 1..5 of 4"):
        on_gpu("record_count", {"spikes": some}, [np.zeros((1, 1), np.int32)], {"starts": [1], "stops": [5]})
