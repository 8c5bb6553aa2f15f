"""Correlation between neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._counts import binned_counts


def correlation_matrix(spikes: Any, bin: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""Pearson's correlation of the binned counts of each pair of neurons, (neurons, neurons).

    $$\rho_{ij} = \frac{\operatorname{cov}(n_i, n_j)}{\sqrt{\operatorname{var}(n_i) \operatorname{var}(n_j)}}$$

    NaN for neurons whose count never changes. Arguments as in `binned_counts`.
    """
    counts = binned_counts(spikes, bin, size=size, duration=duration).astype(float)
    away = counts - counts.mean(axis=1, keepdims=True)
    norm = np.sqrt((away * away).sum(axis=1))
    scaled = np.divide(away, norm[:, None], out=np.full_like(away, np.nan), where=norm[:, None] > 0)
    return np.clip(scaled @ scaled.T, -1, 1)


def correlation(spikes: Any, bin: Any, *, size: int | None = None, duration: Any = None) -> float:
    """The mean of `correlation_matrix` over all pairs of neurons whose counts change; NaN if there is none."""
    matrix = correlation_matrix(spikes, bin, size=size, duration=duration)
    pairs = matrix[np.triu_indices(len(matrix), k=1)]
    pairs = pairs[np.isfinite(pairs)]
    return float(pairs.mean()) if pairs.size else float("nan")
