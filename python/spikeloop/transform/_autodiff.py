"""Gradients with respect to States and arguments."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

from .._state import ParamState, State, present_values
from . import _eager
from ._traced import Traced, trace_function


class _Config(NamedTuple):
    kind: str  # "grad", "vector_grad", "jacrev", "jacfwd" or "hessian"
    state_tree: Any  # structure of grad_states, None if they are found by the trace
    argnums: int | tuple[int, ...] | None
    has_aux: bool
    return_value: bool
    unit_aware: bool
    check_states: bool
    options: tuple[tuple[str, Any], ...]


class GradientTransform:
    """A function that returns derivatives; see `grad`."""

    def __init__(
        self,
        kind: str,
        fun: Callable[..., Any],
        grad_states: Any = None,
        argnums: int | Sequence[int] | None = None,
        *,
        has_aux: bool | None = None,
        return_value: bool = False,
        unit_aware: bool = False,
        check_states: bool = True,
        debug_nan: bool = False,
        **options: Any,
    ):
        functools.update_wrapper(self, fun)
        leaves, tree = jax.tree.flatten(grad_states)
        for leaf in leaves:
            if not isinstance(leaf, State):
                raise TypeError(f"{kind}: grad_states holds {leaf!r}; give States, such as model.states(ParamState).")
        self._fun, self._states, self._debug_nan = fun, leaves, debug_nan
        nums = argnums if argnums is None or isinstance(argnums, int) else tuple(argnums)
        found = None if grad_states is None else tree
        aux = bool(has_aux)
        given = tuple(sorted((k, v) for k, v in options.items() if v))
        self._config = _Config(kind, found, nums, aux, return_value, unit_aware, check_states, given)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        nans = jax.debug_nans(True) if self._debug_nan else contextlib.nullcontext()
        with nans:
            return _eager.run(_differentiate, (self._fun, self._states), self._config, (args, kwargs))

    def __repr__(self) -> str:
        return f"<{self._config.kind} of {getattr(self._fun, '__qualname__', self._fun)!s}>"


def _maker(kind: str, doc: str) -> Callable[..., Any]:
    def make(fun: Any = None, grad_states: Any = None, argnums: Any = None, **options: Any) -> Any:
        if fun is None:
            return lambda f: GradientTransform(kind, f, grad_states, argnums, **options)
        return GradientTransform(kind, fun, grad_states, argnums, **options)

    make.__name__ = make.__qualname__ = kind
    make.__doc__ = doc
    return make


grad = _maker(
    "grad",
    """The gradient of a scalar function with respect to States, arguments, or both. Also a decorator.

    Calling the result runs `fun` too: the States that it writes get their new values. It returns the gradients, then
    the value if `return_value`, then the auxiliary output if `has_aux`.

    | name | meaning | default |
    |---|---|---|
    | `grad_states` | a State or a pytree of States; gradients come in the same structure | with arguments: none |
    | `argnums` | positions of arguments; with `grad_states` the result is (of States, of arguments) | see below |
    | `has_aux` | `fun` returns (loss, auxiliary output) | False |
    | `return_value` | also return the loss | False |
    | `unit_aware` | the loss may carry a unit; gradients carry unit of loss / unit of parameter | False |
    | `check_states` | a State that `fun` does not read is an error; otherwise its gradient is zero | True |
    | `holomorphic`, `allow_int` | as in `jax.grad` | False |
    | `debug_nan` | stop at the first NaN | False |

    With neither `grad_states` nor `argnums`, the first argument is used; if `fun` takes none, every ParamState that
    it reads, as a dict {path: gradient}. Without `unit_aware` a gradient has the structure and unit of its parameter,
    as optimisers want it: its number is the derivative with respect to the parameter's number.
    """,
)
vector_grad = _maker("vector_grad", "As `grad`, for a function that returns an array: the gradient of its sum.")
jacrev = _maker("jacrev", "The Jacobian by reverse mode; options of `grad`. Units are those of output / input.")
jacfwd = _maker("jacfwd", "The Jacobian by forward mode; options of `grad`. Units are those of output / input.")
hessian = _maker("hessian", "The matrix of second derivatives of a scalar function; options of `grad`.")
jacobian = jacrev


def value_and_grad(fun: Any = None, grad_states: Any = None, argnums: Any = None, **options: Any) -> Any:
    """`grad` that returns (value, gradients), and ((value, aux), gradients) if `has_aux`."""
    if fun is None:
        return lambda f: value_and_grad(f, grad_states, argnums, **options)
    transform = GradientTransform("grad", fun, grad_states, argnums, **{**options, "return_value": True})

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        grads, value, *aux = transform(*args, **kwargs)
        return ((value, *aux), grads) if aux else (value, grads)

    return wrapped


def _differentiate(functions: tuple[Any, list[State]], config: _Config, call: tuple) -> Any:
    fun, states = functions
    args, kwargs = call
    traced = trace_function(fun, args, kwargs, keep_created=True)
    config, states, rebuild = _targets(config, traced, states, args)
    _refuse_whole_numbers(states, config)
    nums = (config.argnums,) if isinstance(config.argnums, int) else config.argnums or ()
    inputs = (present_values(states), [args[i] for i in nums])
    values = traced.state_values()
    settings = traced.setting_values()
    where = {state: i for i, state in enumerate(traced.states)}

    def pure(diff: tuple[list[Any], list[Any]]) -> Any:
        inside = list(values)
        for state, value in zip(states, diff[0], strict=True):
            if state in where:
                inside[where[state]] = value
        chosen = dict(zip(nums, diff[1], strict=True))
        leaves = jax.tree.leaves((tuple(chosen.get(i, a) for i, a in enumerate(args)), kwargs))
        outs, new = traced.run(leaves, inside, settings)
        out = traced.result(outs)
        value, aux = _split_aux(out, config.kind) if config.has_aux else (out, None)
        return _number(value, config), (value, aux, new)

    grads, (value, aux, new) = _KINDS[config.kind](pure, inputs, config, dict(config.options))
    traced.commit(new)
    if config.kind == "hessian":
        parts = _quantity_tree(inputs)
        grads = parts.unflatten([_arrange(row, config, rebuild) for row in parts.flatten_up_to(grads)])
    grads = _arrange(grads, config, rebuild)
    extra = [value] * config.return_value + [aux] * config.has_aux
    return (grads, *extra) if extra else grads


def _arrange(grads: tuple[list[Any], list[Any]], config: _Config, rebuild: Callable[..., Any]) -> Any:
    """The derivatives with respect to (States, arguments) in the form that the user asked for."""
    by_state, by_argument = grads
    first = by_argument[0] if isinstance(config.argnums, int) else tuple(by_argument)
    return first if rebuild is _nothing else rebuild(by_state) if config.argnums is None else (rebuild(by_state), first)


def _split_aux(out: Any, kind: str) -> Any:
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{kind}: has_aux=True asks for (value, aux) as the result; the function returns one value.")
    return out


def _nothing(_: Sequence[Any]) -> None:
    return None


def _targets(config: _Config, traced: Traced, states: list[State], args: tuple) -> Any:
    """What to differentiate with respect to: (config with argnums, States, how to arrange their gradients)."""
    if config.state_tree is not None:
        unread = [state.path for state in states if state not in traced.states]
        if unread and config.check_states:
            raise ValueError(
                f"{config.kind}: {traced.name} does not read {', '.join(unread)}. "
                "Remove them from grad_states, or pass check_states=False to get zeros."
            )
        return config, states, config.state_tree.unflatten
    if config.argnums is not None or args:
        nums = 0 if config.argnums is None else config.argnums
        highest = max((nums,) if isinstance(nums, int) else nums, default=0)
        if highest >= len(args):
            raise ValueError(f"{config.kind}: argnums={nums}, but {traced.name} got {len(args)} positional arguments.")
        return config._replace(argnums=nums), [], _nothing
    params = [state for state in traced.states if isinstance(state, ParamState)]
    if not params:
        raise ValueError(
            f"{config.kind}: {traced.name} takes no argument and reads no ParamState, so there is nothing to "
            "differentiate with respect to. Pass grad_states=... or make the parameter a ParamState."
        )
    names = _unique([state.path for state in params])
    return config, params, lambda grads: dict(zip(names, grads, strict=True))


def _refuse_whole_numbers(states: Sequence[State], config: _Config) -> None:
    for state in states:
        kinds = {jnp.result_type(leaf).name for leaf in jax.tree.leaves(state.value)}
        if not dict(config.options).get("allow_int") and not all(map(_is_inexact, kinds)):
            raise TypeError(
                f"{config.kind}: {state.path} holds {', '.join(sorted(kinds))}, and only floats have derivatives. "
                "Begin with a decimal point, as in ParamState(10.0 * u.ms)."
            )


def _is_inexact(dtype: str) -> bool:
    return jnp.issubdtype(dtype, jnp.inexact)


def _unique(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}#{i}" for i, name in enumerate(names)]


def _number(value: Any, config: _Config) -> Any:
    """`value` without units; refused with a unit unless the transform is aware of units."""

    def strip(leaf: Any) -> Any:
        if not isinstance(leaf, u.Quantity):
            return leaf
        if config.kind in ("grad", "vector_grad") and not config.unit_aware and not leaf.is_unitless:
            raise TypeError(
                f"{config.kind}: the function returns a value in {leaf.unit}, but a loss is a plain number. "
                "Divide by a unit, or pass unit_aware=True."
            )
        return leaf.mantissa

    return jax.tree.map(strip, value, is_leaf=_is_quantity)


def _grad(pure: Any, inputs: Any, config: _Config, options: dict[str, Any]) -> Any:
    (_, rest), grads = jax.value_and_grad(_scalar(pure, "grad"), has_aux=True, **options)(inputs)
    return _with_units(grads, rest[0], inputs) if config.unit_aware else grads, rest


def _scalar(pure: Any, kind: str) -> Any:
    def checked(inputs: Any) -> Any:
        number, rest = pure(inputs)
        leaves = jax.tree.leaves(number)
        if len(leaves) != 1 or jnp.shape(leaves[0]) != ():
            shapes = [jnp.shape(leaf) for leaf in leaves]
            raise TypeError(
                f"{kind} needs a function that returns one number; it returns {shapes}. Sum it, or use vector_grad."
            )
        return leaves[0], rest

    return checked


def _vector_grad(pure: Any, inputs: Any, config: _Config, _options: dict[str, Any]) -> Any:
    number, pullback, rest = jax.vjp(pure, inputs, has_aux=True)
    (grads,) = pullback(jax.tree.map(jnp.ones_like, number))
    return _with_units(grads, rest[0], inputs) if config.unit_aware else grads, rest


def _jacobian(transform: Callable[..., Any]) -> Callable[..., Any]:
    def run(pure: Any, inputs: Any, _config: _Config, options: dict[str, Any]) -> Any:
        second = transform is jax.hessian
        pure = _scalar(pure, "hessian") if second else pure
        plain, structure = jax.tree.flatten(inputs)
        jac, rest = transform(lambda leaves: pure(structure.unflatten(leaves)), has_aux=True, **options)(plain)
        outs = jax.tree.leaves(rest[0], is_leaf=_is_quantity)
        number_tree = jax.tree.structure(rest[0], is_leaf=_is_quantity)
        rows = number_tree.flatten_up_to(jac)
        whole = [_row(row, out, inputs, second) for row, out in zip(rows, outs, strict=True)]
        jac = number_tree.unflatten(whole)
        by_input = jax.tree.transpose(number_tree, _quantity_tree(inputs), jac) if number_tree.num_nodes > 1 else jac
        return by_input, rest

    return run


def _row(row: Any, out: Any, inputs: Any, second: bool) -> Any:
    """The derivatives of one output, arranged like the inputs, with their units."""
    values, tree = jax.tree.flatten(inputs, is_leaf=_is_quantity)
    if second:
        row = [tree.unflatten([_unit(c, out, (a, b)) for c, b in zip(r, values, strict=True)])
               for r, a in zip(row, values, strict=True)]  # fmt: skip
        return tree.unflatten(row)
    return tree.unflatten([_unit(d, out, (value,)) for d, value in zip(row, values, strict=True)])


def _unit(derivative: Any, out: Any, inputs: Sequence[Any]) -> Any:
    unit: Any = getattr(out, "unit", u.UNITLESS)
    for value in inputs:
        unit = unit / getattr(value, "unit", u.UNITLESS)
    return derivative if unit.is_unitless else u.Quantity(derivative, unit=unit)


def _with_units(grads: Any, value: Any, inputs: Any) -> Any:
    (out,) = jax.tree.leaves(value, is_leaf=_is_quantity)
    mantissa = [g.mantissa if isinstance(g, u.Quantity) else g for g in jax.tree.leaves(grads, is_leaf=_is_quantity)]
    values, tree = jax.tree.flatten(inputs, is_leaf=_is_quantity)
    return tree.unflatten([_unit(g, out, (v,)) for g, v in zip(mantissa, values, strict=True)])


def _is_quantity(value: Any) -> bool:
    return isinstance(value, u.Quantity)


def _quantity_tree(value: Any) -> Any:
    return jax.tree.structure(value, is_leaf=_is_quantity)


_KINDS: dict[str, Callable[..., Any]] = {
    "grad": _grad,
    "vector_grad": _vector_grad,
    "jacrev": _jacobian(jax.jacrev),
    "jacfwd": _jacobian(jax.jacfwd),
    "hessian": _jacobian(jax.hessian),
}


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(`fun(*primals)`, its derivative along `tangents`); States keep the effects of one call."""
    return _eager.run(_jvp, (fun,), (), (tuple(primals), tuple(tangents)))


