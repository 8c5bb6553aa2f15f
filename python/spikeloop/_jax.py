"""Everything that JAX does not promise to keep: tracing internals and the FFI. No other file imports them.

Checked against jax 0.9 to 0.12.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax._src import config as _config
from jax._src import core as _core
from jax._src import source_info_util as _source_info
from jax._src import xla_bridge as _bridge
from jax._src.interpreters import batching as _batching
from jax._src.interpreters import partial_eval as _partial_eval
from jax._src.interpreters.ad import jvp_jaxpr as _jvp_jaxpr
from jax._src.interpreters.partial_eval import DynamicJaxprTrace as _StagingTrace
from jax.core import ShapedArray as Aval
from jax.extend.core import Literal, Primitive
from jax.interpreters import ad, batching, mlir, xla
from jax.sharding import AxisType

if TYPE_CHECKING:
    from jax._src.core import ClosedJaxpr
else:
    from jax.extend.core import ClosedJaxpr

__all__ = [
    "EAGER",
    "Aval",
    "ClosedJaxpr",
    "Literal",
    "Primitive",
    "ad",
    "aval_of",
    "batching",
    "bind_equation",
    "bind_inputs",
    "consts_to_arguments",
    "counts_of_scan",
    "current_trace",
    "default_device",
    "differ_between_lanes",
    "ffi_lowering",
    "flat_program",
    "has_started",
    "inner_program",
    "inputs_to_arguments",
    "is_at_hand",
    "is_jit_disabled",
    "is_staging",
    "is_tracer",
    "is_wide",
    "jaxpr_of",
    "mlir",
    "named_axes",
    "named_axis",
    "new_primitive",
    "new_program_primitive",
    "new_variable",
    "register_target",
    "run_jaxpr",
    "run_with",
    "slice_struct",
    "source_line",
    "strong",
    "tracing",
    "varying_axes",
    "zero_tangent",
]

tracing = _core.trace_ctx  # `tracing.trace` is the JAX trace that operations are recorded in at this moment,
EAGER = _core.eval_trace  # or this one where JAX computes right away, outside all of its transformations

# An equation `input[token, avals]` stands for values that a traced function found outside its arguments. It exists
# only until the trace is finished, when `inputs_to_arguments` turns its results into arguments.
_input_p = Primitive("spikeloop_input")
_input_p.multiple_results = True
_input_p.def_abstract_eval(lambda *, token, avals: list(avals))


def current_trace() -> Any:
    """The JAX trace that operations are recorded in at this moment."""
    return tracing.trace


def has_started() -> bool:
    """Whether JAX has a device and threads, which the first computation or array starts."""
    return _bridge.backends_are_initialized()


def default_device() -> Any:
    """The device that new arrays lie on."""
    device = _config.default_device.value or jax.devices()[0]
    return jax.devices(device)[0] if isinstance(device, str) else device


def named_axis(name: str | None, size: int) -> contextlib.AbstractContextManager[None]:
    """Context in which collectives over the axis `name` can be traced."""
    return contextlib.nullcontext() if name is None else named_axes({name: size})


def named_axes(sizes: Mapping[Any, int]) -> contextlib.AbstractContextManager[None]:
    """Context in which collectives over these axes can be traced."""
    return _core.extend_axis_env_nd([*sizes.items()])


def varying_axes(value: Any) -> frozenset[Any]:
    """The axes of a mesh over which a value differs between devices, inside of `jax.shard_map`."""
    aval = jax.typeof(value)
    manual = getattr(aval, "mat", None)  # the name since jax 0.10.2; before, the aval has the axes itself
    return frozenset(getattr(aval, "vma", ()) if manual is None else manual.varying)


def slice_struct(leaf: Any) -> Any:
    """Shape and dtype of one slice of an array along its first axis; in `jax.shard_map` it varies as the array does."""
    shape = jnp.shape(leaf)[1:]
    return (
        jax.typeof(leaf).update(shape=shape)
        if varying_axes(leaf)
        else jax.ShapeDtypeStruct(shape, jnp.result_type(leaf))
    )


def differ_between_lanes(
    closed: ClosedJaxpr, axes: Sequence[int | None], size: int, name: str | None, spmd_name: Any
) -> list[bool]:
    """For each result of `closed` whether it differs between lanes; `axes` are those of the lanes of the arguments."""
    axis = _batching.AxisData(_core.no_axis_name if name is None else name, size, spmd_name, None)
    rank = [len(aval.shape) + 1 for aval in closed.in_avals]  # the lanes are one more axis
    dims = tuple(None if dim is None else dim % n for dim, n in zip(axes, rank, strict=True))
    _, found = _batching.batch_jaxpr2(closed, axis, dims)
    return [dim is not None for dim in found]


def is_at_hand(*values: Any) -> bool:
    """Whether NumPy may compute with these values: no transformation is active, and none is spread over devices."""
    is_spread = any(hasattr(x, "sharding") and not is_tracer(x) and len(x.sharding.device_set) > 1 for x in values)
    return current_trace() is EAGER and not any(map(is_tracer, values)) and not is_spread


def is_jit_disabled() -> bool:
    """Whether `jax.disable_jit` holds."""
    return _config.disable_jit.value


def is_wide() -> bool:
    """Whether JAX makes 64-bit numbers."""
    return _config.enable_x64.value


def is_staging(trace: Any) -> bool:
    """Whether `trace` records a program (`jit`, `scan`, `make_jaxpr`), so that values read now become constants."""
    return isinstance(trace, _StagingTrace)


def is_tracer(value: Any) -> bool:
    """Whether `value` is an abstract value of a running trace."""
    return isinstance(value, _core.Tracer)


def aval_of(leaf: Any) -> Aval:
    """The strongly typed abstract value of an array leaf, without the devices that it lies on.

    Where axes of a mesh are explicit or manual, how the array is cut is a part of its type, and stays.
    """
    aval = jax.typeof(leaf)
    mesh = getattr(getattr(aval, "sharding", None), "mesh", None)
    if mesh is not None and not mesh.empty and {*mesh.axis_types} == {AxisType.Auto}:
        return Aval(aval.shape, aval.dtype)
    return aval.update(weak_type=False) if getattr(aval, "weak_type", False) else aval


def strong(leaf: Any) -> Any:
    """`leaf` as an array whose dtype does not give way to that of others, as a Python number's does."""
    leaf = jnp.asarray(leaf)
    return jax.lax.convert_element_type(leaf, leaf.dtype) if jax.typeof(leaf).weak_type else leaf


