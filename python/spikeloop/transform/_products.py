"""Products of vectors with the Jacobian of a function: `vjp` in reverse mode, `jvp` in forward mode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from .._state import State
from . import _eager
from ._autodiff import flat_states, inputs_and_function, positions, split_aux, unread_states
from ._traced import trace_function


def vjp(
    fun: Callable[..., Any],
    *primals: Any,
    grad_states: Any = None,
    argnums: int | Sequence[int] | None = 0,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    r"""(`fun(*primals)`, a function from a cotangent v of the result to v·J[, aux]).

    $$\text{cotangent}_i = \sum_k v_k \, \frac{\partial y_k}{\partial x_i}$$

    J is the Jacobian by the States in `grad_states` and the arguments `argnums`. States keep the effects of one call.

    | name | meaning | default |
    |---|---|---|
    | `primals` | the arguments of `fun` | |
    | `grad_states` | a State or a pytree of States; cotangents come in the same structure | none |
    | `argnums` | one position gives one cotangent, several give a tuple; None: no argument | 0 |
    | `has_aux` | `fun` returns (result, aux) | False |

    The second result returns (of States, of arguments), or one of the two if there is nothing for the other. A State
    counts with the value that it has before the call.

    Raises ValueError if there is nothing to differentiate by, an argument does not exist, or `fun` does not read a
    State of `grad_states`.
    """
    states, tree = flat_states("vjp", grad_states)
    nums = positions("vjp", argnums if primals else None, len(primals))
    if nums is None and not states:
        raise ValueError("vjp: nothing to differentiate by. Pass arguments (and argnums), or grad_states=...")
    out, pullback, aux = _eager.run(_vjp, (fun, states), (nums, has_aux), primals)
    cotangents = functools.partial(_cotangents, pullback, tree, nums)
    return (out, cotangents, aux) if has_aux else (out, cotangents)


def _vjp(functions: tuple[Any, list[State]], config: tuple, primals: tuple) -> tuple[Any, Any, Any]:
    (fun, states), (nums, has_aux) = functions, config
    traced = trace_function(fun, primals, keep_created=True)
    if unread := unread_states("vjp", traced, states):
        raise ValueError(f"{unread}.")
    inputs, evaluate = inputs_and_function(traced, states, nums, primals, {})

    def pure(diff: Any) -> Any:
        out, new = evaluate(diff)
        value, aux = split_aux(out, "vjp") if has_aux else (out, None)
        return value, (aux, new)

    out, pullback, (aux, new) = jax.vjp(pure, inputs, has_aux=True)
    traced.commit(new)
    return out, pullback, aux  # the pullback is a pytree of arrays: a program may return it


def _cotangents(pullback: Any, tree: Any, nums: Any, cotangent: Any) -> Any:
    by_state, by_argument = _eager.run(_pull_back, (), (), (pullback, cotangent))
    arguments = by_argument[0] if isinstance(nums, int) else tuple(by_argument)
    if tree is None:
        return arguments
    return tree.unflatten(by_state) if nums is None else (tree.unflatten(by_state), arguments)


def _pull_back(_functions: tuple, _config: tuple, args: tuple) -> Any:
    pullback, cotangent = args
    return pullback(cotangent)[0]


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """(`fun(*primals)`, its derivative along `tangents`[, aux]); States keep the effects of one call.

    | name | meaning | default |
    |---|---|---|
    | `primals` | a tuple or list of the arguments of `fun` | |
    | `tangents` | as many, each in the structure, shape and unit of its argument | |
    | `has_aux` | `fun` returns (result, aux) | False |

    States count as constants. Raises TypeError if primals or tangents are no tuple or list.
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(f"jvp: {name} must be a tuple or list, one entry for each argument; given {given!r}.")
    out, slope, aux = _eager.run(_jvp, (fun,), has_aux, (tuple(primals), tuple(tangents)))
    return (out, slope, aux) if has_aux else (out, slope)


def _jvp(functions: tuple[Any], has_aux: bool, args: tuple) -> tuple[Any, Any, Any]:
    primals, tangents = args
    traced = trace_function(functions[0], primals, keep_created=True)
    _, evaluate = inputs_and_function(traced, (), tuple(range(len(primals))), primals, {})

    def pure(*given: Any) -> Any:
        out, new = evaluate(([], list(given)))
        value, aux = split_aux(out, "jvp") if has_aux else (out, None)
        return value, (aux, new)

    out, slope, (aux, new) = jax.jvp(pure, primals, tangents, has_aux=True)
    traced.commit(new)
    return out, slope, aux
