"""The `Kernel` record: a native call is declared once, and all that JAX needs to know of it is derived here.

A declaration names what goes in and what comes out, and gives the definition of the kernel in plain JAX:

    add_p = Kernel(
        "event_add",
        add_reference,                                    # add_reference(spikes, weight, target, *, offset) -> [target]
        structure=("offset",),                            # what shapes the program: hashable, not differentiable
        operands=(*inputs("spikes"), *params("weight"), *state("target")),
        linear={"weight": _cotangent_of_weight},          # derivative: what the kernel is linear in
        adds_to="target",
        batch=leading_axes("spikes", "target"),           # `vmap`
        dtypes={"target": FLOATS},                        # the native code takes only these
        attributes=lambda o, offset: {"offset": offset},  # what the native code is told beside its operands
    )
    (target,) = add_p(spikes=spikes, weight=weight, target=target, offset=0)

| derived | from |
|---|---|
| order of operands | `operands`: native code and reference take them in this order |
| order of results | the `state` operands, which are replaced in place, then `outputs` |
| shapes of results | those of the state; `outputs` says the others |
| tangents and cotangents | `linear` and `adds_to`, or else the reference; `jvp` and `transpose` take their place |
| `vmap` | `batch` |
| varying axes in `shard_map` | all operands vary where one of them does, and so do the results |
| `sl.parallel.mesh` | `mesh`; elementwise kernels run on the neurons of each device |
| program of each platform | the native code of its name where the library has it, or else the reference |

The native code of an `elementwise` kernel is made from its reference, so that it needs a declaration only.

A new platform is one more entry of `PLATFORMS` and what the library registers for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import numpy as np

from .._jax import Aval, Primitive, ad, batching, mlir, new_primitive
from . import _library, _rules
from ._mesh_axes import ByNeuron, ByTarget
from ._native_call import NativeCall
from ._turn import Turn, once
from .program import _call
from .program._ir import Program
from .program._lower import NoProgram

KERNELS: dict[str, Kernel] = {}  # every declaration by its name
FLOATS = ("float32", "float64")  # the floats that native code computes with


def cuda_tiles(n: int) -> int:
    """Blocks of threads on a GPU that take one of `n` items each: what scratch memory is measured in."""
    return -(-n // 256)


class Operand(NamedTuple):
    """An operand and its group: one of those below."""

    name: str
    group: str


Operands = tuple[Operand, ...]


def _group(group: str) -> Callable[..., Operands]:
    return lambda *names: tuple(Operand(name, group) for name in names)


params = _group("parameter")  # stay the same from step to step: parameters, connectivity, what follows from dt
state = _group("state")  # each is replaced by a result of the same name, shape and dtype
inputs = _group("input")  # what a step reads
tangents = _group("tangent")  # tangents or cotangents, the operands of a derivative

ByName = SimpleNamespace  # operands, their abstract values, tangents or batch axes, in the order of the declaration
Shapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclass(frozen=True, eq=False)
class Kernel:
    """The declaration of a native call.

    Functions get operands, or what stands for them, by name as `o`, and the structure, of which all may depend.

    | field | says |
    |---|---|
    | `reference` | (*operands, **structure) → results, in plain JAX: the definition |
    | `operands` | names and groups, in order; or a function of the structure |
    | `outputs` | (o, **structure) → shapes of the results that replace nothing, by name |
    | `in_place` | whether results replace the state; else there are only outputs |
    | `linear` | each operand that the kernel is linear in: (cotangent of the result, o, **structure) → its cotangent |
    | `adds_to` | the state that a linear kernel adds to |
    | `jvp`, `transpose`, `batch` | rules, as those of `_rules` |
    | `dtypes` | of operands, with which native code computes |
    | `attributes` | (o, **structure) → what native code is told beside the operands |
    | `native_operands` | those that native code takes, if not all; state that is not among them passes by |
    | `scratch` | {platform: (o, **structure) → shapes of memory that its native code works in} |
    | `elementwise` | an element of a result depends on the same element of the operands, or on one number for all: \
    then the native code is the program of the reference. The first state has the shape of the population; results \
    that have another one are sums over it |
    | `turn` | of an elementwise kernel of many steps: (**structure) → the `Turn` that its native code repeats; \
    operands that are timed, and results for each step, have one more first axis |
    | `platforms` | those that native code is for; on others the reference is as good. None for what XLA does as well |
    | `returned` | state that loops return from every step. On GPUs its new values get memory of their own: an \
    unrolled loop would have to copy them else |
    | `mesh` | how devices share the work, if the kernel is not elementwise; otherwise each does all of it |
    | `label` | (**structure) → what messages call it, if not by its name |
    """

    name: str
    reference: Callable[..., list[Any]]
    operands: Operands | Callable[..., Operands]
    structure: tuple[str, ...] = ()
    outputs: Callable[..., Shapes] = lambda o, **structure: {}
    in_place: bool = True
    linear: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    adds_to: str | None = None
    jvp: Callable[..., Any] | None = None
    transpose: Callable[..., Any] | None = None
    batch: Callable[..., Any] = _rules.one_by_one
    dtypes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    attributes: Callable[..., Mapping[str, Any]] = lambda o, **structure: {}
    native_operands: tuple[str, ...] | None = None
    scratch: Mapping[str, Callable[..., Sequence[jax.ShapeDtypeStruct]]] = field(default_factory=dict)
    elementwise: bool = False
    turn: Callable[..., Turn] | None = None
    platforms: tuple[str, ...] = _library.PLATFORMS
    returned: tuple[str, ...] = ()
    label: Callable[..., str] | None = None
    mesh: ByTarget | ByNeuron | None = None
    primitive: Primitive = field(init=False)

    def __post_init__(self) -> None:
        if self.name in KERNELS:
            raise ValueError(f"There is a kernel {self.name!r} already.")
        object.__setattr__(self, "primitive", new_primitive(_jax_name(self.name), self._results, self.reference))
        ad.primitive_jvps[self.primitive] = self._jvp
        if self.transpose or self.linear:
            ad.primitive_transposes[self.primitive] = self._transpose
        batching.primitive_batchers[self.primitive] = self._batch
        for platform in self.platforms:
            mlir.register_lowering(self.primitive, self._lowering(platform), platform=platform)
        KERNELS[self.name] = self

    def __call__(self, **given: Any) -> list[Any]:
        """The results, from operands and structure by name."""
        structure = {name: given.pop(name) for name in self.structure}
        return self.run(given, structure)

    def run(self, operands: Mapping[str, Any], structure: Mapping[str, Any]) -> list[Any]:
        """The results, from operands by name in any order."""
        names = self.names(structure)
        if operands.keys() != {*names}:
            raise TypeError(f"Kernel {self.name!r} takes {names}; given {tuple(operands)}.")
        return self.bind(*(operands[name] for name in names), **structure)

    def bind(self, *operands: Any, **structure: Any) -> list[Any]:
        """The results, from operands in the order of the declaration."""
        return self.primitive.bind(*operands, **structure)

    def declared(self, structure: Mapping[str, Any]) -> Operands:
        """The operands for this structure."""
        return self.operands(**structure) if callable(self.operands) else self.operands

    def names(self, structure: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the operands in their order."""
        return tuple(operand.name for operand in self.declared(structure))

    def by_name(self, values: Sequence[Any], structure: Mapping[str, Any]) -> ByName:
        """Values that belong to the operands, such as their tangents, by the operands' names."""
        return ByName(**dict(zip(self.names(structure), values, strict=True)))

    def replaced(self, structure: Mapping[str, Any]) -> tuple[str, ...]:
        """The operands that results replace: the first results, in this order."""
        return tuple(x.name for x in self.declared(structure) if self.in_place and x.group == "state")

    @property
    def target(self) -> str:
        """The name of the native code."""
        if not self.elementwise:
            return self.name
        return _call.TARGET if self.turn is None else _call.STEPS

    def turn_of(self, structure: Mapping[str, Any]) -> Turn:
        """The step that a kernel of many steps repeats."""
        assert self.turn is not None
        return self.turn(**structure)

    def first_state(self, structure: Mapping[str, Any]) -> str:
        """The first operand that is state; in an elementwise kernel it has the shape of the population."""
        return next(operand.name for operand in self.declared(structure) if operand.group == "state")

    def runs_native(self, avals: Any, structure: Mapping[str, Any], platform: str = "cpu") -> bool:
        """Whether operands of these dtypes run native on a platform; warns once if only the library is missing."""
        if platform not in self.platforms:
            return False
        if self.elementwise:
            dtypes = {x.dtype.name for x in vars(avals).values()} - {"uint32"}  # the words of a key
            takes = len(dtypes) == 1 and dtypes <= {*FLOATS} and getattr(avals, self.first_state(structure)).size
            return bool(takes) and not _by_xla(platform) and _library.has(self.target, platform, self.name)
        takes = all(getattr(avals, name).dtype in dtypes for name, dtypes in self.dtypes.items())
        return takes and _library.has(self.name, platform)

    def native_call(
        self, avals_in: Sequence[Any], avals_out: Sequence[Any], structure: Mapping[str, Any], platform: str
    ) -> NativeCall | None:
        """The native call on a platform, or None if the reference runs; a warning says if native code is missing."""
        if not self.runs_native(self.by_name(avals_in, structure), structure, platform):
            return None
        if not self.elementwise:
            return self._handwritten_call(avals_in, avals_out, structure, platform)
        try:
            program = self.program(avals_in, avals_out, structure, platform)
        except NoProgram as reason:
            _library.fall_back(self.label(**structure) if self.label else self.name, str(reason))
            return None
        aliases, times = self.replacements(structure, platform), self._times(program, structure)
        return _call.native_call(program, aliases, avals_in, avals_out, platform, self.target, times)

    def program(
        self, avals_in: Sequence[Any], avals_out: Sequence[Any], structure: Mapping[str, Any],
        platform: str = "cpu", *, expands: bool = True,
    ) -> Program:  # fmt: skip
        """The program of an elementwise kernel; with math functions by name if it is not to expand them."""
        first = self.names(structure).index(self.first_state(structure))
        replacements = self.replacements(structure, platform)
        if self.turn is None:
            return _call.program_for(self.reference, structure, first, replacements, avals_in, avals_out, expands)
        given, made = self._of_step(avals_in, avals_out, structure)
        parts = {"turn": self.turn, **structure}
        return _call.program_for(once, parts, first, replacements, given, made, expands)

    def _of_step(
        self, avals_in: Sequence[Any], avals_out: Sequence[Any], structure: Mapping[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        """The abstract values of operands and results in one step."""
        turn, row = self.turn_of(structure), lambda aval: aval.update(shape=aval.shape[1:])
        given = [row(x) if name in turn.timed else x for name, x in zip(turn.operands, avals_in, strict=True)]
        kept = range(len(turn.carried), len(avals_out) - turn.sums)
        return given, [row(x) if k in kept else x for k, x in enumerate(avals_out)]

    # --- what JAX asks for -------------------------------------------------------------------------------------------

    def _results(self, *avals: Any, **structure: Any) -> list[Any]:
        """The abstract values of the results."""
        o, like = self.by_name(avals, structure), avals[0]
        replaced = [getattr(o, name).update(weak_type=False) for name in self.replaced(structure)]
        made = self.outputs(o, **structure).values()
        return replaced + [like.update(shape=x.shape, dtype=x.dtype, weak_type=False) for x in made]

    def _jvp(self, primals: Sequence[Any], tangents: Sequence[Any], **structure: Any) -> Any:
        rule = self.jvp or (_rules.product_rule if self.linear or self.adds_to else _rules.by_reference)
        o, slopes = (self.by_name(values, structure) for values in (primals, tangents))
        return rule(self, o, slopes, structure)

    def _transpose(self, cts: Sequence[Any], *operands: Any, **structure: Any) -> list[Any]:
        rule = self.transpose or _rules.transposed_product
        found = rule(self, cts, self.by_name(operands, structure), structure)
        return [found.get(name) for name in self.names(structure)]

    def _batch(self, operands: Sequence[Any], axes: Sequence[Any], **structure: Any) -> Any:
        outs = self.batch(self, self.by_name(operands, structure), self.by_name(axes, structure), structure)
        return outs if isinstance(outs, tuple) else (outs, [0] * len(outs))

    def _lowering(self, platform: str) -> Callable[..., Any]:
        by_reference = mlir.lower_fun(self.reference, multiple_results=True)

        def lower(ctx: Any, *operands: Any, **structure: Any) -> Any:
            call = self.native_call(ctx.avals_in, ctx.avals_out, structure, platform)
            return call.lower(ctx, operands, platform) if call else by_reference(ctx, *operands, **structure)

        return lower

    def _times(self, program: Program, structure: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of a call that runs many steps; none for one step."""
        if self.turn is None:
            return {}
        turn = self.turn_of(structure)
        timed = [np.int32(turn.operands[k] in turn.timed) for k in program.operands]
        return {"steps": np.int64(turn.steps), "reverse": turn.reverse, "timed": np.asarray(timed)}

    def replacements(self, structure: Mapping[str, Any], platform: str = "cpu") -> dict[int, int]:
        """The places of the results that replace operands, with those of the operands."""
        names, kept = self.names(structure), self.returned if platform == "cuda" else ()
        return {k: names.index(name) for k, name in enumerate(self.replaced(structure)) if name not in kept}

    def _handwritten_call(
        self, avals_in: Sequence[Any], avals_out: Sequence[Any], structure: Mapping[str, Any], platform: str
    ) -> NativeCall:
        names, o = self.names(structure), self.by_name(avals_in, structure)
        taken, replaced = self.native_operands or names, self.replaced(structure)
        results = (*replaced, *self.outputs(o, **structure))
        own = [name for name in results if name in taken or name not in replaced]
        places = [results.index(name) for name in own]
        scratch = [Aval(x.shape, x.dtype) for x in self._scratch(o, structure, platform)]
        return NativeCall(
            self.name,
            [names.index(name) for name in taken],
            places,
            [avals_out[k] for k in places] + scratch,
            {taken.index(name): k for k, name in enumerate(own) if name in replaced},
            self.attributes(o, **structure),
            {k: names.index(name) for k, name in enumerate(results) if name not in own},
        )

    def _scratch(self, o: ByName, structure: Mapping[str, Any], platform: str) -> Sequence[jax.ShapeDtypeStruct]:
        return self.scratch[platform](o, **structure) if platform in self.scratch else ()


def table() -> dict[str, tuple[str, ...]]:
    """For each kernel the platforms on which it is native; derivatives go with their kernel."""
    names = [name for name in sorted(KERNELS) if "." not in name and KERNELS[name].platforms]
    native = {name: _library.targets.get(KERNELS[name].target, ()) for name in names}
    return {name: tuple(x for x in native[name] if not (KERNELS[name].elementwise and _by_xla(x))) for name in names}


def _by_xla(platform: str) -> bool:
    """Whether XLA compiles the references of elementwise kernels, as there is no compiler of programs."""
    return platform == "cpu" and _library.native is not None and _library.program_level() == "xla"


def _jax_name(name: str) -> str:
    return "spikeloop_" + name.replace(".", "_")