def bind_inputs(trace: Any, token: int, avals: Sequence[Aval]) -> list[Any]:
    """Tracers of the staging `trace` for new inputs, also from inside a transformation nested in it.

    The token is a number because JAX keeps the parameters of equations in its caches.
    """
    with _core.set_current_trace(trace):
        return _input_p.bind(token=token, avals=tuple(avals))


def inputs_to_arguments(closed: ClosedJaxpr, tokens: Sequence[tuple[int, Sequence[Aval]]]) -> ClosedJaxpr:
    """Replace the input equations of `closed` by arguments, appended in the order of `tokens`."""
    jaxpr = closed.jaxpr
    found: dict[int, Sequence[Any]] = {}
    body = []
    for eqn in jaxpr.eqns:
        if eqn.primitive is _input_p:
            found[eqn.params["token"]] = eqn.outvars
        else:
            body.append(eqn)
    new = [v for token, avals in tokens for v in found.get(token) or [_core.Var(a) for a in avals]]
    info = jaxpr.debug_info._replace(arg_names=None, result_paths=None)
    jaxpr = jaxpr.replace(invars=[*jaxpr.invars, *new], eqns=body, debug_info=info)
    return ClosedJaxpr(jaxpr, closed.consts)


def consts_to_arguments(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` with its constants as its first arguments."""
    jaxpr = closed.jaxpr
    info = jaxpr.debug_info._replace(arg_names=None, result_paths=None)
    jaxpr = jaxpr.replace(constvars=[], invars=[*jaxpr.constvars, *jaxpr.invars], debug_info=info)
    return ClosedJaxpr(jaxpr, [])


def jaxpr_of(equation: Any, jaxpr: Any) -> ClosedJaxpr:
    """The program that one equation of `jaxpr` is, a function of its variables."""
    known = [*dict.fromkeys(atom for atom in equation.invars if not isinstance(atom, Literal))]
    info = jaxpr.debug_info._replace(arg_names=None, result_paths=None)
    one = jaxpr.replace(constvars=[], invars=known, outvars=[*equation.outvars], eqns=[equation], debug_info=info)
    return ClosedJaxpr(one, [])


def run_jaxpr(closed: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    """Evaluate `closed`."""
    return _core.eval_jaxpr(closed.jaxpr, closed.consts, *args)


# Operations that do nothing but run a program, with the name of the parameter that holds it.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "spikeloop_step": "jaxpr",
    "spikeloop_loop": "jaxpr",
}


def inner_program(equation: Any) -> ClosedJaxpr | None:
    """The program that an operation does nothing but run; for programs that are past all differentiation."""
    name = _CALLS.get(equation.primitive.name)
    if name is None:
        return None
    inner = equation.params[name]
    return inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, [])


def counts_of_scan(params: Mapping[str, Any]) -> tuple[int, int]:
    """(number of constants, number of values carried) of a `scan`: JAX 0.12 tells them as groups of its operands."""
    if "ft_in" in params:
        consts, carry, _ = (len(group) for group in params["ft_in"].unpack())
        return consts, carry
    return params["num_consts"], params["num_carry"]


def bind_equation(equation: Any, operands: Sequence[Any], **changed: Any) -> list[Any]:
    """The results of an operation on these operands, with some of its parameters `changed`."""
    parts, params = _bind_params(equation, {**equation.params, **changed})
    outs = equation.primitive.bind(*parts, *operands, **params)
    return list(outs) if equation.primitive.multiple_results else [outs]


def _bind_params(equation: Any, params: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    found = equation.primitive.get_bind_params(params)
    return found if isinstance(found, tuple) else ((), found)


def run_with(apply: Callable[[Any, list[Any]], Sequence[Any]], closed: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    """Evaluate `closed`; `apply(equation, operands)` gives the results of each operation, as `bind_equation` does."""
    known = dict(zip([*closed.jaxpr.constvars, *closed.jaxpr.invars], [*closed.consts, *args], strict=True))
    read = lambda atom: atom.val if isinstance(atom, Literal) else known[atom]  # noqa: E731
    for equation in closed.jaxpr.eqns:
        outs = apply(equation, [read(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, outs, strict=True))
    return [read(atom) for atom in closed.jaxpr.outvars]


def flat_program(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` without operations that only run another program, and without those whose results nobody uses."""

    def apply(equation: Any, operands: list[Any]) -> list[Any]:
        inner = inner_program(equation)
        return bind_equation(equation, operands) if inner is None else run(inner, operands)

    def run(closed: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
        return run_with(apply, closed, args)

    return without_unused(jax.make_jaxpr(lambda *args: run(closed, args))(*closed.in_avals))


def without_unused(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` without the operations whose results are not used."""
    jaxpr, _ = _partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return ClosedJaxpr(jaxpr, closed.consts)


def zero_tangent(value: Any) -> Any:
    """The symbolic zero among the tangents of `value`."""
    return ad.Zero(jax.typeof(value).to_tangent_aval())


# In `shard_map`, operands of which some vary over axes of the mesh and others are replicated become all varying. The
# first name is that of jax 0.10 and newer, the other that of jax 0.9.
_vary_alike: Callable = getattr(_core, "auto_insert_reshard", None) or getattr(_core, "standard_insert_pvary")  # noqa: B009


class _VaryingAlike(Primitive):
    """A primitive whose results vary over the axes of a mesh that any of its operands varies over."""

    def bind(self, *operands: Any, **params: Any) -> Any:
        return super().bind(*_vary_alike(*operands), **params)


def new_primitive(name: str, abstract_eval: Callable, reference: Callable) -> Primitive:
    """A primitive with several results that runs `reference` wherever no platform has a lowering of its own."""
    primitive = _VaryingAlike(name)
    primitive.multiple_results = True
    primitive.def_impl(lambda *args, **params: xla.apply_primitive(primitive, *args, **params))
    primitive.def_abstract_eval(abstract_eval)
    mlir.register_lowering(primitive, mlir.lower_fun(reference, multiple_results=True))
    return primitive


def new_variable(aval: Aval) -> Any:
    """A variable that stands in no program yet."""
    return _core.Var(aval)


def new_program_primitive(name: str) -> Primitive:
    """A primitive that runs its parameter `jaxpr`, a program without constants, and has `fixed` for each operand.

    Derivatives are those of the operations of the program. Lanes and unused results make it another program.
    """
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(lambda *args, jaxpr, fixed: run_jaxpr(jaxpr, args))
    primitive.def_abstract_eval(lambda *args, jaxpr, fixed: list(jaxpr.out_avals))
    run = mlir.lower_fun(lambda *args, jaxpr, fixed: run_jaxpr(jaxpr, args), multiple_results=True)
    mlir.register_lowering(primitive, run)
    ad.primitive_jvps[primitive] = _program_jvp
    _batching.fancy_primitive_batchers[primitive] = _program_batch(primitive)
    _partial_eval.dce_rules[primitive] = _program_without_unused
    # From JAX 0.12 on a program may have operations that JAX itself writes out, like `searchsorted`.
    primitive.to_lojax = lambda *args, jaxpr, fixed: primitive.bind(
        *args, jaxpr=_partial_eval.lower_jaxpr2(jaxpr), fixed=fixed
    )
    return primitive


def _program_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, fixed: Any) -> Any:
    del fixed
    varied = [type(t) is not ad.Zero for t in tangents]
    both, varies = _jvp_jaxpr(jaxpr, varied, instantiate=False)
    outs = run_jaxpr(both, [*primals, *(t for t, live in zip(tangents, varied, strict=True) if live)])
    results, slopes = outs[: len(jaxpr.out_avals)], iter(outs[len(jaxpr.out_avals) :])
    return results, [next(slopes) if live else zero_tangent(x) for x, live in zip(results, varies, strict=True)]


