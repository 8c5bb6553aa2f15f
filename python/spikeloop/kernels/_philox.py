"""Philox 4×32-10: four random words of a counter and a key (Salmon JK et al., 2011)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

PURPOSE = 0x5EED  # keeps these words apart from others of the same key
BLOCKS = 32  # whose words make a tile: first words of all blocks, then second ones and so on
MULTIPLY = np.array([0xD2511F53, 0xCD9E8D57], np.uint32)
ROUNDS = 10
WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint32)


def word_of(element: Any, key: Sequence[Any], draw: int = 0) -> Any:
    """The word of each element, whichever of them are asked for.

    Draw k of element e is word ⌊(e mod 128) / 32⌋ of the block of the counter (32⌊e / 128⌋ + e mod 32, PURPOSE, k, 0).
    So tiles of 128 elements are 32 blocks, of which all words are used.
    """
    words = philox(element // 128 * 32 + element % 32, key, draw)
    return jnp.select([element % 128 // 32 == k for k in range(3)], words[:3], words[3])


def philox(block: Any, key: Sequence[Any], draw: int = 0) -> list[Any]:
    """The four words of blocks."""
    zero = jnp.zeros_like(block)
    a, b, c, d = block, zero + jnp.uint32(PURPOSE), zero + jnp.uint32(draw), zero
    for _ in range(ROUNDS):
        (high, low), (up, down) = _product(MULTIPLY[0], a), _product(MULTIPLY[1], c)
        a, b, c, d = up ^ b ^ key[0], down, high ^ d ^ key[1], low
        key = [k + weyl for k, weyl in zip(key, WEYL, strict=True)]
    return [a, b, c, d]


def halves(first: Any, n: int, key: Sequence[Any], draw: int = 0) -> Any:
    """Halves of words: those of elements 2e and 2e + 1 are the lower and the upper half of `word_of` e."""
    word = elements(first // 2, n // 2 + 1, key, draw)
    both = jnp.stack([word & 0xFFFF, word >> 16], axis=-1).reshape(*word.shape[:-1], 2 * word.shape[-1])
    return jnp.take_along_axis(both, (first % 2)[..., None] + jnp.arange(n, dtype=jnp.uint32), -1)


def elements(first: Any, n: int, key: Sequence[Any], draw: int = 0) -> Any:
    """`word_of` the elements `first` to `first` + n − 1 of an array, from a quarter of the blocks."""
    tile, tiles = 4 * BLOCKS, -(-n // (4 * BLOCKS)) + 1  # `first` may stand anywhere in a tile
    block = (first // tile * BLOCKS)[..., None] + jnp.arange(tiles * BLOCKS, dtype=jnp.uint32)
    words = [x.reshape(*x.shape[:-1], tiles, 1, BLOCKS) for x in philox(block, [k[..., None] for k in key], draw)]
    row = jnp.concatenate(words, axis=-2).reshape(*block.shape[:-1], tiles * tile)
    return jnp.take_along_axis(row, (first % tile)[..., None] + jnp.arange(n, dtype=jnp.uint32), -1)


def _product(factor: Any, words: Any) -> tuple[Any, Any]:
    """(high, low) words of the product, from products of halves of words: there may be no 64 bits."""
    f_high, f_low = factor >> 16, factor & 0xFFFF
    high, low = words >> 16, words & 0xFFFF
    middle = f_high * low + (f_low * low >> 16)
    other = f_low * high + (middle & 0xFFFF)
    return f_high * high + (middle >> 16) + (other >> 16), factor * words
