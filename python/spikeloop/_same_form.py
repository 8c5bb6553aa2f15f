"""What `state.value = x` takes: a value of the form that the State has, which init_state decides."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from . import _trace
from ._errors import StateChangedError

if TYPE_CHECKING:
    from ._state import State

_RANKS = (jnp.bool_, jnp.unsignedinteger, jnp.signedinteger, jnp.floating, jnp.complexfloating)
_FLOATING = 3


class _Deciding(threading.local):
    depth = 0


_deciding = _Deciding()


class deciding_forms:
    """Context in which a State takes every form, as while `init_state` runs."""

    def __enter__(self) -> None:
        _deciding.depth += 1

    def __exit__(self, *exc: object) -> None:
        _deciding.depth -= 1


def decides_forms() -> bool:
    """Whether States take every form here."""
    return _deciding.depth > 0


def in_form_of(state: State, value: Any) -> Any:
    """`value` in the unit and dtype of `state`.

    Raises StateChangedError if it has another structure, dimension, shape or kind of number. A State that holds no
    numbers, such as None or a text, takes everything.
    """
    if _trace.current() is None and _is_like(state._value, value):
        return value  # the usual case, three times as fast as by Specs
    form = None if decides_forms() else _trace.form_of(state)
    if form is None:
        return value
    try:
        given = _trace.spec_of(value, state)
    except TypeError:
        raise _refused(state, form, repr(value), _other_structure(state)) from None
    if given == form:
        return value
    places, tree = _places(form)
    leaves, given_tree = jax.tree.flatten(value, is_leaf=_has_unit)
    if given_tree != tree:
        raise _refused(state, form, given, _other_structure(state))
    pairs = zip(places, leaves, strict=True)
    return jax.tree.unflatten(tree, [_converted(state, form, given, old, new) for old, new in pairs])


def _is_like(old: Any, new: Any) -> bool:
    if isinstance(new, u.Quantity):
        return isinstance(old, u.Quantity) and old.unit == new.unit and _is_like(old.mantissa, new.mantissa)
    both = isinstance(old, jax.Array) and isinstance(new, jax.Array)
    return both and old.shape == new.shape and old.dtype == new.dtype


def _places(form: _trace.Spec) -> tuple[list[Any], Any]:
    """(the abstract arrays of a form, each with its unit; their structure)."""
    return jax.tree.flatten(jax.tree.unflatten(form.tree, form.avals), is_leaf=_has_unit)


def _converted(state: State, form: Any, given: Any, old: Any, new: Any) -> Any:
    unit, aval = _split(old)
    new_unit, numbers = _split(new)
    if not new_unit.has_same_dim(unit):
        advice = f"Give a value in {unit}." if not unit.is_unitless else "Give plain numbers."
        raise _refused(state, form, given, advice)
    if np.shape(numbers) != aval.shape:
        raise _refused(state, form, given, _other_shape(state, aval, numbers))
    if new_unit != unit:
        numbers = new.to_decimal(unit)
    if not _fits(numbers, aval.dtype):
        raise _refused(state, form, given, _other_kind(state, aval.dtype))
    if jnp.result_type(numbers) != aval.dtype:
        numbers = jnp.asarray(numbers, aval.dtype)
    return u.Quantity(numbers, unit=unit) if isinstance(old, u.Quantity) else numbers


def _fits(numbers: Any, dtype: Any) -> bool:
    """Whether numbers can be of this dtype: real ones of any width, whole ones only where none can be lost."""
    if isinstance(numbers, int) and not isinstance(numbers, bool) and jnp.issubdtype(dtype, jnp.integer):
        return jnp.iinfo(dtype).min <= numbers <= jnp.iinfo(dtype).max
    given = jnp.result_type(numbers)
    if given == dtype:
        return True
    rank, needed = _rank(given), _rank(dtype)
    if rank is None or needed is None or rank > needed:
        return False
    return needed >= _FLOATING or jnp.promote_types(given, dtype) == dtype


def _rank(dtype: Any) -> int | None:
    """The kind of number, in the order in which one kind holds the other; None for keys."""
    return next((rank for rank, kind in enumerate(_RANKS) if jnp.issubdtype(dtype, kind)), None)


def _split(value: Any) -> tuple[Any, Any]:
    return (value.unit, value.mantissa) if isinstance(value, u.Quantity) else (u.UNITLESS, value)


def _has_unit(value: Any) -> bool:
    return isinstance(value, u.Quantity)


def _refused(state: State, form: Any, given: Any, advice: str) -> StateChangedError:
    name = f"State {state.path}" if state.name else state.path
    return StateChangedError(f"{name} holds {form}; given {given}. The State keeps its value. {advice}")


def _code(state: State) -> str:
    return state.path if state.name else "state"


def _other_structure(state: State) -> str:
    return f"Give a value of the same structure, or begin anew with another one: `{_code(state)}.reinit(value)`."


def _other_shape(state: State, aval: Any, numbers: Any) -> str:
    if np.ndim(numbers) == 0:
        return f"For one number everywhere write `{_code(state)}.value = u.math.full({aval.shape}, number)`."
    return (
        "For another batch size call `sl.nn.init_all_states(model, batch_size=n)`; to begin anew with another shape "
        f"write `{_code(state)}.reinit(value)`."
    )


def _other_kind(state: State, dtype: Any) -> str:
    return f"Write `value.astype('{dtype}')` if that is meant, or `{_code(state)}.reinit(value)` to begin anew."
