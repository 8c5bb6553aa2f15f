"""Spikes or numbers times a dense matrix: where few inputs of a sample are not 0, work for these only.

product: y[…, j] = Σ_i s[…, i] W[i, j]
outer:   W'[i, j] = Σ_… s[…, i] c[…, j]      the cotangent of W

With `rounded` both factors of each are rounded to bfloat16 first; sums have the precision of W.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ._kernel import FLOATS, ByName, Kernel, inputs, params
from ._rules import leading_axes


def dense_product(spikes: Any, weight: Any, rounded: bool = False) -> Any:
    """The product of spikes (..., n), bool or graded, and a matrix (n, m)."""
    return product_p(spikes=spikes, weight=weight, rounded=rounded)[0]


def _outer(spikes: Any, ct: Any, rounded: bool) -> Any:
    return outer_p(spikes=spikes, ct=ct, rounded=rounded)[0]


def _product_reference(spikes: Any, weight: Any, *, rounded: bool) -> list[Any]:
    dtype = jnp.bfloat16 if rounded else weight.dtype
    return [jnp.dot(spikes.astype(dtype), weight.astype(dtype), preferred_element_type=weight.dtype)]


def _outer_reference(spikes: Any, ct: Any, *, rounded: bool) -> list[Any]:
    columns = spikes.reshape(-1, spikes.shape[-1]).T
    return _product_reference(columns, ct.reshape(-1, ct.shape[-1]), rounded=rounded)


def _product_shape(o: ByName, rounded: bool) -> dict[str, Any]:
    del rounded
    return {"product": jax.ShapeDtypeStruct((*o.spikes.shape[:-1], o.weight.shape[1]), o.weight.dtype)}


def _outer_shape(o: ByName, rounded: bool) -> dict[str, Any]:
    del rounded
    return {"product": jax.ShapeDtypeStruct((o.spikes.shape[-1], o.ct.shape[-1]), o.ct.dtype)}


def _attributes(o: ByName, rounded: bool) -> dict[str, Any]:
    del o
    return {"rounded": rounded}


product_p = Kernel(
    "dense_product",
    _product_reference,
    structure=("rounded",),
    operands=(*inputs("spikes"), *params("weight")),
    outputs=_product_shape,
    linear={
        "spikes": lambda ct, o, rounded: dense_product(ct, o.weight.T, rounded),
        "weight": lambda ct, o, rounded: _outer(o.spikes, ct, rounded),
    },
    batch=leading_axes("spikes"),
    dtypes={"weight": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
outer_p = Kernel(
    "dense_outer",
    _outer_reference,
    structure=("rounded",),
    operands=inputs("spikes", "ct"),
    outputs=_outer_shape,
    linear={
        "spikes": lambda ct, o, rounded: dense_product(o.ct, ct.T, rounded),
        "ct": lambda ct, o, rounded: dense_product(o.spikes, ct, rounded),
    },
    dtypes={"ct": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
