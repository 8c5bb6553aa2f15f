"""The form that a model fills in: its parameters and states, declared once as class attributes.

From the declarations come the constructor and its signature, the checks of units and shapes, the initial states, the
operands of the native kernel and the table of models in the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from . import _mesh, environ, init
from ._errors import ShapeError
from ._jax import is_tracer
from ._keywords import bind, check_choice
from ._shapes import repeat_to
from ._state import HiddenState, State, value_of
from ._units import check_finite, check_positive, check_unit, fits, number_in, time_step, unit_of, with_unit
from .nn import Dynamics


@dataclass(frozen=True)
class Param:
    """A constant of a model: a number, an array over the population, an initializer, or a ParamState."""

    default: Any
    positive: bool
    plain: bool
    unit: Any


@dataclass(frozen=True)
class Variable:
    """A state of a model; the constructor takes `<name>_initializer`."""

    default: Any  # an initializer, a Quantity, a number in the unit, or the name of a parameter
    unit: Any


def param(default: Any, *, positive: bool = False, plain: bool = False) -> Any:
    """Declare a constant; its default gives the unit, in which the model computes.

    `plain`: a number without a unit is accepted and means that unit.
    """
    return Param(default, positive, plain, unit_of(default))


def variable(default: Any, unit: Any = u.UNITLESS) -> Any:
    """Declare a state: its unit, and the initial value, initializer or parameter that it starts from."""
    return Variable(default, unit)


class Form(Dynamics):
    """Base of models that are declared by `param` and `variable`.

    A model has the declarations of all its bases, in the order of inheritance; a name that is set to None drops one.
    """

    params: ClassVar[dict[str, Param]] = {}
    state_vars: ClassVar[dict[str, Variable]] = {}
    state_names: ClassVar[tuple[str, ...]] = ()  # made by init_state
    options: ClassVar[dict[str, Any]] = {}  # further arguments of the constructor: name -> default
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}  # the words that an option may be
    has_size: ClassVar[bool] = True  # the first argument is the shape of the population
    _declared: ClassVar[dict[str, Param | Variable | None]] = {}  # by the class itself
    __signature__: ClassVar[inspect.Signature]
    _form: ClassVar[inspect.Signature]  # of the constructor here, which one of a subclass's own calls

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._declared = {k: v for k, v in vars(cls).items() if v is None or isinstance(v, (Param, Variable))}
        for name in (name for name, value in cls._declared.items() if value is not None):
            delattr(cls, name)
        cls.params, cls.state_vars = _inherited(cls)
        for name in ("options", "choices"):
            inherited = [vars(base).get(name, {}) for base in reversed(cls.__mro__)]
            setattr(cls, name, {k: v for found in inherited for k, v in found.items()})
        more = [name for base in cls.__mro__ for name in vars(base).get("state_names", ())]
        cls.state_names = (*dict.fromkeys([*cls.state_vars, *more]),)
        declare_constructor(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        values = bind(type(self), self._form, args, kwargs)
        super().__init__(name=values.pop("name"))
        if self.has_size:
            self.in_size = self.out_size = values.pop("in_size")
        self._initializers = {name: values.pop(f"{name}_initializer") for name in self.state_vars}
        for name in self.params:
            setattr(self, name, values.pop(name))
        for name in self._initializers:
            self._check_initializer(name)
        self._configure(**values)
        self._check()
        self._is_checked = True

    def _configure(self, **options: Any) -> None:
        """Take the arguments that are neither parameters nor initial values."""
        for name, value in options.items():
            setattr(self, name, value)

    def _check(self) -> None:
        """Refuse constants and options that do not fit together; also when one is assigned later."""

    def __setattr__(self, name: str, value: Any) -> None:
        if "_initializers" not in vars(self) or not (name in self.params or name in self.options):
            return super().__setattr__(name, value)
        if name in self.params:
            value = self._checked(name, self.params[name], value)
        else:
            value = self._checked_option(name, value)
        old = vars(self).get(name)
        super().__setattr__(name, value)
        if "_is_checked" in vars(self):
            try:
                self._check()
            except (TypeError, ValueError):
                super().__setattr__(name, old)
                raise

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given; devices make those of their neurons."""
        for name in self.state_vars:
            where = f"{self.path}.{name}"
            with _mesh.makes_parts(self.varshape):
                state = init_variable(self._start(name), self.state_unit(name), self.varshape, batch_size, where)
            setattr(self, name, state)

    def _start(self, name: str) -> Any:
        value = self._initializers[name]
        if value is None:
            value = self.state_vars[name].default
            value = with_unit(value, self.state_unit(name)) if isinstance(value, float) else value
        return getattr(self, value) if isinstance(value, str) else value

    def state_unit(self, name: str) -> Any:
        """The unit of a state."""
        return self.state_vars[name].unit

    def state_numbers(self) -> list[Any]:
        """The states as plain numbers."""
        return [
            number_in(getattr(self, name).value, self.state_unit(name), f"{self.path}.{name}")
            for name in self.state_vars
        ]

    def take(self, values: Iterator[Any]) -> None:
        """Store new states, given as plain numbers."""
        for name in self.state_vars:
            getattr(self, name).value = with_unit(next(values), self.state_unit(name))

    def number(self, name: str) -> Any:
        """The parameter `name` as plain number(s) in the unit of its declaration."""
        value, declared = getattr(self, name), self.params[name]
        number = number_in(_given(value_of(value), declared), declared.unit, f"{self.path}.{name}")
        if isinstance(value, State) or is_tracer(number):
            return number
        # NumPy: what follows from constants is computed once, while tracing, and not in every step
        return np.asarray(number, np.float64)[()]

    def numbers(self) -> SimpleNamespace:
        """All parameters as plain numbers in their units."""
        return SimpleNamespace(**{name: self.number(name) for name in self.params})

    def quantities(self) -> SimpleNamespace:
        """All parameters with their units; of a State its value."""
        return SimpleNamespace(**{name: value_of(getattr(self, name)) for name in self.params})

    def dt(self) -> Any:
        """The time step in ms."""
        return time_step(self.path)

    def _checked_option(self, name: str, value: Any) -> Any:
        """An option as it is kept."""
        if name in self.choices:
            check_choice(value, self.choices[name], f"{self.path}: {name}")
        return value

    def _checked(self, name: str, declared: Param, value: Any) -> Any:
        where = f"{self.path}: {name}"
        inner: Any = value.value if isinstance(value, State) else value
        if callable(inner):
            value = inner = inner(self.varshape)
        inner = _given(inner, declared)
        check_unit(inner, declared.unit, where)
        value = _of_floats(value) if isinstance(value, State) else inner
        shape = jnp.shape(inner)
        if shape != () and self.has_size and not fits(shape, self.varshape):
            raise ShapeError(f"{where} must be one number or have the shape {self.varshape} of the population; "
                             f"given shape {shape}.")  # fmt: skip
        self._check_values(where, declared, inner)
        return value

    def _check_values(self, where: str, declared: Param, value: Any) -> None:
        if any(map(is_tracer, jax.tree.leaves(value))):
            return
        check_finite(number_in(value, declared.unit, where), where)
        if declared.positive:
            check_positive(value, where)

    def _check_initializer(self, name: str) -> None:
        value = self._initializers[name]
        if value is not None and not callable(value):
            value = value.value if isinstance(value, State) else value
            where = f"{type(self).__name__}: {name}_initializer"
            check_finite(number_in(value, self.state_unit(name), where), where)


