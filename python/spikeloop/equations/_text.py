"""Reads the text of a model: one equation a line, in the notation of Brian2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._expression import Expression
from ._place import Place, whole

_NAME = r"[A-Za-z_]\w*"
_DIFFERENTIAL = re.compile(rf"\s*d({_NAME})\s*/\s*dt\s*=(.*)\Z", re.DOTALL)
_SUBEXPRESSION = re.compile(rf"\s*({_NAME})\s*=(?!=)(.*)\Z", re.DOTALL)
_PARAMETER = re.compile(rf"\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\Z")
_UNIT = re.compile(r"([^()]*(?:\([^()]*\)[^()]*)*?)(\(\s*[a-z][a-z ,-]*\))?\s*\Z")
_STATEMENT = re.compile(rf"\s*({_NAME})\s*([-+*/]?=)(?!=)(.*)\Z", re.DOTALL)
Flags = Mapping[str, tuple[str, ...]]
NEURON: Flags = {
    "differential": ("unless refractory",),
    "subexpression": ("shared", "constant over dt"),
    "parameter": ("constant", "shared", "input"),
}
SYNAPSE: Flags = {
    "differential": ("event-driven", "clock-driven"),
    "subexpression": ("shared", "constant over dt", "summed"),
    "parameter": ("constant", "shared"),
}


@dataclass(frozen=True)
class Equation:
    """`dx/dt = … : unit` (differential), `x = … : unit` (subexpression) or `x : unit` (parameter), with its flags."""

    kind: str
    name: str
    expression: Expression | None
    unit: Expression
    flags: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Statement:
    """`x = …`, `x += …`, `x -= …`, `x *= …` or `x /= …`, as in a reset."""

    name: str
    operator: str
    expression: Expression
    place: Place


def equations(text: str, flags: Flags = NEURON) -> list[Equation]:
    """The equations of a text; each ends with `: unit`, and may go over several lines."""
    return [equation for place in _pieces(text) for equation in _equations(place, flags)]


def statements(text: str, name: str) -> list[Statement]:
    """The statements of a text, in lines or parted by semicolons."""
    found, start = [], 0
    plain = _without_comments(text)
    for end in [*(m.start() for m in re.finditer(r"[;\n]", plain)), len(plain)]:
        place = Place(plain, start, end, name)
        if place.content.strip():
            found.append(_statement(place))
        start = end + 1
    return found


def expression(text: Any, name: str) -> Expression:
    """The expression that a text is."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a text, such as 'v > V_th'; given {text!r}.")
    return Expression(whole(text, name))


def _without_comments(text: str) -> str:
    """The text with spaces in place of comments, so that places stay the same."""
    return re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), text)


def _pieces(text: str) -> Iterator[Place]:
    plain, start = _without_comments(text), 0
    for line in re.finditer(r"[^\n]*(?:\n|\Z)", plain):
        if ":" not in line[0]:
            continue
        yield Place(plain, start, line.end(), "equations")
        start = line.end()
    if rest := plain[start:].strip():
        at = plain.index(rest, start)
        raise Place(plain, at, at + len(rest.split("\n")[0]), "equations").error(
            "an equation ends with its unit: add `: mV`, `: nA`, or `: 1` for a plain number."
        )


def _equations(place: Place, allowed: Flags) -> Iterator[Equation]:
    colon = place.content.index(":")
    left, right = place.part(0, colon), place.part(colon + 1, len(place.content))
    found = _UNIT.match(right.content)
    if found is None or not found[1].strip():
        raise right.error("a unit is missing after the colon, such as mV, or 1 for a plain number.")
    unit = Expression(right.part(*found.span(1)))
    flags = tuple(flag.strip() for flag in (found[2] or "()").strip("() \n").split(",") if flag.strip())
    if match := _DIFFERENTIAL.match(left.content):
        made = [("differential", match[1], Expression(left.part(*match.span(2))))]
    elif match := _SUBEXPRESSION.match(left.content):
        made = [("subexpression", match[1], Expression(left.part(*match.span(2))))]
    elif match := _PARAMETER.match(left.content):
        made = [("parameter", name.strip(), None) for name in match[1].split(",")]
    else:
        raise left.error("write dx/dt = …, x = … or a name, and then `: unit`.")
    for kind, name, expression in made:
        for flag in flags:
            if flag not in allowed[kind]:
                known = " or ".join(f"({f})" for f in allowed[kind])
                raise right.part(*found.span(2)).error(f"{name} has the flag ({flag}); here may stand {known}.")
        yield Equation(kind, name, expression, unit, flags, _trimmed(left))


def _statement(place: Place) -> Statement:
    match = _STATEMENT.match(place.content)
    if match is None:
        raise _trimmed(place).error("write x = …, x += …, x -= …, x *= … or x /= ….")
    return Statement(match[1], match[2], Expression(place.part(*match.span(3))), _trimmed(place))


def _trimmed(place: Place) -> Place:
    text = place.content
    return place.part(len(text) - len(text.lstrip()), len(text.rstrip()))
