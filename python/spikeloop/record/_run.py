"""`run`: a long simulation in chunks, with recorders, a progress bar, and checkpoints from which it can continue."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from .. import _mesh
from .._errors import SpikeloopError
from .._module import Module
from .._units import time_step
from ..models import Neuron
from ..transform import ProgressBar
from ..transform._progress import as_progress_bar, open_display
from ._chunk import Chunk
from ._clock import Clock, run_clock
from ._convert import need
from ._decode import decode
from ._durable import make_folder
from ._interrupt import held_back
from ._lock import sole_writer
from ._memory import Shapes, check_fits
from ._recorder import Recorder
from ._spikes import Spikes
from ._store import Disk, Found, Memory

_CHUNK = 10_000


class Run(Mapping[str, Any]):
    """The records of a run by name; `steps` of them are done, with the time step `dt` from `t0` on."""

    def __init__(self, records: dict[str, Any], clock: Clock, done: int):
        self._records, self._clock, self.steps = records, clock, done

    @property
    def dt(self) -> Any:
        """The time step."""
        return self._clock.dt * u.ms

    @property
    def t0(self) -> Any:
        """The time of the first step."""
        return self._clock.t0 * u.ms

    @property
    def duration(self) -> Any:
        """The time that is done."""
        return self.steps * self._clock.dt * u.ms

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.steps == self._clock.steps

    def plot(self, *, groups: Mapping[str, Any] | None = None) -> Any:
        """A figure of all records, one below the other; as `sl.plot.run(run)`."""
        from ..plot import run as figure

        return figure(self, groups=groups)

    def __getitem__(self, name: str) -> Any:
        if name not in self._records:
            raise KeyError(f"no record {name!r}; there are {', '.join(self._records) or 'none'}")
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"Run({self.steps} of {self._clock.steps} steps, {', '.join(self._records) or 'no records'})"


class Interrupted(KeyboardInterrupt, SpikeloopError):
    """Ctrl-C during a run; `run` holds what the finished chunks have recorded."""

    def __init__(self, message: str, run: Run):
        super().__init__(message, run)
        self.run = run

    def __str__(self) -> str:
        return self.args[0]


def run(
    step: Callable[..., Any],
    duration: Any,
    *,
    record: Recorder | Sequence[Recorder] | Mapping[str, Recorder] | None = None,
    t0: Any = None,
    chunk: int = _CHUNK,
    pbar: ProgressBar | bool | None = None,
    path: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Run:
    """Call `step` for every step of `duration`, in chunks of one compiled program, and return the records.

    | name | meaning | default |
    |---|---|---|
    | `step` | one step: a Module or a function. It is called with the time if its first parameter has no default or \
is called `t`; `t` and `i` are set in `environ` too | |
    | `duration` | a time, a multiple of dt | |
    | `record` | recorders, {name: recorder}; in a list the name is the kind, or that of the State | the \
