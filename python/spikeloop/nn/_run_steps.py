"""Modules that can run all steps of a known input at once."""

from __future__ import annotations

from typing import Any, Literal

from ..transform import for_loop


class RunsSteps:
    """Base of Modules whose input is often known for all steps, as in training."""

    def run_steps(self, x: Any, memory: Literal["auto", "save", "recompute"] = "auto") -> Any:
        """All steps of an input of shape [time, ...]: what `update` returns, stacked over time, and all States after.

        The same as `for_loop(self, x)`, but the steps of a population are one native call: see `fused` and `memory` of
        `for_loop`.

        >>> neuron = sl.nn.init_all_states(sl.LIF(2, tau=1 * u.ms))
        >>> neuron.run_steps([[3.0, 30.0], [3.0, 30.0], [9.0, 0.0]] * u.mA).tolist()
        [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]]
        """
        return for_loop(self, x, fused=True, memory=memory)  # pyright: ignore[reportArgumentType]
