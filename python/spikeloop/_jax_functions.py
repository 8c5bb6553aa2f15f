"""Functions that stay one equation when JAX traces them, so that a program can hold them as one operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._jax import Primitive, ad, batching, mlir, xla, zero_tangent


def new_function(name: str, reference: Callable, slope: Callable) -> Callable:
    """A function of a float that stays one equation when it is traced; `slope` is its derivative."""
    primitive = _with_one_result(name, reference, lambda x: x)
    ad.defjvp(primitive, lambda tangent, x: tangent * slope(x))
    batching.defvectorized(primitive)
    return primitive.bind


def new_constant_function(name: str, reference: Callable, abstract_eval: Callable) -> Primitive:
    """A primitive with one result, whose derivatives are 0; how it is batched is up to the caller."""
    primitive = _with_one_result(name, reference, abstract_eval)

    def constant(primals: Any, tangents: Any, **params: Any) -> Any:
        del tangents
        out = primitive.bind(*primals, **params)
        return out, zero_tangent(out)

    ad.primitive_jvps[primitive] = constant
    return primitive


def new_elementwise_function(name: str, reference: Callable, abstract_eval: Callable) -> Callable:
    """A function of arrays of one shape, by element, that stays one equation when it is traced; derivatives are 0."""
    primitive = new_constant_function(name, reference, abstract_eval)

    def batched(operands: Sequence[Any], axes: Sequence[int | None]) -> tuple[Any, int]:
        lanes = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
        return primitive.bind(*(batching.bdim_at_front(x, d, lanes) for x, d in zip(operands, axes, strict=True))), 0

    batching.primitive_batchers[primitive] = batched
    return primitive.bind


def _with_one_result(name: str, reference: Callable, abstract_eval: Callable) -> Primitive:
    """A primitive that runs `reference` on every platform."""
    primitive = Primitive(name)
    primitive.def_impl(lambda *args, **params: xla.apply_primitive(primitive, *args, **params))
    primitive.def_abstract_eval(abstract_eval)
    mlir.register_lowering(primitive, mlir.lower_fun(reference, multiple_results=False))
    return primitive
