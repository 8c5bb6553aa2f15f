"""Classes that are made from text: they can be pickled, and are made anew from their text in another process."""

from __future__ import annotations

import copyreg
import types
import uuid
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple


class Recipe(NamedTuple):
    """How a class is made again: by a function, its arguments and its keywords."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]


class TextClass(type):
    """The type of classes from text."""

    known: ClassVar[weakref.WeakValueDictionary[str, TextClass]] = weakref.WeakValueDictionary()
    recipe: Recipe
    token: str  # of a class and of those made from it in other processes


def made(name: str, base: type[Any], attributes: Mapping[str, Any], recipe: Recipe) -> Any:
    """A subclass of `base` that `recipe` makes again."""
    cls = types.new_class(name, (base,), {"metaclass": TextClass}, lambda space: space.update(attributes))
    cls.recipe, cls.token = recipe, uuid.uuid4().hex
    TextClass.known[cls.token] = cls
    return cls


def _again(token: str, recipe: Recipe) -> TextClass:
    cls = TextClass.known.get(token)
    if cls is None:
        cls = recipe.function(*recipe.args, **recipe.options)
        cls.token = token
        TextClass.known[token] = cls
    return cls


def _reduced(cls: TextClass) -> Any:
    if "recipe" not in vars(cls):
        return cls.__qualname__  # a class that is written in Python, below one from text
    return _again, (cls.token, cls.recipe)


copyreg.pickle(TextClass, _reduced)
