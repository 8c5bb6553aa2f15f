"""Dropout with a mask that stays the same over time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .. import environ, random
from .._module import Module, as_size
from .._state import HiddenState


class Dropout(Module):
    """Sets inputs to 0 at random in training, `environ.context(fit=True)`, and divides the others by `prob`.

    Which ones is drawn by `init_all_states`, for each sample, and stays the same in all steps.

    | name | meaning | default |
    |---|---|---|
    | `in_size` | shape of the input | |
    | `prob` | the probability to be kept | 0.5 |

    Srivastava N et al. (2014) JMLR 15:1929.
    """

    mask: HiddenState

    def __init__(self, in_size: Any, prob: float = 0.5, name: str | None = None):
        super().__init__(name)
        if not 0 < prob <= 1:
            raise ValueError(f"Dropout: prob, the probability to be kept, must be above 0 and at most 1; given {prob}.")
        self.in_size = self.out_size = as_size(in_size, "in_size")
        self.prob = prob

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Draw what is kept."""
        size = (*(() if batch_size is None else (batch_size,)), *(self.in_size or ()))
        self.mask = HiddenState(random.bernoulli(self.prob, size=size).astype(environ.dftype()) / self.prob)

    def update(self, x: Any) -> Any:
        """The input, of which some is 0 in training."""
        if not environ.get("fit", False):
            return x
        x = x.astype(self.mask.value.dtype) if x.dtype == jnp.bool_ else x
        return x * self.mask.value
