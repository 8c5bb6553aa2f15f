"""Progress bars for loops that run as one compiled program."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from .._keywords import check_names

_UPDATES = 50  # a bar moves this often by default


@dataclass(frozen=True)
class ProgressBar:
    """A live bar with the number of steps per second, in terminals and notebooks (tqdm).

    | name | meaning | default |
    |---|---|---|
    | `freq` | steps between two updates | a 50th of the loop |
    | `count` | number of updates, instead of `freq` | 50 |
    | `desc` | text before the bar, or (template, function), see below | `Running` |
    | `**options` | passed to `tqdm` | |

    With `desc=("step {i}: loss {loss:.3f}", fun)` the text is `template.format(**fun(data))`, made again in every
    update. `data` holds the last step: its number `i`, the carry after it (`carry`) and what it returned (`y`). The
    function is traced; it may read States but not write them, and returns a dict of numbers and arrays.
    """

    freq: int | None = None
    count: int | None = None
    desc: str | tuple[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None
    options: tuple[tuple[str, Any], ...] = field(default=())

    def __init__(self, freq: int | None = None, count: int | None = None, desc: Any = None, **options: Any):
        if options:
            check_names(options, ("freq", "count", "desc", *_tqdm_options()), "ProgressBar")
        for name, value in (("freq", freq), ("count", count)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"ProgressBar: {name} must be a positive number of steps; given {value!r}.")
        if freq is not None and count is not None:
            raise ValueError("ProgressBar: give freq or count, not both.")
        if isinstance(desc, (tuple, list)) and len(desc) == 2 and isinstance(desc[0], str) and callable(desc[1]):
            desc = tuple(desc)
        elif not isinstance(desc, (str, type(None))):
            raise TypeError(f"ProgressBar: desc must be a text or (template, function); given {desc!r}.")
        for name, value in (("freq", freq), ("count", count), ("desc", desc)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "options", tuple(sorted(options.items())))

    def text(self, i: Any, carry: Any, y: Any) -> str | None:
        """The text after the step `i` on actual values; None if it does not change."""
        if not isinstance(self.desc, tuple):
            return None
        template, fun = self.desc
        return template.format(**fun({"i": i, "carry": carry, "y": y}))

    def chunk(self, length: int) -> int:
        """The number of steps between two updates in a loop of `length` steps."""
        return max(1, min(self.freq or length // (self.count or _UPDATES), length))


def _tqdm_options() -> list[str]:
    """What tqdm takes, without what the loop gives: `self`, `iterable`, `total`, and `**kwargs`."""
    from tqdm import tqdm

    taken = inspect.signature(tqdm.__init__).parameters.values()
    return [p.name for p in taken if p.kind is not p.VAR_KEYWORD and p.name not in ("self", "iterable", "total")]


def as_progress_bar(pbar: Any) -> ProgressBar | None:
    """What the `pbar=` of a loop means."""
    if pbar is None or pbar is False or isinstance(pbar, ProgressBar):
        return pbar or None
    if pbar is True:
        return ProgressBar()
    if isinstance(pbar, int):
        return ProgressBar(freq=pbar)
    raise TypeError(f"pbar must be a ProgressBar, a number of steps, True or None; given {pbar!r}.")


@dataclass(frozen=True)
class _Form:
    """What a bar shows. Equal ones are interchangeable, so a program that moves one is found again for the other."""

    bar: ProgressBar
    length: int

    @functools.cached_property
    def display(self) -> _Display:
        return _Display(self.bar, self.length)


class _Display:
    """The bar on the screen; each run of the loop opens a new one."""

    def __init__(self, bar: ProgressBar, length: int):
        self._bar, self._length = bar, length
        self._shown: Any = None
        self._lock = threading.Lock()

    def start(self) -> None:
        from tqdm.auto import tqdm

        with self._lock:
            if self._shown is not None:
                self._shown.close()
            text = self._bar.desc if isinstance(self._bar.desc, str) else None
            options = {"desc": text or "Running", "unit": "step", **dict(self._bar.options)}
            self._shown = tqdm(total=self._length, **options)

    def advance(self, steps: int, text: str | None = None) -> None:
        with self._lock:
            if self._shown is None:
                return
            if text is not None:
                self._shown.set_description(text, refresh=False)
            self._shown.update(steps)
            done = self._shown.n >= self._length
        if done:
            self.close()

    def close(self) -> None:
        """Leave the bar as it stands."""
        with self._lock:
            if self._shown is not None:
                self._shown.close()
                self._shown = None


@contextlib.contextmanager
def open_display(bar: ProgressBar | None, length: int) -> Iterator[Callable[..., None]]:
    """A bar for `length` steps, moved by the function that the block gets; None shows nothing."""
    if bar is None:
        yield lambda _steps, _text=None: None
        return
    display = _Display(bar, length)
    display.start()
    try:
        yield display.advance
    finally:
        display.close()


class Report:
    """What the compiled loop calls when some of its `length` steps are done.

    `describe` is the function of the bar's `desc`, on (carry, last results, number of the last step).
    """

    def __init__(self, bar: ProgressBar, length: int, describe: Callable[..., Any] | None = None):
        self._form, self._describe = _Form(bar, length), describe
        jax.debug.callback(functools.partial(_start, self._form), ordered=False)

    def __call__(self, carry: Any, ys: Any, steps: int, done: Any, *, reverse: bool = False) -> None:
        """Advance the bar by `steps` to `done` when `carry` and the results `ys` of these steps are ready."""
        if not steps:
            return
        if self._describe is not None:
            data = self._describe(carry, [y[0 if reverse else -1] for y in ys], done - 1)
            jax.debug.callback(functools.partial(_advance_with_text, self._form, steps), data, ordered=False)
            return
        # Both, because JAX moves a call that depends on nothing in the loop out of it when it differentiates.
        ready = [jnp.ravel(min(leaves, key=jnp.size))[:1] for x in (carry, ys) if (leaves := jax.tree.leaves(x))]
        jax.debug.callback(functools.partial(_advance, self._form, steps), *ready, ordered=False)


def _start(form: _Form) -> None:
    form.display.start()


def _advance(form: _Form, steps: int, *_ready: Any) -> None:
    form.display.advance(steps)


def _advance_with_text(form: _Form, steps: int, data: dict[str, Any]) -> None:
    assert isinstance(form.bar.desc, tuple)
    numbers = jax.tree.map(lambda x: x.item() if x.ndim == 0 else x, data)
    form.display.advance(steps, form.bar.desc[0].format(**numbers))


def no_report(_carry: Any, _ys: Any, _steps: int, _done: Any) -> None:
    """A Report that shows nothing."""


def scan_with_progress(
    step: Callable[..., Any], init: Any, xs: Any, report: Report, size: int, scan: Callable[..., Any],
    *, length: int, reverse: bool, unroll: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """`jax.lax.scan` in chunks of `size`, each a `scan`, with one call of Python after it: no cost inside the chunk."""
    chunks = length // size
    body = jax.tree.map(lambda x: x[: chunks * size].reshape(chunks, size, *x.shape[1:]), xs)
    rest = jax.tree.map(lambda x: x[chunks * size :], xs)
    first = length - chunks * size if reverse else 0  # steps before the chunks

    def run(carry: Any, part: Any, steps: int, done: Any) -> tuple[Any, Any]:
        carry, ys = scan(step, carry, part, length=steps, reverse=reverse, unroll=unroll)
        report(carry, ys, steps, done, reverse=reverse)
        return carry, ys

    def run_chunks(carry: Any) -> tuple[Any, Any]:
        done = first + size * (1 + jnp.arange(chunks, dtype=jnp.int32))
        parts = done[::-1] if reverse else done, body
        carry, ys = jax.lax.scan(lambda c, x: run(c, x[1], size, x[0]), carry, parts, length=chunks, reverse=reverse)
        return carry, jax.tree.map(lambda y: y.reshape(chunks * size, *y.shape[2:]), ys)

    if reverse:
        carry, tail = run(init, rest, first, first)
        carry, head = run_chunks(carry)
    else:
        carry, head = run_chunks(init)
        carry, tail = run(carry, rest, length - chunks * size, length)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]) if b.shape[0] else a, head, tail)
