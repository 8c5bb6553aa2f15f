"""Constructors that say which keywords they take when one is misspelt."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class NamesKeywords:
    """Base of public classes: a keyword that the constructor does not take is refused with the nearest one it takes.

    A class whose constructor takes every keyword, and does not hand them on, says so by `takes_every_keyword`.
    """

    takes_every_keyword: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        name_keywords(cls)


def name_keywords(cls: type) -> None:
    """Let the constructor that `cls` defines, if any, name its keywords when it is given another one."""
    if "__init__" in vars(cls):
        cls.__init__ = _naming(vars(cls)["__init__"])


def _naming(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def wrapped(self: Any, /, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except TypeError:
            check_keywords(type(self), kwargs)
            raise

    return wrapped


def check_keywords(cls: type, given: Iterable[str]) -> None:
    """Refuse keywords that the constructor of `cls` does not take."""
    taken = _keywords_of(cls)
    if taken is not None:
        check_names(given, taken, cls.__name__)


def check_names(given: Iterable[str], taken: Iterable[str], where: str) -> None:
    """Refuse keywords that are not among those taken."""
    taken = [*taken]
    for name in given:
        if name not in taken:
            raise TypeError(
                f"{where} takes no keyword {name!r}{guess(name, taken)} Its keywords are {', '.join(taken)}."
            ) from None


def check_choice(given: Any, choices: tuple[str, ...], where: str) -> None:
    """Refuse a word that is not one of the choices."""
    if not isinstance(given, str) or given not in choices:
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"{where} must be {expected}; given {given!r}{guess(given, choices)}")


def guess(given: Any, names: Iterable[str]) -> str:
    """The end of a message about an unknown name; it proposes the most similar one of `names`, if one is similar."""
    similar = nearest(given, names)
    return "." if similar is None else f"; did you mean {similar!r}?"


def nearest(given: Any, names: Iterable[str]) -> str | None:
    """The most similar one of `names`; None if none is similar."""
    return next(iter(difflib.get_close_matches(str(given), [*names], 1, 0.5)), None)


def bind(cls: type, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor by name, with defaults; errors name the class."""
    check_names(kwargs, signature.parameters, cls.__name__)
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{cls.__name__}: {error}.") from None
    given.apply_defaults()
    return given.arguments


def _keywords_of(cls: type) -> list[str] | None:
    """The keywords of the constructor, those that it hands on to its bases included; None if it takes every one."""
    if getattr(cls, "takes_every_keyword", False):
        return None
    names: list[str] = []
    for base in cls.__mro__:
        own = vars(base).get("__init__")
        signature = inspect.signature(own) if own is not None else vars(base).get("__signature__")
        if signature is None:
            continue
        parameters = [*signature.parameters.values()][own is not None :]
        names += [p.name for p in parameters if p.kind in _NAMED and p.name not in names]
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            return names
    return None
