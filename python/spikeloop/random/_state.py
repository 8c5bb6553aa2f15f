"""The State that random numbers come from."""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import threading
from collections.abc import Iterator
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from .._state import State
from ..kernels._random import split

_IMPL = "threefry2x32"
_lock = threading.Lock()  # two threads that split one key must not receive the same numbers


class KeyState(State):
    """A State that holds a JAX key, and how keys are taken from it."""

    def __init__(self, seed_or_key: Any = None):
        super().__init__(key_data(seed_or_key))
        self._backup: Any = None

    def seed(self, seed_or_key: Any = None) -> None:
        """Seed with a whole number or a JAX key; with the system's entropy if None."""
        self.value = key_data(seed_or_key)

    def set_key(self, seed_or_key: Any) -> None:
        """Seed with a JAX key or a whole number."""
        if seed_or_key is None:
            raise TypeError("set_key needs a JAX key or a whole number; given None.")
        self.value = key_data(seed_or_key)

    def get_key(self) -> jax.Array:
        """The present key."""
        return as_key(self.value)

    def split_key(self, n: int | None = None, backup: bool = False) -> jax.Array:
        """A new key, or `n` new ones; `backup=True` lets `restore_key` take it back."""
        if n is not None and operator.index(n) < 1:
            raise ValueError(f"split_key: n must be at least 1; given {n}.")
        with _lock:
            if backup:
                self.backup_key()
            self.value, keys = _split(self.value, n)
        return as_key(keys)

    def split_keys(self, n: int, backup: bool = False) -> jax.Array:
        """`n` new keys."""
        return self.split_key(n, backup)

    def backup_key(self) -> None:
        """Remember the present key for `restore_key`."""
        if self._backup is not None:
            raise ValueError(f"{self.path} has a backup of its key already; call restore_key first.")
        self._backup = self.value

    def restore_key(self) -> None:
        """Go back to the key of the last backup."""
        if self._backup is None:
            raise ValueError(f"{self.path} has no backup of its key; call backup_key or split_key(backup=True) first.")
        self.value, self._backup = self._backup, None

    @contextlib.contextmanager
    def seed_context(self, seed_or_key: Any) -> Iterator[None]:
        """Draw from `seed_or_key` inside the `with` block; afterwards the state is as before the block."""
        before = self.value
        self.seed(seed_or_key)
        try:
            yield
        finally:
            self.value = before

    def clone(self) -> Self:
        """A new one with a key split from this one's."""
        return type(self)(self.split_key())

    @staticmethod
    def split_lanes(value: Any, n: int) -> tuple[jax.Array, jax.Array]:
        """(the value to hold afterwards, the values of `n` lanes stacked) for a State that holds `value`."""
        return _split(value, n)

    def next_key(self, key: Any) -> jax.Array:
        """The key of one draw: a new one, or `key` if given."""
        return as_key(self.next_words(key))

    def next_words(self, key: Any = None) -> Any:
        """The two words of the key of one draw, which native code takes: of a new one, or of `key` if given."""
        if key is not None:
            return key_data(key)
        with _lock:
            self.value, words = _split(self.value, None)
        return words


@functools.partial(jax.jit, static_argnums=1, inline=True)  # one call to JAX for every number drawn outside loops
def _split(data: Any, n: int | None) -> tuple[jax.Array, jax.Array]:
    """(the words of the key to hold, those of a new one, or of `n`)."""
    if n is None:
        return split(jnp.asarray(data))
    keys = jax.random.key_data(jax.random.split(as_key(data), n + 1))
    return keys[0], keys[1:]


def as_key(data: Any) -> jax.Array:
    """The typed JAX key with these two words."""
    return jax.random.wrap_key_data(jnp.asarray(data), impl=_IMPL)


def key_data(seed_or_key: Any) -> Any:
    """The two words of a key, in NumPy where they are known: importing spikeloop must not start a JAX back end."""
    if seed_or_key is None:
        return np.frombuffer(os.urandom(8), np.uint32).copy()
    if isinstance(seed_or_key, jax.Array) and jnp.issubdtype(seed_or_key.dtype, jax.dtypes.prng_key):
        return _of_typed(seed_or_key)
    if isinstance(seed_or_key, (jax.Array, np.ndarray)) and (seed_or_key.dtype, seed_or_key.shape) == (np.uint32, (2,)):
        return seed_or_key
    if (
        isinstance(seed_or_key, jax.Array)
        and seed_or_key.shape == ()
        and jnp.issubdtype(seed_or_key.dtype, jnp.integer)
    ):
        return jax.random.key_data(jax.random.key(seed_or_key, impl=_IMPL))
    try:
        if isinstance(seed_or_key, (bool, np.bool_)):
            raise TypeError
        seed = operator.index(seed_or_key)
    except TypeError:
        raise TypeError(f"A seed is a whole number or a JAX key; given {seed_or_key!r}.") from None
    return np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], np.uint32)


def _of_typed(key: jax.Array) -> jax.Array:
    data = jax.random.key_data(key)
    if data.shape != (2,):
        raise TypeError(
            f"A seed is one threefry key; given {jax.typeof(key)}. Make it by jax.random.key(0, impl='{_IMPL}')."
        )
    return data