def _program_batch(primitive: Primitive) -> Callable:
    def rule(axis: Any, args: Sequence[Any], dims: Sequence[Any], *, jaxpr: ClosedJaxpr, fixed: Any) -> Any:
        inner, dims_out = _batching.batch_jaxpr2(jaxpr, axis, tuple(dims))
        return primitive.bind(*args, jaxpr=inner, fixed=fixed), dims_out

    return rule


def _program_without_unused(used: Sequence[bool], *live_and_equation: Any) -> Any:
    equation = live_and_equation[-1]  # from JAX 0.12 on also told which inputs are live, which matters to references
    if not any(used):
        return [False] * len(equation.invars), None
    inner, needed = _partial_eval.dce_jaxpr(equation.params["jaxpr"].jaxpr, list(used))
    kept = lambda items, keep: [x for x, keeps in zip(items, keep, strict=True) if keeps]  # noqa: E731
    fixed = tuple(kept(equation.params["fixed"], needed))
    params = {"jaxpr": ClosedJaxpr(inner, []), "fixed": fixed}
    return needed, equation.replace(
        invars=kept(equation.invars, needed), outvars=kept(equation.outvars, used), params=params
    )


def source_line(equation: Any) -> str:
    """Where an equation of a jaxpr was written: file, line and function."""
    return _source_info.summarize(equation.source_info)


def ffi_lowering(target: str, aliases: dict[int, int]) -> Callable:
    """The lowering to the custom call `target`, with operands updated in place as `aliases` {operand: result} says."""
    return jax.ffi.ffi_lowering(target, operand_output_aliases=aliases)


def register_target(name: str, capsule: Any, platform: str) -> None:
    """Make the native handler `capsule` known to XLA under `name`."""
    jax.ffi.register_ffi_target(name, capsule, platform=platform)
