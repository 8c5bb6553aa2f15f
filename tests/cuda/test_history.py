"""The values of the last steps, and what arrives of them: those of the CPU."""

import numpy as np
import pytest
from call_frame import assert_same
from event_case import FLOATS, INDICES, sorted_rows


@pytest.mark.parametrize("n", [0, 1, 31, 33, 256, 257, 10_007])
@pytest.mark.parametrize("float_type", FLOATS)
def test_values_are_kept_and_listed(n, float_type, seed):
    rng = np.random.default_rng(seed)
    operands = {
        "values": (rng.random(n) * (rng.random(n) < 0.4)).astype(float_type), "cursor": np.int32(rng.integers(3)),
        "ring": np.full((3, n), 9, float_type), "count": np.full(3, 9, np.int32),
        "neurons": np.full((3, n), 9, np.uint32),
    }  # fmt: skip
    scratch = [np.zeros(max(-(-n // 256), 1), np.uint32)]
    _, count, neurons = assert_same("history_record", operands, ["ring", "count", "neurons"], {}, scratch)
    slot = operands["cursor"]
    np.testing.assert_array_equal(neurons[slot, : count[slot]], np.flatnonzero(operands["values"]))


@pytest.mark.parametrize(("n_pre", "n_post", "slots"), [(0, 5, 1), (1, 1, 1), (31, 33, 3), (700, 300, 6)])
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("delay_type", [np.uint8, np.uint16])
def test_values_arrive_after_the_delay_of_each_synapse(n_pre, n_post, slots, float_type, index, delay_type, seed):
    rng = np.random.default_rng(seed)
    indptr, delay, indices = sorted_rows(rng, n_pre, n_post, slots)
    ring = rng.integers(1, 4, (slots, n_pre)) * (rng.random((slots, n_pre)) < 0.3)
    neurons = np.zeros((slots, n_pre), np.uint32)
    for slot, values in enumerate(ring):
        found = np.flatnonzero(values)
        neurons[slot, : found.size] = found
    operands = {
        "ring": ring.astype(float_type), "count": np.count_nonzero(ring, axis=1).astype(np.int32), "neurons": neurons,
        "cursor": np.int32(rng.integers(slots)), "weight": rng.integers(0, 50, indices.size).astype(float_type),
        "indices": indices.astype(index), "indptr": indptr, "delay": delay.astype(delay_type),
        "target": rng.integers(0, 9, n_post).astype(float_type),
    }  # fmt: skip
    (target,) = assert_same("history_deliver", operands, ["target"], {})
    assert n_pre < 700 or (target != operands["target"]).any()