spikes of every population by its name if `step` is a Module, else none |
    | `t0` | the time of the first step, a multiple of dt; `i` counts from t0/dt | 0 ms |
    | `chunk` | steps of one compiled call; rounded up to a multiple of all recording intervals | 10,000 |
    | `pbar` | a `ProgressBar`, or True | no bar |
    | `path` | a folder for records and checkpoints (zarr); without it they stay in memory | |
    | `resume` | continue the run at `path`, or begin it; the model must be built as before | False |
    | `overwrite` | delete the run at `path` and begin a new one | False |

    With a path, memory does not grow with the duration. A run that was interrupted or killed continues after its last
    finished chunk with `resume=True`, and a finished run continues to a later end. The numbers are those of one
    uninterrupted run, bit for bit. After Ctrl-C the present chunk is finished, then `Interrupted` is raised; its `run`
    holds the records so far.

    What native code puts off, such as pending updates of weights, is flushed at the end of each chunk. After an end
    within a chunk, weights that learn may therefore differ in their last bit from those of one run.

    One run at a time writes to a path; a second one is refused by `StoreInUseError`, and a damaged file there by
    `DamagedStoreError`. Only `overwrite` deletes anything.

    >>> neurons = sl.LIF(5, V_th=10 * u.mV, tau=20 * u.ms)
    >>> net = sl.Network(neurons=neurons, inputs={"neurons": 15 * u.mA}).init_all_states()
    >>> run = sl.record.run(net, 100 * u.ms)
    >>> run
    Run(1000 of 1000 steps, neurons)
    >>> run["neurons"].train(0)
    Quantity([21.9 43.9 65.9 87.9], "ms")
    """
    plan = _Plan(step, duration, _named(_spikes_of(step) if record is None else record), t0, chunk)
    bar = as_progress_bar(pbar)
    if bar is not None and isinstance(bar.desc, tuple):
        raise TypeError("record.run has no carry and no results to show: give `desc` of its progress bar as a text.")
    with _opened(plan, path, resume, overwrite) as (store, done):
        with open_display(bar, plan.clock.steps) as advance, held_back() as interrupted:
            advance(done)
            while done < plan.clock.steps:
                length = plan.advance(done, store)
                done += length
                advance(length)
                if interrupted() and done < plan.clock.steps:
                    raise plan.interrupted(store, done, path)
        return plan.result(store, done)


def load(path: str | Path) -> Run:
    """The run at `path`, finished or not. Records are read from the disk when they are used."""
    store = Disk.open(Path(path))
    meta = store.meta
    clock = Clock(meta["dt"], meta["steps"], meta["t0"])
    return _result(store, clock, meta["chunk"], meta["records"], store.done())


class _Plan:
    """What a run consists of."""

    def __init__(self, step: Callable[..., Any], duration: Any, recorders: dict[str, Recorder], t0: Any, chunk: Any):
        if isinstance(chunk, bool) or not hasattr(chunk, "__index__") or operator.index(chunk) < 1:
            raise ValueError(f"record.run: chunk must be a number of steps, at least 1; given {chunk!r}.")
        dt = self.dt = float(time_step("record.run"))
        self.clock = run_clock(duration, t0, dt, "record.run")
        self.step, self.recorders = step, recorders
        self.windows = {name: r.window(self.clock) for name, r in recorders.items()}
        self.whole = math.lcm(*(n for r in recorders.values() for n in (r.row_steps(dt), r.block_steps(dt))))
        self.chunk = -(-operator.index(chunk) // self.whole) * self.whole
        self._chunks: dict[Any, Chunk] = {}

    def chunk_at(self, first: int) -> tuple[list[str], Chunk]:
        """(names of the recorders that are on, program) of the chunk that begins with the step `first`.

        Where a run went on after the end it once had, this is the rest of a chunk.
        """
        length = min(self.chunk - first % self.chunk, self.clock.steps - first)
        names = [n for n, (start, stop) in self.windows.items() if start < first + length and stop > first]
        key = length, *names
        if key not in self._chunks:
            on = [self.recorders[name] for name in names]
            periods = [r.row_steps(self.dt) if r.makes_rows else 0 for r in on]
            self._chunks[key] = Chunk(self.step, on, periods, length)
        return names, self._chunks[key]

    def advance(self, first: int, store: Memory | Disk) -> int:
        """Run a chunk and store what is recorded; returns its steps."""
        names, chunk = self.chunk_at(first)
        for name in names:
            if first % self.chunk == 0 or first <= self.windows[name][0]:
                self.recorders[name].begin(first)
        rows = chunk.run(self.clock.first + first, [store.width(name) for name in names])
        for name, made in zip(names, rows, strict=True):
            self._store(name, first, made, store)
        store.commit(first + chunk.length)
        return chunk.length

    def _store(self, name: str, first: int, pieces: Sequence[tuple[int, Any]], store: Memory | Disk) -> None:
        recorder, (start, stop) = self.recorders[name], self.windows[name]
        if not recorder.makes_rows:
            if _mesh.writes() or isinstance(store, Memory):
                store.write(name, self._place(name, first), recorder.entry()[None])
            return
        per, block = recorder.row_steps(self.dt), recorder.block_steps(self.dt)
        begin = max(first, start)
        for column, rows in pieces:
            part = np.asarray(rows)[(begin - first) // per : -(-(stop - first) // per)]
            if len(part):
                entries = recorder.reduce(part, self.dt)
                store.write(name, (begin - _base(start, self.chunk)) // block, entries, column)

    def go_on(self, first: int, store: Disk) -> None:
        """Get ready for the rest of the chunk in which this step lies."""
        for name, recorder in self.recorders.items():
            inside = self.windows[name][0] < first < self.windows[name][1] and first % self.chunk
            if inside and not recorder.makes_rows:
                place = self._place(name, first)
                recorder.go_on(first, store.entries(name, place, place + 1))

    def _place(self, name: str, first: int) -> int:
        """Where the one entry lies that a recorder without rows makes in a chunk."""
        return (first - _base(self.windows[name][0], self.chunk)) // self.chunk

    def describe(self) -> dict[str, Any]:
        """What a store must remember."""
        records = {
            name: {**r.describe(self.dt), "window": list(self.windows[name])} for name, r in self.recorders.items()
        }
        clock = self.clock
        return {"dt": clock.dt, "t0": clock.t0, "steps": clock.steps, "chunk": self.chunk, "records": records}

    def shapes(self) -> Shapes:
        """Of all entries of the records."""
        found = {}
        for name, recorder in self.recorders.items():
            start, stop = self.windows[name]
            steps = stop - _base(start, self.chunk)
            like = recorder.like(self.dt)
            if recorder.makes_rows:
                count, each = (recorder.num_entries(n, self.dt) for n in (steps, self.chunk))
            else:
                count, each = -(-steps // self.chunk), 1
            width = -(-like.shape[-1] // _mesh.processes()) if recorder.in_parts else like.shape[-1]
            found[name] = (count, *like.shape), (each, *like.shape[:-1], width), np.dtype(like.dtype)
        return found

    def interrupted(self, store: Any, done: int, path: Any) -> Interrupted:
        """The exception of a run that was stopped, with the records so far."""
        where = "in memory" if path is None else f"at {path}; go on with resume=True"
        return Interrupted(f"{done} of {self.clock.steps} steps are kept {where}.", self.result(store, done))

    def result(self, store: Memory | Disk, done: int) -> Run:
        """The records of the steps done."""
        return _result(store, self.clock, self.chunk, self.describe()["records"], done)


def _result(store: Memory | Disk, clock: Clock, chunk: int, forms: dict[str, Any], done: int) -> Run:
    records = {}
    for name, form in forms.items():
        start, stop = form["window"]
        window = min(start, done), min(stop, done)
        block, base = form["block"] or chunk, _base(start, chunk)
        lead = 0 if form["kind"] == "events" else (start - base) // block
        steps = max(window[1], start) - base
        whole = steps // block if form["kind"] in ("states", "rows") else -(-steps // block)
        whole = whole if window[0] < window[1] else lead
        records[name] = decode(form, store.entries(name, lead, whole), clock, window)
    return Run(records, clock, done)


def _base(start: int, chunk: int) -> int:
    """The first step of the chunk in which a record starts: arrays on disk begin there, to be written in chunks."""
    return start // chunk * chunk


@contextlib.contextmanager
def _opened(plan: _Plan, path: str | Path | None, resume: bool, overwrite: bool) -> Iterator[tuple[Memory | Disk, int]]:
    """(store, steps done); a store on disk is this run's alone inside the block."""
    if path is None:
        for name, given in {"resume": resume, "overwrite": overwrite}.items():
            if given:
                raise ValueError(f"record.run: {name}=True needs the path of the run.")
        check_fits(shapes := plan.shapes(), all_of_them=True)
        yield Memory(shapes), 0
        return
    if resume and overwrite:
        raise ValueError("record.run: resume=True continues a run, overwrite=True deletes it; give one of them.")
    place, states = Path(path), plan.chunk_at(0)[1].written() if plan.clock.steps else []
    need("zarr")
    check_fits(shapes := plan.shapes(), all_of_them=False)
    Disk.look(place)
    make_folder(place)
    with sole_writer(place) if _mesh.writes() else contextlib.nullcontext():
        found = Disk.look(place)
        _mesh.wait()  # until all have looked
        if resume and found is Found.RUN:
            store = Disk.open(place, states)
            yield store, _go_on(plan, store)
            return
        if found in _REFUSED and not overwrite:
            raise FileExistsError(f"{place} {_REFUSED[found]}")
        yield Disk.create(place, plan.describe(), shapes, states), 0