def init_variable(start: Any, unit: Any, shape: tuple[int, ...], batch_size: int | None, where: str) -> Any:
    """The HiddenState that begins at `start`, in `unit`."""
    start = start.value if isinstance(start, State) else start
    value = init.param(start, shape, batch_size)
    numbers = jnp.asarray(number_in(value, unit, where), environ.dftype())
    check_finite(numbers, f"{where}: the initial value")
    full = (*(() if batch_size is None else (batch_size,)), *shape)
    numbers = repeat_to(full, numbers, numbers.dtype)
    return HiddenState(numbers if unit.is_unitless else u.Quantity(numbers, unit=unit))


def _inherited(cls: type[Form]) -> tuple[dict[str, Param], dict[str, Variable]]:
    """The constants and states of a class, by its own declarations and those of its bases."""
    params, variables = {}, {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).get("_declared", {}).items():
            if isinstance(value, Variable):
                variables[name] = value
            elif value is not None:
                params[name] = value
            else:
                params.pop(name, None)
    return params, variables


def _of_floats(state: State) -> State:
    """A State as a constant, with floats in place of whole numbers: only floats train."""
    value = state.value
    if jnp.issubdtype(jnp.result_type(numbers := u.get_mantissa(value)), jnp.integer):
        state.reinit(with_unit(jnp.asarray(numbers, environ.dftype()), unit_of(value)))
    return state


def _given(value: Any, declared: Param) -> Any:
    """The value, with the unit that a plain number stands for if the declaration allows one."""
    return with_unit(value, declared.unit) if declared.plain and not isinstance(value, u.Quantity) else value


def declare_constructor(cls: type[Form]) -> None:
    """Let `cls` have the constructor that its declarations ask for; one of its own keeps its signature."""
    cls._form = _signature(cls)
    own = next(base for base in cls.__mro__ if "__init__" in vars(base))
    cls.__signature__ = cls._form if own is Form else _without_self(own.__init__)


def _without_self(init: Callable[..., None]) -> inspect.Signature:
    signature = inspect.signature(init)
    return signature.replace(parameters=[*signature.parameters.values()][1:])


def _signature(cls: type[Form]) -> inspect.Signature:
    """The signature of the constructor."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("in_size", kind)] if cls.has_size else []
    defaults = {
        **{name: p.default for name, p in cls.params.items()},
        **{f"{name}_initializer": None for name in cls.state_vars},
        **cls.options,
        "name": None,
    }
    parameters += [inspect.Parameter(name, kind, default=value) for name, value in defaults.items()]
    return inspect.Signature(parameters)


Initializer = Callable[..., Any]
