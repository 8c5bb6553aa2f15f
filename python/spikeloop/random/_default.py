"""The source of random numbers that is used where no other is named."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._draw import RandomState

DEFAULT = RandomState()
DEFAULT.name = "random.DEFAULT"


def seed(seed_or_key: Any = None) -> None:
    """Seed `DEFAULT` with a whole number or a JAX key; with the system's entropy if None.

    A whole number also seeds NumPy's global generator, which scripts use beside this module.
    """
    DEFAULT.seed(seed_or_key)
    if (number := _whole(seed_or_key)) is not None:
        np.random.seed(number & 0xFFFFFFFF)  # noqa: NPY002  the global generator is the point


@contextlib.contextmanager
def seed_context(seed_or_key: Any) -> Iterator[None]:
    """Draw from `seed_or_key` inside the `with` block; afterwards the state is as before the block."""
    numpy_before = np.random.get_state()  # noqa: NPY002
    try:
        with DEFAULT.seed_context(seed_or_key):
            seed(seed_or_key)
            yield
    finally:
        np.random.set_state(numpy_before)  # noqa: NPY002


def default_rng(seed_or_key: Any = None) -> RandomState:
    """`DEFAULT`, or a new RandomState if a seed or key is given."""
    return DEFAULT if seed_or_key is None else RandomState(seed_or_key)


def clone_rng(seed_or_key: Any = None, clone: bool = True) -> RandomState:
    """A new RandomState from `seed_or_key`, or split from `DEFAULT`; `DEFAULT` itself with `clone=False`."""
    if seed_or_key is not None:
        return RandomState(seed_or_key)
    return DEFAULT.clone() if clone else DEFAULT


def _whole(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:  # a key, a traced number or None
        return None
