"""Filters that select States and Modules of a model."""

from . import filter as filter
from .filter import All as All
from .filter import Any as Any
from .filter import Everything as Everything
from .filter import Not as Not
from .filter import Nothing as Nothing
from .filter import OfType as OfType
from .filter import PathContains as PathContains
from .filter import WithTag as WithTag
from .filter import to_predicate as to_predicate
