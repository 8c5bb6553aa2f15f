"""The tree that a Module shows of itself: one line for each Module below it, with class, sizes and States."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._state import State

if TYPE_CHECKING:
    from ._module import Module

_MOST_LINES = 30
_MOST_STATES = 6  # named in one line
_LONGEST_VALUE = 60  # characters


@dataclass
class Branch:
    """One line of the tree, and the branches below it."""

    line: str
    parts: list[Branch] = field(default_factory=list)


def tree_of(module: Module) -> Branch:
    """The tree of a Module. A Module with several places is described at the first one; the other lines name it."""
    seen: dict[int, str] = {}
    return _branch(module, "", "", seen)


def _branch(module: Module, label: str, path: str, seen: dict[int, str]) -> Branch:
    seen[id(module)] = path or type(module).__name__
    branch = Branch(f"{label}: {_title(module)}" if label else _title(module))
    for name, part in _parts(module):
        place = f"{path}.{name}" if path else name
        if id(part) in seen:
            if name.startswith("_"):
                continue
            branch.parts.append(Branch(f"{name} → {seen[id(part)]}"))
        else:
            branch.parts.append(_branch(part, name, place, seen))
    if not label and not branch.parts:
        branch.parts = [Branch(line) for line in _attributes(module)]
    return branch


def _title(module: Module) -> str:
    states = [name for name, value in vars(module).items() if isinstance(value, State)]
    about = module.about()
    title = f"{type(module).__name__}({about})" if about else type(module).__name__
    if not states:
        return title
    names = ", ".join(states[:_MOST_STATES]) + (", …" if len(states) > _MOST_STATES else "")
    return f"{title}, {'States' if len(states) > 1 else 'State'} {names}"


def _parts(module: Module) -> Iterator[tuple[str, Module]]:
    """(name, Module) of the Modules directly below this one, also of those in lists and dicts."""
    for name, value in list(vars(module).items()):
        if name != "_owner":
            yield from _found(name, value, set())


def _found(name: str, value: Any, inside: set[int]) -> Iterator[tuple[str, Module]]:
    from ._module import Module

    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, (list, tuple, dict)) and id(value) not in inside:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _found(f"{name}[{key!r}]", item, inside | {id(value)})


def _attributes(module: Module) -> Iterator[str]:
    """The public attributes of a Module that are no States, such as the constants of a neuron."""
    for name, value in vars(module).items():
        empty = value is None or (isinstance(value, (list, tuple, dict)) and not value)
        if not (name.startswith("_") or isinstance(value, State) or empty):
            text = " ".join(str(value).split())
            yield f"{name} = {text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + '…'}"


def brief(value: Any) -> str:
    """A value in an error message: of a Module its first line."""
    text = repr(value).splitlines()
    return text[0] if len(text) < 2 else f"{text[0]} …"


def size_text(size: tuple[int, ...] | None) -> str:
    """A shape in words: '4000' or '30 × 40'."""
    return " × ".join(map(str, size or ()))


def as_text(tree: Branch) -> str:
    """The tree in at most 30 lines: levels that do not fit are left out, then the last parts of the first level."""
    depth = _depth(tree)
    while depth > 1 and _count(tree, depth) > _MOST_LINES:
        depth -= 1
    return "\n".join([tree.line, *_lines(tree, depth, "")])


def _depth(tree: Branch) -> int:
    return 1 + max(map(_depth, tree.parts)) if tree.parts else 0


def _count(tree: Branch, depth: int) -> int:
    return 1 + sum(_count(part, depth - 1) for part in tree.parts) if depth else 1


def _lines(tree: Branch, depth: int, indent: str) -> Iterator[str]:
    parts = tree.parts
    if depth == 0:
        return
    hidden = max(len(parts) - _MOST_LINES + 2, 0) if len(parts) > _MOST_LINES - 1 else 0
    shown = parts[: len(parts) - hidden]
    for k, part in enumerate(shown):
        last = k == len(shown) - 1 and not hidden
        cut = " …" if part.parts and depth == 1 else ""
        yield f"{indent}{'└─' if last else '├─'} {part.line}{cut}"
        yield from _lines(part, depth - 1, f"{indent}{'   ' if last else '│  '}")
    if hidden:
        yield f"{indent}└─ … and {hidden} more"


def as_html(tree: Branch) -> str:
    """The tree for a notebook: every level folds."""
    line = f"<code>{html.escape(tree.line)}</code>"
    if not tree.parts:
        return f'<div style="margin-left: 2em">{line}</div>'
    inner = "".join(map(as_html, tree.parts))
    return f'<details open style="margin-left: 1em"><summary>{line}</summary>{inner}</details>'
