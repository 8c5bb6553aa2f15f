"""Settings that a whole simulation shares: the time step `dt`, the time `t`, the step index `i`, the precision.

The step index is exact, the time a float. A context that gives `t` alone also sets `i`, the step nearest to `t`.

The innermost `context` wins over the outer ones, which win over `set`. Contexts belong to the thread. A compiled
function remembers which settings it read: `dt` and other plain values by value, times and arrays as inputs, so that a
new `dt` compiles again and a new `t` does not.
"""

from __future__ import annotations

import builtins
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from . import _trace
from ._errors import MissingSettingError, StartedError, TraceContextError
from ._jax import has_started, is_tracer
from ._steps import check_dt, is_time, step_at, step_of

__all__ = [
    "all",
    "context",
    "dftype",
    "ditype",
    "get",
    "get_dt",
    "get_host_device_count",
    "get_platform",
    "get_precision",
    "pop",
    "reset",
    "set",
    "set_host_device_count",
    "set_platform",
    "set_precision",
    "tolerance",
]

I, T, DT, FIT = "i", "t", "dt", "fit"  # noqa: E741  the peer's constants

_PLATFORMS = {  # the names that JAX gives their back ends
    "cpu": ("cpu",),
    "gpu": ("gpu", "cuda", "rocm"),
    "cuda": ("gpu", "cuda"),
    "rocm": ("gpu", "rocm"),
    "tpu": ("tpu",),
}
CLOCK = "_clock"  # the exact (t, i) of the loop around, from which other times are counted

_TRACED = frozenset({T, I})  # numbers that change every step: always inputs
_MISSING: Any = _trace.UNSET
_FROM_T = "from t"  # i where the innermost context that tells the time gives t alone


class _Frame(NamedTuple):
    values: dict[str, Any]
    trace: _trace.Trace | None


class _Contexts(threading.local):
    def __init__(self) -> None:
        self.frames: list[_Frame] = []


_globals: dict[str, Any] = {"precision": 32}
_contexts = _Contexts()


@contextlib.contextmanager
def context(*, env: Any = None, **settings: Any) -> Iterator[Mapping[str, Any]]:
    """Settings that hold inside the `with` block, which receives a view of all settings.

    `precision=64` also switches JAX to 64 bits for the block. `platform` and `host_device_count` hold for the whole
    process and are refused here. `env` is accepted for call compatibility; there is one environment.

    >>> with sl.environ.context(dt=0.5 * u.ms):
    ...     print(sl.environ.get_dt())
    0.5 ms
    """
    del env
    for key in ("platform", "host_device_count"):
        if key in settings:
            raise ValueError(f"environ.context cannot change {key!r}; call environ.set({key}=...) once at the start.")
    _check(settings)
    wide = settings.get("precision") == 64
    with jax.enable_x64(wide) if "precision" in settings else contextlib.nullcontext():
        _contexts.frames.append(_Frame(settings, _trace.current()))
        try:
            yield _Settings()
        finally:
            _contexts.frames.pop()


def get(key: str, default: Any = _MISSING, desc: str | None = None, *, env: Any = None) -> Any:
    """The setting `key`, else `default`, else a MissingSettingError that says how to give it.

    >>> sl.environ.get("dt")
    Quantity(0.1, "ms")
    >>> sl.environ.get("temperature", 6.3)
    6.3
    """
    del env
    value, owner = _find(key)
    trace = _trace.current()
    if trace is not None and trace is not owner:
        value = _follow(trace, owner, key, value)
    if value is _FROM_T:
        value = step_at(get(T), get(DT), get(CLOCK, None))
    if value is not _MISSING:
        return value
    if default is not _MISSING:
        return default
    raise MissingSettingError(_missing(key, desc))


def peek(key: str) -> Any:
    """The setting `key` or UNSET; no trace takes note of it."""
    value = _find(key)[0]
    return _MISSING if value is _FROM_T else value


def get_dt(*, env: Any = None) -> Any:
    """The time step."""
    return get(DT, env=env)


def all() -> dict[str, Any]:
    """All settings that hold here, as a new dict."""
    return dict(_Settings())


class _Settings(Mapping[str, Any]):
    """The settings that hold where it is read; a program that reads one of them depends on that one alone."""

    def __getitem__(self, key: str) -> Any:
        return get(key)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys([*_globals, *(key for frame in _contexts.frames for key in frame.values)])
        return iter(name for name in names if name != CLOCK)

    def __len__(self) -> int:
        return len([*self])

    def __repr__(self) -> str:
        return repr(dict(self))


