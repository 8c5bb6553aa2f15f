"""Module: an object that holds States and other Modules."""

from __future__ import annotations

import functools
import inspect
import reprlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import jax

from .._errors import NotInitializedError
from .._state import ParamState, State
from ._desc import Desc

if TYPE_CHECKING:
    from ._delay import DelayAccess, Prefetch

_UNWALKED = (str, bytes, int, float, bool, type(None), jax.Array, weakref.ref)


class _Initializing(threading.local):
    depth = 0


_initializing = _Initializing()


class Module:
    """Base of everything that a model is made of.

    Assign States and other Modules to attributes, also inside lists, tuples and dicts; `states()` and `nodes()` find
    them. `init_state` makes the States that depend on the batch size. Running it again refills the same State
    objects, so compiled functions see the reset values. `update` computes one step; calling the Module calls it.
    """

    _name: str | None = None
    _in_size: tuple[int, ...] | None = None
    _out_size: tuple[int, ...] | None = None
    _owner: tuple[weakref.ref[Module], str] | None = None
    delays: Mapping[str, Any] = MappingProxyType({})  # of own States, and of the output; written after each call
    call_level: ClassVar[int] = 0  # init_state of lower levels runs first

    def __init__(self, name: str | None = None):
        self._name = name

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "init_state" in cls.__dict__:
            cls.init_state = refilling(cls.__dict__["init_state"])

    def update(self, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        raise NotImplementedError(f"{type(self).__name__} does not define update(); write one, it computes one step.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        output = self.update(*args, **kwargs)
        for delay in self.delays.values():
            delay.store(self, output)
        return output

    def __rrshift__(self, value: Any) -> Any:
        return self(*value) if isinstance(value, tuple) else self(value)

    def init_state(self, *args: Any, **kwargs: Any) -> None:
        """Make the States of this Module alone; `init_all_states` calls it for a whole model."""

    def reset_state(self, *args: Any, **kwargs: Any) -> None:
        """Reset the States of this Module alone: by default, make their values anew."""
        self.init_state(*args, **kwargs)

    def init_all_states(self, *args: Any, **kwargs: Any) -> Module:
        """`nn.init_all_states` of this Module."""
        from ._init_states import init_all_states

        return init_all_states(self, *args, **kwargs)

    def prefetch(self, item: str) -> Prefetch:
        """A function that returns the State `item` as it is when called; for the front of projections."""
        from ._delay import Prefetch

        return Prefetch(self, item)

    def prefetch_delay(
        self, item: str, time: Any, index: Any = None, *, init: Any = None, interpolation: str = "nearest"
    ) -> DelayAccess:
        """A function that returns the State `item` as it was `time` before the last call of this Module.

        `time` is one delay or one for each neuron; `index` selects neurons. The first request for an item decides the
        past before the first call, `init` (by default the initial value, and 0 for spikes), and the `interpolation`.
        """
        from ._delay import StateDelay, delay_access

        return delay_access(self, item, lambda: StateDelay(item, init, interpolation), time, index)

    def output_delay(self, time: Any, index: Any = None) -> DelayAccess:
        """A function that returns what a call of this Module returned `time` before its last call."""
        from ._delay import OutputDelay, delay_access

        return delay_access(self, "()", lambda: OutputDelay(None), time, index)

    @classmethod
    def desc(cls, *args: Any, **kwargs: Any) -> Desc:
        """A description of a Module that its user will make: the class and its arguments."""
        return Desc(cls, args, kwargs)

    @property
    def name(self) -> str | None:
        """The given name, else the attribute that holds the Module."""
        return self._name or (self._owner[1] if self._owner else None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name

    @property
    def path(self) -> str:
        """Where the Module stands in its model, such as `COBA.N`."""
        owner = self._owner[0]() if self._owner else None
        if owner is None or owner is self:
            return self._name or type(self).__name__
        return f"{owner.path}.{self._owner[1]}" if self._owner else ""

    @property
    def in_size(self) -> tuple[int, ...] | None:
        """The shape of one input, without batch."""
        return self._in_size

    @in_size.setter
    def in_size(self, size: int | tuple[int, ...]) -> None:
        self._in_size = as_size(size, f"{type(self).__name__}: in_size")

    @property
    def out_size(self) -> tuple[int, ...] | None:
        """The shape of one output, without batch."""
        return self._out_size

    @out_size.setter
    def out_size(self, size: int | tuple[int, ...]) -> None:
        self._out_size = as_size(size, f"{type(self).__name__}: out_size")

    def __setattr__(self, name: str, value: Any) -> None:
        if _initializing.depth and name in self.__dict__ and _refill(self.__dict__[name], value):
            return
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            _own(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not made_by_init_state(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        raise NotInitializedError(
            f"{self.path}.{name} does not exist yet: States are made by init_state. "
            "Call sl.nn.init_all_states(model) first."
        )

    def __fingerprint__(self) -> tuple[Any, ...]:
        """What a compiled loop depends on: every attribute, but not where this Module stands in a larger one."""
        return tuple(item for name, item in vars(self).items() if name != "_owner" for item in (name, item))

    def nodes(self, *types: type, include_self: bool = True) -> dict[tuple[Any, ...], Any]:
        """{path: Module} of this Module and all below it, each once; only instances of `types` if given."""
        found = {path: node for path, node in _walk(self, (), set()) if isinstance(node, Module)}
        if not include_self:
            del found[()]
        return {path: node for path, node in found.items() if not types or isinstance(node, types)}

    def states(self, *filters: Any) -> Any:
        """{path: State} of the whole model, each State once.

        A filter is a State type, a tag, a function of (path, State), or `...` for the rest. One filter gives a dict,
        several give a tuple of dicts, and every State goes to the first filter that it passes.
        """
        found = {path: node for path, node in _walk(self, (), set()) if isinstance(node, State)}
        if not filters:
            return found
        groups: list[dict[tuple[Any, ...], State]] = [{} for _ in filters]
        for path, state in found.items():
            group = next((g for g, f in zip(groups, filters, strict=True) if _passes(f, path, state)), None)
            if group is not None:
                group[path] = state
        return groups[0] if len(groups) == 1 else tuple(groups)

    def parameters(self) -> dict[tuple[Any, ...], ParamState]:
        """{path: ParamState} of the whole model."""
        return self.states(ParamState)

    def children(self) -> Iterator[Module]:
        """The Modules directly below this one."""
        return (node for path, node in self.nodes().items() if len(path) == 1)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        lines = [f"  {name}={_short(value)}," for name, value in vars(self).items() if not name.startswith("_")]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


def as_size(size: Any, where: str) -> tuple[int, ...]:
    """A population size as a tuple of whole numbers."""
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if not sizes or any(isinstance(n, bool) or not hasattr(n, "__index__") or n < 0 for n in sizes):
        raise ValueError(f"{where} must be a whole number or a tuple of them, not negative; given {size!r}.")
    return tuple(int(n) for n in sizes)


def refilling(init_state: Callable[..., None]) -> Callable[..., None]:
    """`init_state`, during which a new State goes into the State object that is already there."""

    @functools.wraps(init_state)
    def wrapped(self: Module, *args: Any, **kwargs: Any) -> None:
        _initializing.depth += 1
        try:
            init_state(self, *args, **kwargs)
        finally:
            _initializing.depth -= 1

    return wrapped


def _refill(old: Any, new: Any) -> bool:
    """Move the value of the fresh State `new` into `old`; False if they do not correspond."""
    if isinstance(old, State) and type(new) is type(old) and new._owner is None and new is not old:
        old.value = new.value
        return True
    pairs: list[tuple[Any, Any]] = []
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        pairs = list(zip(old, new, strict=True)) if type(old) is type(new) and len(old) == len(new) else []
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        pairs = [(old[key], new[key]) for key in old]
    fits = bool(pairs) and all(isinstance(a, State) and type(a) is type(b) and b._owner is None for a, b in pairs)
    return fits and all(_refill(a, b) for a, b in pairs)


def _own(owner: Module, name: str, value: Any) -> None:
    """Tell States and Modules where they stand, for messages; the first owner counts."""
    if isinstance(value, (State, Module)):
        if value._owner is None and value is not owner:
            object.__setattr__(value, "_owner", (weakref.ref(owner), name))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _own(owner, f"{name}[{i}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _own(owner, f"{name}[{key!r}]", item)


def _walk(value: Any, path: tuple[Any, ...], seen: set[int]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, _UNWALKED) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, (State, Module)):
        yield path, value
    if isinstance(value, Module):
        items: Any = ((k, v) for k, v in list(vars(value).items()) if k != "_owner")
    elif isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        yield from _walk(item, (*path, key), seen)


def _passes(criterion: Any, path: tuple[Any, ...], state: State) -> bool:
    if criterion is ...:
        return True
    if isinstance(criterion, type):
        return isinstance(state, criterion)
    if isinstance(criterion, str):
        return criterion in state.tag
    if isinstance(criterion, (tuple, list)):
        return any(_passes(c, path, state) for c in criterion)
    if callable(criterion):
        return bool(criterion(path, state))
    raise TypeError(f"A filter of states() is a State type, a tag, a function or ...; given {criterion!r}.")


def made_by_init_state(cls: type, name: str) -> bool:
    """Whether some `init_state` of `cls` assigns the attribute `name`."""
    for base in cls.__mro__:
        init = base.__dict__.get("init_state")
        if init is not None and name in inspect.unwrap(init).__code__.co_names:
            return True
    return name in getattr(cls, "state_names", ())


def _short(value: Any) -> str:
    text = repr(value)
    if isinstance(value, Module):
        return text.replace("\n", "\n  ")
    return text if len(text) < 400 else text[:400] + "..."
