"""What a compiled program calls for an equation of a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._jax import Aval, ffi_lowering
from . import _library


@dataclass(frozen=True)
class NativeCall:
    """Native code, its operands and results as places among those of the equation, and what else it is told."""

    target: str
    operands: Sequence[int]
    results: Sequence[int]
    outs: Sequence[Aval]  # of the results, then of the memory that the code works in
    aliases: Mapping[int, int]  # {place among the operands: place among the results that replaces it}
    attributes: Mapping[str, Any] = field(default_factory=dict)
    passed: Mapping[int, int] = field(default_factory=dict)  # results of the equation that are operands as they are

    def lower(self, ctx: Any, operands: Sequence[Any], platform: str) -> list[Any]:
        """The values of the equation's results."""
        inner = ctx.replace(avals_in=[ctx.avals_in[k] for k in self.operands], avals_out=list(self.outs))
        call = ffi_lowering(_library.xla_name(self.target, platform), dict(self.aliases))
        found = call(inner, *(operands[k] for k in self.operands), **self.attributes)
        made = dict(zip(self.results, found, strict=False)) | {k: [operands[i]] for k, i in self.passed.items()}
        return [made[k] for k in range(len(made))]
