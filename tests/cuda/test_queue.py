"""Queues of spikes under way: those of the CPU. Weights are whole numbers: every order of additions is exact."""

import numpy as np
import pytest
from call_frame import Host, assert_same, handler, on_gpu, run
from event_case import FLOATS, sorted_rows

BLOCKS = 8


class Net:
    """Rows that ascend by delay and target, and a queue with some spikes in each slot."""

    def __init__(self, n_pre, n_post, slots, float_type, index=np.uint16, seed=0):
        self.rng = rng = np.random.default_rng(seed)
        self.n_pre, self.n_post, self.slots, self.float = n_pre, n_post, slots, float_type
        self.indptr, delay, target = sorted_rows(rng, n_pre, n_post, slots)
        self.delay, self.indices = delay.astype(np.uint8), target.astype(index)
        self.weight = rng.integers(0, 50, target.size).astype(float_type)
        self.cursor = np.int32(rng.integers(slots))

    def queue(self, more):
        """With `more` slots than there are delays."""
        rng, slots, n = self.rng, self.slots + more, self.n_pre
        count = rng.integers(0, n // 2 + 1, slots).astype(np.int32)
        sources = rng.integers(0, max(n, 1), (slots, n)).astype(np.uint32)
        return {"count": count, "sources": sources, "values": rng.integers(1, 4, (slots, n)).astype(self.float)}

    def starts(self, dtype=np.uint16):
        shape = np.zeros((self.n_pre, self.slots * BLOCKS + 1), dtype)
        operands = {"indices": self.indices, "indptr": self.indptr, "delay": self.delay}
        attributes = {"n_pre": self.n_pre, "sorted": True, "n_post": self.n_post, "blocks": BLOCKS}
        return assert_same("event_starts", operands, [shape], attributes)[0]


SIZES = [(0, 5, 1), (1, 1, 1), (31, 33, 3), (700, 300, 6)]  # sources, targets, slots


@pytest.mark.parametrize(("n_pre", "n_post", "slots"), SIZES)
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", [np.uint16, np.uint32])
def test_deliver(n_pre, n_post, slots, float_type, index, seed):
    net = Net(n_pre, n_post, slots, float_type, index, seed)
    for dtype, more in ((np.uint16, 0), (np.uint32, 2)):
        operands = {
            "weight": net.weight, "indices": net.indices, "indptr": net.indptr, "starts": net.starts(dtype),
            "cursor": net.cursor, **net.queue(more), "target": net.rng.integers(0, 9, n_post).astype(float_type),
        }  # fmt: skip
        attributes = {"n_pre": n_pre, "sorted": True, "blocks": BLOCKS}
        results = ["count", "sources", "values", "target"]
        count, _, _, target = assert_same("event_deliver", operands, results, attributes)
        assert count[(net.cursor + 1) % (slots + more)] == 0
        assert n_pre < 700 or (target != operands["target"]).any()


@pytest.mark.parametrize("n", [0, 1, 31, 33, 255, 256, 257, 10_007])
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("graded", [False, True])
def test_enqueue_lists_the_spikes_in_any_order(n, float_type, graded, seed):
    rng = np.random.default_rng(seed)
    for held in (0, n // 3):
        spikes = rng.random(n + 3) < (1 if held == 0 and n < 99 else 0.3)
        if graded:
            spikes = spikes * rng.integers(1, 4, spikes.size).astype(float_type)
        operands = {
            "spikes": spikes, "cursor": np.int32(1), "count": np.array([1, held, 0], np.int32) * (n > 0),
            "sources": np.full((3, n), 9, np.uint32), "values": np.full((3, n), 9, float_type),
        }  # fmt: skip
        call = operands, ["count", "sources", "values"], {"offset": 2, "n_pre": n}
        wanted, found = run(handler("event_enqueue"), *call, Host()), on_gpu("event_enqueue", *call)
        np.testing.assert_array_equal(found[0], wanted[0])
        listed = slice(held, wanted[0][1])
        pairs = [
            sorted(zip(sources[1, listed], values[1, listed], strict=True)) for _, sources, values in (found, wanted)
        ]
        assert pairs[0] == pairs[1]
        for ours, theirs in zip(found[1:], wanted[1:], strict=True):  # all else stays as it was
            ours[1, listed] = theirs[1, listed]
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal([k for k, _ in pairs[0]], np.flatnonzero(spikes[2 : n + 2]))