_REFUSED = {
    Found.RUN: "holds a run. Continue it with resume=True, choose another path, or delete it with overwrite=True.",
    Found.RECORDS: (
        "holds records, but no checkpoint.npz with the number of steps done and the States after them. Nothing "
        "was changed. Put it back, choose another path, or delete the records with overwrite=True."
    ),
}


def _go_on(plan: _Plan, store: Disk) -> int:
    """Give the States their values and the store its place; returns the steps done."""
    done, saved, given = store.done(), store.meta, plan.describe()
    if given["steps"] < done:
        raise ValueError(f"{store.path} holds {done} steps already; given a duration of {given['steps']} steps.")
    for key, value in _so_far(given, done).items():
        if (before := _so_far(saved, done)[key]) != value:
            raise ValueError(
                f"{store.path} holds a run with {key} = {before}; given {value}. "
                "Resume with the arguments it was begun with; only the duration may be another."
            )
    if given["steps"] > done and done % plan.whole:
        raise ValueError(
            f"{store.path} ended after {done} steps, within the {plan.whole} steps that entries of its records stand "
            f"for, and can not go on. Give such a run a duration that is a multiple of {plan.whole * plan.dt:g} ms."
        )
    store.restore()
    if given != saved:
        store.extend(given, plan.shapes())
    plan.go_on(done, store)
    return done


