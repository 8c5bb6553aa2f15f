"""Operands of plasticity, drawn for tests without JAX."""

import numpy as np
from event_case import sorted_rows

SIZES = [(0, 5), (1, 1), (31, 33), (33, 31), (600, 300)]  # sources, targets
FLOATS, INDICES = (np.float32, np.float64), (np.uint16, np.uint32)
DEPENDENCES = (0, 1, 2)  # additive, linear, power law


class Plastic:
    """Synapses by source and by target, and events of some neurons."""

    def __init__(self, n_pre, n_post, float_type=np.float32, index=np.uint16, seed=0, slots=5):
        self.rng = rng = np.random.default_rng(seed)
        self.n_pre, self.n_post, self.float, self.slots = n_pre, n_post, float_type, slots
        self.indptr, self.delay, targets = sorted_rows(rng, n_pre, n_post, slots)
        self.indices, self.nnz = targets.astype(index), targets.size
        self.sources = np.repeat(np.arange(n_pre), np.diff(self.indptr))

    def floats(self, *shape):
        return self.rng.random(shape).astype(self.float)

    def events(self, n, graded=True):
        found = self.rng.random(n) < 0.3
        return (found * self.rng.choice([-1, 0.5, 1], n)).astype(self.float) if graded else found

    def law(self):
        return np.array([0.1, 0.9, 0.05, 1.2, 0.4], self.float)

    def rows(self):
        return {"indices": self.indices, "indptr": self.indptr}

    def columns(self, shift=None):
        """The synapses of each target; with their sources, or with the row in which each 2^`shift`-th place lies."""
        order = np.argsort(self.indices, kind="stable")
        sources = (
            self.sources[order].astype(np.uint16) if shift is None else self.sources[:: 1 << shift].astype(np.uint32)
        )
        return {
            "places": order.astype(np.uint32), "ends": self._ends(self.indices, self.n_post), "sources": sources,
            "indptr": self.indptr,
        }  # fmt: skip

    def lines(self, of_sources, delay_type=np.uint8):
        """The synapses of each source, or of each target, which ascend by delay."""
        if of_sources:
            places, others, ends = np.zeros(0), self.indices, self.indptr
            return self._lines(places, others, ends, self.delay.astype(delay_type))
        places = np.lexsort((self.delay, self.indices))
        others, ends = self.sources[places].astype(self.indices.dtype), self._ends(self.indices, self.n_post)
        return self._lines(places, others, ends, self.delay[places].astype(delay_type))

    def _lines(self, places, others, ends, delay):
        return {"places": places.astype(np.uint32), "others": others, "ends": ends, "delay": delay}

    def _ends(self, neurons, n):
        return np.append(0, np.cumsum(np.bincount(neurons, minlength=n))).astype(np.int32)

    def history(self, n):
        """Events of the last steps, and where they are."""
        ring = np.stack([self.events(n) for _ in range(self.slots)])
        neurons = np.zeros((self.slots, n), np.uint32)
        for slot, values in enumerate(ring):
            neurons[slot, : np.count_nonzero(values)] = np.flatnonzero(values)
        cursor = np.int32(self.rng.integers(self.slots))
        return {
            "ring": ring,
            "count": np.count_nonzero(ring, axis=1).astype(np.int32),
            "neurons": neurons,
            "cursor": cursor,
        }
