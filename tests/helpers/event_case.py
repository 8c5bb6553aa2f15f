"""Operands of event propagation, drawn for tests without JAX."""

from typing import Any

import numpy as np

SIZES = [(0, 5), (1, 1), (31, 33), (33, 31), (1000, 300)]  # sources, targets
FLOATS, INDICES = (np.float32, np.float64), (np.uint16, np.uint32)


class Case:
    """Rows of very different lengths, and spikes of some of their sources."""

    def __init__(
        self, n_pre, n_post, float_type: Any = np.float32, index=np.uint16, batch=1, seed=0, equal=False, longest=60
    ):
        self.rng = rng = np.random.default_rng(seed)
        self.n_pre, self.n_post, self.batch, self.float = n_pre, n_post, batch, float_type
        lengths = np.full(n_pre, 7) if equal else np.where(rng.random(n_pre) < 0.2, 0, rng.integers(1, longest, n_pre))
        if n_pre > 500 and not equal:
            lengths[n_pre // 2] = 5000
        self.nnz = int(lengths.sum())
        self.indices = rng.integers(0, n_post, self.nnz).astype(index)
        self.indptr = np.zeros(0, np.int32) if equal else np.append(0, np.cumsum(lengths)).astype(np.int32)
        self.offset = 3

    def spikes(self, graded, rate=0.2):
        spikes = self.rng.random(self.rows(self.n_pre + 5)) < rate
        return spikes * self.rng.integers(1, 4, spikes.shape).astype(self.float) if graded else spikes

    def rows(self, n):
        return (n,) if self.batch == 1 else (self.batch, n)

    def whole(self, *shape):
        return self.rng.integers(0, 100, shape).astype(self.float)

    def places(self):
        return {"indices": self.indices, "indptr": self.indptr}

    def attributes(self, **more):
        return {"n_pre": self.n_pre, "offset": self.offset, "sorted": False, **more}


def sorted_rows(rng, n_pre, n_post, slots, longest=90):
    """(indptr, delay, target) of rows that ascend by delay and target."""
    lengths = np.where(rng.random(n_pre) < 0.2, 0, rng.integers(1, longest, n_pre))
    nnz = int(lengths.sum())
    delay, target = rng.integers(0, slots, nnz), rng.integers(0, n_post, nnz)
    order = np.lexsort((target, delay, np.repeat(np.arange(n_pre), lengths)))
    return np.append(0, np.cumsum(lengths)).astype(np.int32), delay[order], target[order]
