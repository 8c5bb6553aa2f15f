"""Filters: functions `f(path, value) -> bool` that select States and Modules of a model.

`Module.states`, `Module.nodes` and everything else that takes a filter also takes the short forms of `to_predicate`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Hashable
from dataclasses import dataclass

__all__ = ["All", "Any", "Everything", "Not", "Nothing", "OfType", "PathContains", "WithTag", "to_predicate"]

Path = tuple[Hashable, ...]
Predicate = Callable[[Path, typing.Any], typing.Any]


def to_predicate(filter: typing.Any) -> Predicate:
    """The function of (path, value) that a filter stands for.

    | filter | selects |
    |---|---|
    | a class | its instances, as `OfType` |
    | a string | what has this tag, as `WithTag` |
    | `...` or True | everything |
    | None or False | nothing |
    | a list or tuple | what one of these filters selects, as `Any` |
    | a function of (path, value) | what it returns True for |

    Raises TypeError for anything else.
    """
    if isinstance(filter, type):
        return OfType(filter)
    if isinstance(filter, str):
        return WithTag(filter)
    if filter is ... or filter is True:
        return Everything()
    if filter is None or filter is False:
        return Nothing()
    if isinstance(filter, (list, tuple)):
        return Any(*filter)
    if callable(filter):
        return filter
    raise TypeError(
        f"A filter is a class, a tag, a function of (path, value), a list of these or ...; given {filter!r}."
    )


@dataclass(frozen=True)
class OfType:
    """Selects instances of the class `type`."""

    type: type

    def __post_init__(self) -> None:
        if not isinstance(self.type, type):
            raise TypeError(f"OfType takes a class; given {self.type!r}.")

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return isinstance(value, self.type)


@dataclass(frozen=True)
class WithTag:
    """Selects what has the string `tag` as its tag or among its tags."""

    tag: str

    def __post_init__(self) -> None:
        if not isinstance(self.tag, str):
            raise TypeError(f"WithTag takes a string; given {self.tag!r}.")

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        tags = getattr(value, "tag", ())
        return self.tag == tags if isinstance(tags, str) else self.tag in (tags or ())


@dataclass(frozen=True)
class PathContains:
    """Selects what stands below the attribute, key or index `key`, or under this name itself."""

    key: Hashable

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return self.key in path


@dataclass(frozen=True, init=False)
class _Of:
    """Base of filters made of other filters."""

    predicates: tuple[Predicate, ...]

    def __init__(self, *filters: typing.Any):
        object.__setattr__(self, "predicates", tuple(map(to_predicate, filters)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.predicates))})"


class Any(_Of):
    """Selects what at least one of the `filters` selects."""

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return any(predicate(path, value) for predicate in self.predicates)


class All(_Of):
    """Selects what each of the `filters` selects."""

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return all(predicate(path, value) for predicate in self.predicates)


class Not(_Of):
    """Selects what `filter` does not select."""

    def __init__(self, filter: typing.Any, /):
        super().__init__(filter)

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return not self.predicates[0](path, value)


@dataclass(frozen=True)
class Everything:
    """Selects everything."""

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return True


@dataclass(frozen=True)
class Nothing:
    """Selects nothing."""

    def __call__(self, path: Path, value: typing.Any) -> bool:
        """Whether it is selected."""
        return False