def set(
    platform: str | None = None,
    host_device_count: int | None = None,
    precision: int | str | None = None,
    dt: Any = None,
    *,
    env: Any = None,
    **settings: Any,
) -> None:
    """Settings that hold everywhere outside a `context` that overrides them.

    With `deterministic=True` two runs on one GPU give the same bits; the page on GPUs says what it costs. With
    `matmul_precision="bf16"` layers that multiply by matrices or convolve do so with factors rounded to bfloat16; sums,
    results, weights and their gradients stay in float32.

    >>> sl.environ.set(dt=0.1 * u.ms)
    >>> sl.environ.get_dt()
    Quantity(0.1, "ms")
    """
    del env
    given = {"platform": platform, "host_device_count": host_device_count, "precision": precision, DT: dt}
    settings = {**{k: v for k, v in given.items() if v is not None}, **settings}
    _check(settings)
    for key, value in settings.items():
        if _holds_tracer(value):
            raise TraceContextError(
                f"environ.set({key}=...) inside a transformed function would leave a value there that means nothing "
                f"outside. Write `with environ.context({key}=...):`."
            )
    if "platform" in settings:
        set_platform(settings.pop("platform"))
    if "host_device_count" in settings:
        set_host_device_count(settings.pop("host_device_count"))
    if "precision" in settings:
        set_precision(settings.pop("precision"))
    _globals.update(settings)


def pop(key: str, default: Any = _MISSING, *, env: Any = None) -> Any:
    """Remove the global setting `key` and return it."""
    del env
    if builtins.any(key in frame.values for frame in _contexts.frames):
        raise ValueError(f"environ.pop({key!r}) inside a context that sets it; leave the `with` block first.")
    if key not in _globals and default is _MISSING:
        raise MissingSettingError(_missing(key, None))
    return _globals.pop(key, default)


def reset() -> None:
    """Forget every global setting."""
    _globals.clear()
    set_precision(32)


def set_precision(precision: int | str) -> None:
    """The number of bits of floats made from now on: 16, 32, 64 or 'bf16'."""
    _check({"precision": precision})
    _globals["precision"] = precision
    jax.config.update("jax_enable_x64", precision == 64)


def get_precision() -> int | str:
    """The number of bits of floats."""
    return get("precision")


def set_platform(platform: str) -> None:
    """The platform JAX computes on: 'cpu', 'gpu' or 'tpu'; call it before the first computation."""
    _check({"platform": platform})
    if not has_started():
        jax.config.update("jax_platform_name", platform)
    _globals["platform"] = platform


def get_platform() -> str:
    """The platform JAX computes on."""
    return _globals.get("platform", jax.default_backend())


def set_host_device_count(n: int) -> None:
    """The number of devices that the CPU shows; call it before the first computation."""
    _check({"host_device_count": n})
    if not has_started():
        jax.config.update("jax_num_cpu_devices", n)
    _globals["host_device_count"] = n


def get_host_device_count() -> int:
    """The number of devices that the CPU shows."""
    return _globals.get("host_device_count", jax.local_device_count("cpu"))


def dftype() -> Any:
    """The default float dtype."""
    return {16: jnp.float16, 32: jnp.float32, 64: jnp.float64, "bf16": jnp.bfloat16}[get_precision()]


def ditype() -> Any:
    """The default integer dtype."""
    return jnp.int64 if get_precision() == 64 else jnp.int32


def tolerance() -> float:
    """A relative tolerance that fits the precision."""
    return 1e-12 if get_precision() == 64 else 1e-5


def _find(key: str) -> tuple[Any, _trace.Trace | None]:
    for frame in reversed(_contexts.frames):
        if key in frame.values:
            return frame.values[key], frame.trace
        if key == I and frame.values.get(T) is not None:
            return _step_of(frame.values[T]), frame.trace
    if key == I and I not in _globals and _globals.get(T) is not None:
        return _step_of(_globals[T]), None
    return _globals.get(key, _MISSING), None


def _step_of(t: Any) -> Any:
    """The step nearest to t, computed here if t and dt are known: a program may round t to fewer digits."""
    dt = peek(DT)
    if not is_time(t, dt):
        return _MISSING
    return _FROM_T if _holds_tracer((t, dt)) else step_of(t, dt)


