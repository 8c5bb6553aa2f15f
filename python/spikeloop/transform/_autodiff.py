"""Gradients with respect to States and arguments."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

from .._flushed_state import flush
from .._state import ParamState, State
from . import _eager
from ._traced import Traced, trace_function

Inputs = tuple[list[Any], list[Any]]  # values of States and of arguments, the inputs to differentiate by


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
        leaves, found = flat_states(kind, grad_states)
        self._fun, self._states, self._debug_nan = fun, leaves, debug_nan
        nums = argnums if argnums is None or isinstance(argnums, int) else tuple(argnums)
        aux = bool(has_aux)
        given = tuple(sorted((k, v) for k, v in options.items() if v))
        self._config = _Config(kind, found, nums, aux, return_value, unit_aware, check_states, given)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        nans = jax.debug_nans(True) if self._debug_nan else contextlib.nullcontext()
        with nans:
            return _eager.run(_differentiate, (self._fun, self._states), self._config, (args, kwargs))

    def __repr__(self) -> str:
        return f"<{self._config.kind} of {getattr(self._fun, '__qualname__', self._fun)!s}>"


def flat_states(kind: str, grad_states: Any) -> tuple[list[State], Any]:
    """(the States in `grad_states`, their structure); no structure for None."""
    leaves, tree = jax.tree.flatten(grad_states)
    for leaf in leaves:
        if not isinstance(leaf, State):
            raise TypeError(f"{kind}: grad_states holds {leaf!r}; give States, such as model.states(ParamState).")
    return leaves, None if grad_states is None else tree


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
    inputs, evaluate = inputs_and_function(traced, states, config.argnums, args, kwargs)

    def pure(diff: Inputs) -> Any:
        out, new = evaluate(diff)
        value, aux = split_aux(out, config.kind) if config.has_aux else (out, None)
        return _number(value, config), (value, aux, new)

    grads, (value, aux, new) = _KINDS[config.kind](pure, inputs, config, dict(config.options))
    traced.commit(new)
    if config.kind == "hessian":
        parts = _quantity_tree(inputs)
        grads = parts.unflatten([_arrange(row, config, rebuild) for row in parts.flatten_up_to(grads)])
    grads = _arrange(grads, config, rebuild)
    extra = [value] * config.return_value + [aux] * config.has_aux
    return (grads, *extra) if extra else grads


def inputs_and_function(
    traced: Traced, states: Sequence[State], argnums: int | tuple[int, ...] | None, args: tuple, kwargs: dict[str, Any]
) -> tuple[Inputs, Callable[[Inputs], tuple[Any, list[Any]]]]:
    """(present values of the States and arguments, function of them that returns (result, leaves of new States))."""
    nums = (argnums,) if isinstance(argnums, int) else argnums or ()
    flush(states)
    values, settings = traced.state_values(), traced.setting_values()
    where = {state: i for i, state in enumerate(traced.states)}

    def evaluate(diff: Inputs) -> tuple[Any, list[Any]]:
        inside = list(values)
        for state, value in zip(states, diff[0], strict=True):
            if state in where:
                inside[where[state]] = value
        chosen = dict(zip(nums, diff[1], strict=True))
        leaves = jax.tree.leaves((tuple(chosen.get(i, a) for i, a in enumerate(args)), kwargs))
        outs, new = traced.run(leaves, inside, settings)
        return traced.result(outs), new

    return ([state.value for state in states], [args[i] for i in nums]), evaluate


def positions(kind: str, argnums: int | Sequence[int] | None, count: int) -> int | tuple[int, ...] | None:
    """`argnums` among `count` positional arguments, counted from the first one."""
    given = (argnums,) if isinstance(argnums, int) else tuple(argnums or ())
    if not all(-count <= i < count for i in given):
        raise ValueError(f"{kind}: argnums={argnums} is out of range; the function got {count} positional arguments.")
    nums = tuple(i % count for i in given)
    if len({*nums}) < len(nums):
        raise ValueError(f"{kind}: argnums={argnums} names an argument twice.")
    return argnums if argnums is None else nums[0] if isinstance(argnums, int) else nums


def unread_states(kind: str, traced: Traced, states: Sequence[State]) -> str | None:
    """What to say about States that the function does not read."""
    unread = [state.path for state in states if state not in traced.states]
    return f"{kind}: {traced.name} does not read {', '.join(unread)}. Remove them from grad_states" if unread else None


def _arrange(grads: tuple[list[Any], list[Any]], config: _Config, rebuild: Callable[..., Any]) -> Any:
    """The derivatives with respect to (States, arguments) in the form that the user asked for."""
    by_state, by_argument = grads
    first = by_argument[0] if isinstance(config.argnums, int) else tuple(by_argument)
    return first if rebuild is _nothing else rebuild(by_state) if config.argnums is None else (rebuild(by_state), first)


def split_aux(out: Any, kind: str) -> Any:
    """(value, aux) that a function with `has_aux` returns."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{kind}: with has_aux=True the function must return (value, aux); it returns one value.")
    return out


def _nothing(_: Sequence[Any]) -> None:
    return None


def _targets(config: _Config, traced: Traced, states: list[State], args: tuple) -> Any:
    """What to differentiate with respect to: (config with argnums, States, how to arrange their gradients)."""
    state_tree = config.state_tree
    if state_tree is not None:
        unread = unread_states(config.kind, traced, states)
        if unread and config.check_states:
            raise ValueError(f"{unread}, or pass check_states=False to get zeros.")
        return config._replace(argnums=positions(config.kind, config.argnums, len(args))), states, state_tree.unflatten
    if config.argnums is not None or args:
        nums = positions(config.kind, 0 if config.argnums is None else config.argnums, len(args))
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
