"""Sums at targets that do not depend on the order of additions, for `environ.set(deterministic=True)`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import environ

_DIGITS = {4: 8, 8: 54}  # of 64 bits, as in csrc/cuda/sums.cuh, by the bytes of a number


def are_exact() -> bool:
    """Whether sums are to be exact where they would depend on the order: on GPUs, by `environ`."""
    return bool(environ.get("deterministic", False))


def digits(target: Any, exact: bool) -> list[jax.ShapeDtypeStruct]:
    """The memory in which a GPU adds up exact sums."""
    return [jax.ShapeDtypeStruct((2 * _DIGITS[target.dtype.itemsize] * target.size,), jnp.uint32)] if exact else []