def _jvp(functions: tuple[Any], _config: tuple, args: tuple) -> tuple[Any, Any]:
    primals, tangents = args
    traced = trace_function(functions[0], primals, keep_created=True)
    states, settings = traced.state_values(), traced.setting_values()

    def pure(*leaves: Any) -> Any:
        return traced.run(leaves, states, settings)

    (outs, new), (slopes, _) = jax.jvp(pure, jax.tree.leaves(primals), jax.tree.leaves(tangents))
    traced.commit(new)
    return traced.result(outs), traced.result(slopes)


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(`fun(*primals)`, a function from cotangents of the result to cotangents of `primals`[, aux])."""
    out, pullback, aux = _eager.run(_vjp, (fun,), has_aux, primals)
    cotangents = functools.partial(_pull_back_eagerly, pullback)
    return (out, cotangents, aux) if has_aux else (out, cotangents)


def _vjp(functions: tuple[Any], has_aux: bool, primals: tuple) -> tuple[Any, Any, Any]:
    traced = trace_function(functions[0], primals, keep_created=True)
    states, settings = traced.state_values(), traced.setting_values()

    def pure(args: tuple) -> Any:
        outs, new = traced.run(jax.tree.leaves(args), states, settings)
        out = traced.result(outs)
        value, aux = _split_aux(out, "vjp") if has_aux else (out, None)
        return value, (aux, new)

    out, pullback, (aux, new) = jax.vjp(pure, primals, has_aux=True)
    traced.commit(new)
    return out, pullback, aux  # the pullback is a pytree of arrays: a program may return it


def _pull_back_eagerly(pullback: Any, cotangents: Any) -> Any:
    return _eager.run(_pull_back, (), (), (pullback, cotangents))


def _pull_back(_functions: tuple, _config: tuple, args: tuple) -> Any:
    pullback, cotangents = args
    return pullback(cotangents)[0]
