"""Module: an object that holds States and other Modules."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax

from ._desc import Desc
from ._errors import NotInitializedError
from ._flushed_state import BackendState
from ._keywords import NamesKeywords, check_keywords
from ._owned import Owned
from ._same_form import decides_forms, deciding_forms
from ._state import ParamState, State
from ._tree import as_html, as_text, size_text, tree_of
from .util.filter import to_predicate

_UNWALKED = (str, bytes, int, float, bool, type(None), jax.Array, weakref.ref)


class Module(NamesKeywords, Owned):
    """Base of every part of a model.

    Assign States and other Modules to attributes, also inside lists, tuples and dicts; `states()` and `nodes()` find
    them. `init_state` makes the States that depend on the batch size. Running it again refills the same State
    objects, so compiled functions see the reset values. `update` computes one step; calling the Module calls it.

    >>> class Counter(sl.nn.Module):
    ...     def init_state(self, batch_size=None):
    ...         self.n = sl.ShortTermState(jnp.zeros((), int))
    ...
    ...     def update(self):
    ...         self.n.value = self.n.value + 1
    ...         return self.n.value
    >>> counter = sl.nn.init_all_states(Counter())
    >>> int(counter()), int(counter())
    (1, 2)
    >>> counter
    Counter, State n
    """

    _in_size: tuple[int, ...] | None = None
    _out_size: tuple[int, ...] | None = None
    delays: Mapping[str, Any] = MappingProxyType({})  # of own States, and of the output; written after each call
    call_level: ClassVar[int] = 0  # init_state of lower levels runs first
    _views: ClassVar[dict[str, Callable[..., Any]]] = {}  # of the past; made by `delays`, which stands on Module

    def __init__(self, name: str | None = None):
        self._name = name

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        for name in ("init_state", "reset_state"):
            if name in cls.__dict__:
                setattr(cls, name, _refilling(cls.__dict__[name]))

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

    def init_state(self, *_: Any, **__: Any) -> None:
        """Make the States of this Module alone; `init_all_states` calls it for a whole model."""

    def reset_state(self, *args: Any, **kwargs: Any) -> None:
        """Reset the States of this Module alone; by default by `init_state`."""
        self.init_state(*args, **kwargs)

    def init_all_states(self, *args: Any, **kwargs: Any) -> Module:
        """`nn.init_all_states` of this Module."""
        from ._init_states import init_all_states

        return init_all_states(self, *args, **kwargs)

    def prefetch(self, item: str) -> Any:
        """A function that returns the State `item` as it is when called; for the front of projections."""
        return self._views["prefetch"](self, item)

    def prefetch_delay(
        self, item: str, time: Any, index: Any = None, *, init: Any = None, interpolation: str | None = None
    ) -> Any:
        """A function that returns the State `item` as it was `time` before the last call of this Module.

        `time` is one delay or one for each neuron; `index` selects neurons. The first request for an item decides the
        past before the first call, `init` (by default the initial value, and 0 for spikes), and the `interpolation`.
        """
        make = self._views["prefetch_delay"]
        return make(self, item, time, index, delay_init=init, interpolation=interpolation)

    def output_delay(self, time: Any, index: Any = None) -> Any:
        """A function that returns what a call of this Module returned `time` before its last call."""
        return self._views["output_delay"](self, time, index)

    @classmethod
    def desc(cls, *args: Any, **kwargs: Any) -> Desc:
        """A description of a Module that its user will make: the class and its arguments."""
        check_keywords(cls, kwargs)
        return Desc(cls, args, kwargs)

    @property
    def path(self) -> str:
        """The place of the Module in its model, such as `Network.cells`."""
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
        old = self.__dict__.get(name)
        if decides_forms() and old is not None and _refill(old, value):
            return
        if isinstance(old, State) and not isinstance(value, State):
            raise TypeError(
                f"{self.path}.{name} is a State, which would be lost; write `{self.path}.{name}.value = ...` to change "
                f"its value. To do without it, write `del {self.path}.{name}` first."
            )
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            _own(self, name, value)

    def __getattr__(self, name: str) -> Any:
        declared = getattr(type(self), name, None)
        if isinstance(declared, property) and declared.fget is not None:
            return declared.fget(self)  # again, for the AttributeError that led here, such as NotInitializedError
        if name.startswith("_") or not made_by_init_state(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        raise NotInitializedError(
            f"{self.path}.{name} does not exist yet: States are made by init_state. "
            "Call sl.nn.init_all_states(model) first."
        )

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, and who is owned by this Module; by whom it is owned itself is for its owner to say."""
        # What `jit` compiled for a method of this object is made again where it is needed.
        kept = {k: v for k, v in vars(self).items() if k != "_owner" and not k.startswith("_jit_")}
        return {"attributes": kept, "owned": [*_owned_by(self, kept)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["attributes"])
        for item, name in state["owned"]:
            if item._owner is None:  # a shallow copy shares what it holds with the original
                object.__setattr__(item, "_owner", (weakref.ref(self), name))

    def nodes(self, *filters: Any, include_self: bool = True) -> Any:
        """{path: Module} of this Module and all below it, each once; filters as in `states`."""
        found = {path: node for path, node in _walk(self, (), set()) if isinstance(node, Module)}
        if not include_self:
            del found[()]
        return _selected(found, filters)

    def states(self, *filters: Any) -> Any:
        """{path: State} of the whole model, each State once.

        A filter is a State type, a tag, a function of (path, State), a list of these, `...` for the rest, or one of
        `sl.util`. One filter gives a dict, several give a tuple of dicts, and every State goes to the first filter
        that it passes.
        """
        found = {path: node for path, node in _walk(self, (), set()) if isinstance(node, State)}
        return _selected({path: s for path, s in found.items() if not isinstance(s, BackendState)}, filters)

    def parameters(self) -> dict[tuple[Any, ...], ParamState]:
        """{path: ParamState} of the whole model."""
        return self.states(ParamState)

    def children(self) -> Iterator[Module]:
        """The Modules directly below this one."""
        return (node for path, node in self.nodes().items() if len(path) == 1)

    def about(self) -> str:
        """Sizes, and other facts for the line of this Module in the tree of its model."""
        sizes = [size_text(size) for size in (self.in_size, self.out_size) if size is not None]
        return sizes[0] if len(set(sizes)) == 1 else " → ".join(sizes)

    def __repr__(self) -> str:
        return as_text(tree_of(self))

    def _repr_html_(self) -> str:
        return as_html(tree_of(self))


def as_size(size: Any, where: str) -> tuple[int, ...]:
    """A population size as a tuple of whole numbers."""
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if not sizes or any(isinstance(n, bool) or not hasattr(n, "__index__") or n < 0 for n in sizes):
        raise ValueError(f"{where} must be a whole number or a tuple of them, not negative; given {size!r}.")
    return tuple(int(n) for n in sizes)


def _refilling(method: Callable[..., None]) -> Callable[..., None]:
    """`init_state` or `reset_state`: States take every form, and a new State goes into the one that is there."""
    names = [*inspect.signature(method).parameters][1:]
    place = names.index("batch_size") if "batch_size" in names else None

    @functools.wraps(method)
    def wrapped(self: Module, *args: Any, **kwargs: Any) -> None:
        if place is not None:
            check_batch_size(args[place] if len(args) > place else kwargs.get("batch_size"), self.path)
        with deciding_forms():
            method(self, *args, **kwargs)

    return wrapped


def check_batch_size(size: Any, where: str) -> None:
    """Refuse what is neither a number of samples nor None."""
    if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 0):
        raise ValueError(f"{where}: batch_size must be a whole number, not negative, or None; given {size!r}.")


