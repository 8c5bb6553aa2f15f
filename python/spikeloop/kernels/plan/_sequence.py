"""Native calls that follow each other as one call of XLA, which hands them their operands and results.

XLA takes as long to set a call up as a thousand neurons take to step, and longer for each operand. One call for all has
each operand once; numbers that stand in the program are no operands at all. A result that one later call replaces, and
no other one reads, uses the memory of its replacement. A row of an array uses the memory of the array. All others are
results of the one call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ..._jax import Aval, Literal, Primitive, ffi_lowering, mlir, new_variable
from .. import _library
from ._groups import Group, variables
from ._kept import STEPS

TARGET = "sequence"
# Codes of types in XLA's FFI.
_DTYPES = {
    "bool": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7, "uint32": 8, "uint64": 9,
    "float16": 10, "float32": 11, "float64": 12, "bfloat16": 16,
}  # fmt: skip

sequence_p = Primitive("spikeloop_sequence")  # parameters: text, outs, aliases ((operand, result), ...)
sequence_p.multiple_results = True
sequence_p.def_abstract_eval(lambda *operands, text, outs, aliases: list(outs))


def register(text: str) -> int:
    """The number under which native code finds a sequence."""
    return _library.native.sequence(text)


def lowering(platform: str) -> Callable[..., Any]:
    """What a platform runs."""

    def lower(ctx: Any, *operands: Any, text: str, outs: Sequence[Aval], aliases: Any) -> Any:
        del outs
        call = ffi_lowering(_library.xla_name(TARGET, platform), dict(aliases))
        return call(ctx, *operands, sequence=np.int64(register(text)))

    return lower


for _platform in _library.PLATFORMS:
    mlir.register_lowering(sequence_p, lowering(_platform), platform=_platform)


def equation_of(group: Group, needed: Collection[Any]) -> Any:
    """The one equation of a group, of whose results these are needed elsewhere."""
    return _Layout(group, needed).equation()


class _Layout:
    """Where the operands and results of calls lie in memory."""

    def __init__(self, group: Group, needed: Collection[Any]):
        self.group, self.needed, self.made = group, needed, group.made()
        self.arrays = group.rows.arrays if group.rows else {}
        self.outs = [self._outs(k) for k in range(len(group.calls))]
        self.args = [[e.invars[i] for i in c.operands] for e, c in zip(group.equations, group.calls, strict=True)]
        self._last_use = {atom: k for k, args in enumerate(self.args) for atom in variables(args)}
        self._replaced_by: dict[Any, Any] = {}
        for k in reversed(range(len(group.calls))):
            self._share(k)

    def _outs(self, k: int) -> list[Any]:
        """What a call makes, the memory that it works in included."""
        equation, call = self.group.equations[k], self.group.calls[k]
        scratch = call.outs[len(call.results) :]
        return [equation.outvars[i] for i in call.results] + [new_variable(aval) for aval in scratch]

    def _share(self, k: int) -> None:
        """Let what a call replaces share memory with what replaces it, if nobody else reads it from then on."""
        for operand, result in self.group.calls[k].aliases.items():
            atom, args = self.args[k][operand], self.args[k]
            if isinstance(atom, Literal) or args.count(atom) > 1 or self._last_use[atom] > k:
                continue
            if atom not in self.made or atom not in self.needed:
                self._replaced_by[atom] = self._memory(self.outs[k][result])

    def _memory(self, v: Any) -> Any:
        """The variable in whose memory another lies."""
        return self._replaced_by.get(v, v)

    def equation(self) -> Any:
        operands = [*dict.fromkeys(v for args in self.args for v in args if self._is_operand(v))]
        operands += [before for before, _ in self.arrays.values()]
        own = (v for outs in self.outs for v in outs if v not in self.arrays)
        results = [*dict.fromkeys(map(self._memory, own)), *(after for _, after in self.arrays.values())]
        aliases = [(operands.index(before), results.index(after)) for before, after in self.arrays.values()]
        aliases += [(operands.index(v), results.index(out)) for v, out in self._replaced_by.items() if v in operands]
        params = {
            "text": self._text(operands, results),
            "outs": tuple(v.aval.update(weak_type=False) for v in results),
            "aliases": tuple(sorted(aliases)),
        }
        last = self.group.equations[-1]
        return last.replace(primitive=sequence_p, invars=operands, outvars=results, params=params)

    def _is_operand(self, atom: Any) -> bool:
        return not self._is_constant(atom) and atom not in self.made

    def _is_constant(self, atom: Any) -> bool:
        return isinstance(atom, Literal) or (atom.aval.shape == (0,) and atom not in self.made)

    def _name(self, target: str) -> str:
        return _library.xla_name(target, self.group.platform).removeprefix(_library.PREFIX)

    def _text(self, operands: Sequence[Any], results: Sequence[Any]) -> str:
        """The sequence as native code reads it."""
        places = {v: k for k, v in enumerate([*operands, *results, *self.arrays])}
        constants: dict[str, int] = {}

        def place(atom: Any) -> int:
            if self._is_constant(atom):
                return constants.setdefault(_constant(atom), len(places) + len(constants))
            # An operand that a result replaces keeps its own place, as XLA may not have let them share memory.
            return places[atom] if atom in places else places[self._memory(atom)]

        calls = [
            f"call {self._name(call.target)} operands {_list(map(place, args))} results {_list(map(place, outs))}"
            + "".join(f" {name}={_attribute(value)}" for name, value in call.attributes.items())
            for call, args, outs in zip(self.group.calls, self.args, self.outs, strict=True)
        ]
        head = f"sequence operands {len(operands)} results {len(results)}"
        return "\n".join([head, *map(_buffer, [*operands, *results]), *self._rows(place), *constants, *calls, ""])

    def _rows(self, place: Callable[[Any], int]) -> list[str]:
        """The rows that calls write, with the arrays in which they stand."""
        if (rows := self.group.rows) is None:
            return []
        counter = _list(map(place, rows.counter))
        head = f"rows {rows.length} reverse {int(rows.reverse)} counter {counter} word {STEPS}"
        return [head, *(f"row {_kind(row)} of {_list(map(place, both))}" for row, both in rows.arrays.items())]


def _buffer(v: Any) -> str:
    """An operand or a result, by which calls are prepared before the first step."""
    return f"buffer {_kind(v)}"


def _kind(v: Any) -> str:
    return f"{_DTYPES[v.aval.dtype.name]} dims {_list(v.aval.shape)}"


def _constant(atom: Any) -> str:
    """A number of the program, or an array of none."""
    dtype = atom.aval.dtype
    if not isinstance(atom, Literal):
        return f"constant {_DTYPES[dtype.name]} dims 0 bits 0"
    bits = int.from_bytes(np.asarray(atom.val, dtype).tobytes(), "little")
    return f"constant {_DTYPES[dtype.name]} dims - bits {bits:x}"


def _attribute(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"ints:{_list(value)}"
    return f"flag:{int(value)}" if isinstance(value, (bool, np.bool_)) else f"int:{operator.index(value)}"


def _list(numbers: Any) -> str:
    return ",".join(str(int(n)) for n in numbers) or "-"
