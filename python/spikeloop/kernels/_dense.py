"""Spikes or numbers times a dense matrix: where few inputs of a sample are not 0, work for these only.

product: y[…, j] = Σ_i s[…, i] W[i, j]
outer:   W'[i, j] = Σ_… s[…, i] c[…, j]      the cotangent of W
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ._kernel import FLOATS, ByName, Kernel, inputs, params
from ._rules import leading_axes


def dense_product(spikes: Any, weight: Any) -> Any:
    """The product of spikes (..., n), bool or graded, and a matrix (n, m)."""
    return product_p(spikes=spikes, weight=weight)[0]


def _product_reference(spikes: Any, weight: Any) -> list[Any]:
    return [jnp.dot(spikes.astype(weight.dtype), weight)]


def _outer_reference(spikes: Any, ct: Any) -> list[Any]:
    spikes = spikes.astype(ct.dtype)
    return [jnp.dot(spikes.reshape(-1, spikes.shape[-1]).T, ct.reshape(-1, ct.shape[-1]))]


def _product_shape(o: ByName) -> dict[str, Any]:
    return {"product": jax.ShapeDtypeStruct((*o.spikes.shape[:-1], o.weight.shape[1]), o.weight.dtype)}


def _outer_shape(o: ByName) -> dict[str, Any]:
    return {"product": jax.ShapeDtypeStruct((o.spikes.shape[-1], o.ct.shape[-1]), o.ct.dtype)}


product_p = Kernel(
    "dense_product",
    _product_reference,
    operands=(*inputs("spikes"), *params("weight")),
    outputs=_product_shape,
    linear={
        "spikes": lambda ct, o: dense_product(ct, o.weight.T),
        "weight": lambda ct, o: outer_p(spikes=o.spikes, ct=ct)[0],
    },
    batch=leading_axes("spikes"),
    dtypes={"weight": FLOATS},
    platforms=("cpu",),
)
outer_p = Kernel(
    "dense_outer",
    _outer_reference,
    operands=inputs("spikes", "ct"),
    outputs=_outer_shape,
    linear={
        "spikes": lambda ct, o: dense_product(o.ct, ct.T),
        "ct": lambda ct, o: product_p(spikes=o.spikes, weight=ct)[0],
    },
    dtypes={"ct": FLOATS},
    platforms=("cpu",),
)