def _refill(old: Any, new: Any) -> bool:
    """Move the value of the fresh State `new` into `old`; False if they do not correspond."""
    if isinstance(old, State) and type(new) is type(old) and new._owner is None and new is not old:
        old.reinit(new.value)
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


def _owned_by(owner: Module, value: Any) -> Iterator[tuple[Any, str]]:
    """(State or Module, name) of all that `owner` owns among its attributes."""
    if isinstance(value, (State, Module)):
        if value._owner is not None and value._owner[0]() is owner:
            yield value, value._owner[1]
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _owned_by(owner, item)


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


def _selected(found: dict[tuple[Any, ...], Any], filters: tuple[Any, ...]) -> Any:
    """`found`, divided among the filters."""
    if not filters:
        return found
    predicates = [to_predicate(f) for f in filters]
    groups: list[dict[tuple[Any, ...], Any]] = [{} for _ in filters]
    for path, item in found.items():
        group = next((g for g, passes in zip(groups, predicates, strict=True) if passes(path, item)), None)
        if group is not None:
            group[path] = item
    return groups[0] if len(groups) == 1 else tuple(groups)


def made_by_init_state(cls: type, name: str) -> bool:
    """Whether some `init_state` of `cls` assigns the attribute `name`."""
    for base in cls.__mro__:
        init = base.__dict__.get("init_state")
        if init is not None and name in inspect.unwrap(init).__code__.co_names:
            return True
    return name in getattr(cls, "state_names", ())