def _follow(trace: _trace.Trace, owner: _trace.Trace | None, key: str, value: Any) -> Any:
    """Let `trace` see `value`, which was set outside it, in the trace `owner` or outside of all."""
    if _is_input(key, value):
        if not _holds_tracer(value):
            value = jax.tree.map(_strong, value)
        return trace.read_setting(key, value)
    around: _trace.Trace | None = trace
    while around is not None and around is not owner:  # a program holds for this value if a part of it does
        around.note_setting(key, identity(value))
        around = around.parent
    return value


def identity(value: Any) -> Any:
    """What tells two plain settings apart; no array is equal to a plain setting."""
    leaves, tree = jax.tree.flatten(value)
    return tree, tuple(_leaf_identity(leaf) for leaf in leaves)


def _leaf_identity(leaf: Any) -> Any:
    if getattr(leaf, "ndim", 0):
        return "array", leaf.shape
    number = leaf.item() if hasattr(leaf, "item") else leaf
    return type(leaf), repr(number) if isinstance(number, float) else number  # tells 0.0 from -0.0, finds nan again


def _is_input(key: str, value: Any) -> bool:
    if value is _MISSING or value is None or isinstance(value, (bool, str)):
        return False
    if _holds_tracer(value) or key in _TRACED:
        return True
    return key != DT and not isinstance(value, (int, float)) and builtins.all(map(_is_array, jax.tree.leaves(value)))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, np.generic, float, int)) and not isinstance(leaf, bool)


def _holds_tracer(value: Any) -> bool:
    return builtins.any(is_tracer(leaf) for leaf in jax.tree.leaves(value))


def _strong(leaf: Any) -> Any:
    dtype = ditype() if isinstance(leaf, int) else dftype() if isinstance(leaf, float) else jnp.result_type(leaf)
    return jnp.asarray(leaf, dtype)


def _check(settings: dict[str, Any]) -> None:
    dt = settings.get(DT)
    if dt is not None and (isinstance(dt, (list, tuple, dict)) or [*map(np.shape, jax.tree.leaves(dt))] != [()]):
        raise TypeError(f"dt must be one number, such as 0.1 * u.ms; given {dt!r}.")
    if dt is not None and not _holds_tracer(dt):
        check_dt(dt, "environ")
    precision = settings.get("precision", 32)
    if precision not in (16, 32, 64, "bf16"):
        raise ValueError(f"precision must be 16, 32, 64 or 'bf16'; given {precision!r}.")
    products = settings.get("matmul_precision", 32)
    if products not in (32, "bf16"):
        raise ValueError(f"matmul_precision must be 32 or 'bf16'; given {products!r}.")
    deterministic = settings.get("deterministic", False)
    if not isinstance(deterministic, bool):
        raise TypeError(f"deterministic must be True or False; given {deterministic!r}.")
    if "platform" in settings:
        _check_platform(settings["platform"])
    if "host_device_count" in settings:
        _check_device_count(settings["host_device_count"])


def _check_platform(platform: Any) -> None:
    if platform not in _PLATFORMS:
        raise ValueError(f"platform must be one of {', '.join(map(repr, _PLATFORMS))}; given {platform!r}.")
    if has_started() and jax.default_backend() not in _PLATFORMS[platform]:
        raise StartedError(_too_late(f"the platform {platform!r}", f"on {jax.default_backend()!r}", f"{platform=}"))


def _check_device_count(n: Any) -> None:
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"host_device_count must be a number of devices, at least 1; given {n!r}.")
    if has_started() and n != jax.local_device_count("cpu"):
        now = f"with {jax.local_device_count('cpu')} CPU device(s)"
        raise StartedError(_too_late(f"host_device_count = {n}", now, f"host_device_count={n}"))


def _too_late(what: str, now: str, code: str) -> str:
    return (
        f"environ cannot set {what} any more: JAX has started {now}, and models and arrays are there. Write "
        f"`sl.environ.set({code})` at the start of the program, before anything is built or computed."
    )


def _missing(key: str, desc: str | None) -> str:
    what = f" ({desc})" if desc else ""
    example = {DT: "0.1 * u.ms", T: "t", I: "i"}.get(key, "...")
    return (
        f"{key!r}{what} is needed here but was not given.\n"
        f"Run the model inside `with sl.environ.context({key}={example}):`, "
        f"or call `sl.environ.set({key}={example})` once."
    )