def _so_far(meta: dict[str, Any], done: int) -> dict[str, Any]:
    """What a run of any end has in common after so many steps."""
    windows = {name: form["window"] for name, form in meta["records"].items()}
    records = {n: {**meta["records"][n], "window": [start, min(stop, done)]} for n, (start, stop) in windows.items()}
    return {**{k: v for k, v in meta.items() if k != "steps"}, "records": records}


def _spikes_of(step: Any) -> dict[str, Recorder]:
    """Recorders of the spikes of every population of a Module."""
    nodes = step.nodes(Neuron) if isinstance(step, Module) else {}
    found = {path: node for path, node in nodes.items() if "spike" in (*vars(node), *node.state_names)}
    return {"_".join(map(str, path)) or type(step).__name__: Spikes(node) for path, node in found.items()}


def _named(record: Any) -> dict[str, Recorder]:
    if isinstance(record, Mapping):
        found = dict(record)
    else:
        found = {}
        for recorder in [record] if isinstance(record, Recorder) else list(record):
            _check_recorder(recorder)
            name = recorder.default_name
            if name in found:
                raise ValueError(f"record.run: two recorders are called {name!r}; give a dict {{name: recorder}}.")
            found[name] = recorder
    for name, recorder in found.items():
        _check_recorder(recorder)
        if not isinstance(name, str) or not name or not name.replace("_", "a").replace("-", "a").isalnum():
            raise ValueError(f"record.run: the name of a record consists of letters, digits, _ and -; given {name!r}.")
    return found


def _check_recorder(recorder: Any) -> None:
    if not isinstance(recorder, Recorder):
        raise TypeError(
            f"record.run records with recorders such as record.Spikes(net.N); given {type(recorder).__name__}."
        )
