"""Neurons that are connected with each other."""

from __future__ import annotations

from typing import Any

import jax

from .. import init
from .._module import Module
from ..nn import Linear
from ..nn._run_steps import RunsSteps
from ..transform._by_layer import RECURRENT
from ._cell import ARCTAN, Cell
from .leaky import Leaky

_ORTHOGONAL = init.Orthogonal()


class RecurrentLIF(RunsSteps, Module):
    r"""Leaky neurons that are all connected with each other, snnTorch's `RLeaky`.

    $$V_t = \beta V_{t-1} + x_t + s_{t-1} W - \vartheta\, s_{t-1}$$

    | parameter | meaning | default |
    |---|---|---|
    | `cell` | the neurons; of `Leaky` the further arguments are those here | `Leaky` |
    | `w_init` | W: an initializer or an array (n, n) | `Orthogonal()` |
    | others | as in `Leaky` | |

    Its parts are `cell` and `recurrent`, a `Linear` that holds W. Where few neurons spike, only their weights are
    touched.

    >>> layer = sl.snn.RecurrentLIF(20, cell=sl.snn.ALIF(20, rho=0.99))
    >>> sl.nn.init_all_states(layer, batch_size=3)(jnp.ones((3, 20))).shape
    (3, 20)
    """

    def __init__(
        self,
        in_size: Any,
        beta: Any = 0.9,
        threshold: Any = 1.0,
        reset_mechanism: str = "subtract",
        spike_grad: Any = ARCTAN,
        w_init: Any = _ORTHOGONAL,
        cell: Cell | None = None,
        name: str | None = None,
    ):
        super().__init__(name)
        self.in_size = self.out_size = in_size
        self.cell = Leaky(in_size, beta, threshold, reset_mechanism, spike_grad) if cell is None else cell
        self.recurrent = Linear(in_size, in_size, w_init, b_init=None)

    def update(self, x: Any) -> Any:
        """One step with the input `x`; returns the spikes."""
        with jax.named_scope(RECURRENT):
            return self.cell(x + self.recurrent(self.cell.spike.value))
