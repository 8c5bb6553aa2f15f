"""`jit`: compile a function that uses States."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax

from ._program import ProgramCache
from ._traced import trace_function


class JitFunction:
    """A compiled function; see `jit`."""

    def __init__(self, fun: Callable[..., Any], static: Any, donate: Any, options: dict[str, Any]):
        functools.update_wrapper(self, fun)
        self.origin_fun = fun
        self._static_nums, self._static_names = _resolve(fun, *static, "static")
        self._donate_nums, self._donate_names = _resolve(fun, *donate, "donate")
        self.cache = ProgramCache(options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self._static_nums or self._static_names or self._donate_nums):
            return self.cache.call(self.origin_fun, None, args, kwargs)
        fun, key, args, kwargs = self._bind_static(args, kwargs)
        donated = {i: args[i] for i in self._donate_nums if i < len(args)}
        kept = tuple(None if i in donated else arg for i, arg in enumerate(args))
        return self.cache.call(fun, key, kept, kwargs, donated)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _bind_static(self, args: tuple, kwargs: dict) -> tuple[Callable[..., Any], Any, tuple, dict]:
        """The function of the dynamic arguments alone; static ones become None and part of the key."""
        nums = {i: args[i] for i in self._static_nums if i < len(args)}
        names = {k: v for k, v in kwargs.items() if k in self._static_names}
        if not nums and not names:
            return self.origin_fun, None, args, kwargs
        fun = self.origin_fun

        def dynamic(*rest: Any, **named: Any) -> Any:
            return fun(*(nums.get(i, arg) for i, arg in enumerate(rest)), **{**named, **names})

        functools.update_wrapper(dynamic, fun)
        key = (tuple(nums.items()), tuple(sorted(names.items())))
        rest = tuple(None if i in nums else arg for i, arg in enumerate(args))
        return dynamic, key, rest, {k: v for k, v in kwargs.items() if k not in names}

    def clear_cache(self) -> None:
        """Forget every compiled program."""
        self.cache.clear()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shapes and dtypes of the result, without computing it."""
        fun, _, args, kwargs = self._bind_static(args, kwargs)
        traced = trace_function(fun, args, kwargs)
        avals = traced.jaxpr.out_avals[: traced.num_out]
        return traced.result([jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals])

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The lowered program for these arguments, as `jax.stages.Lowered`."""
        fun, key, args, kwargs = self._bind_static(args, kwargs)
        program = self.cache.find(fun, key, args, kwargs)
        states = program.states()
        assert states is not None
        return program.compiled.lower(*program.inputs(states, args, kwargs, {}))

    def compile(self, *args: Any, **kwargs: Any) -> Any:
        """The compiled program for these arguments, as `jax.stages.Compiled`."""
        return self.lower(*args, **kwargs).compile()

    def __repr__(self) -> str:
        return f"<jit of {getattr(self.origin_fun, '__qualname__', self.origin_fun)!s}>"


def jit(
    fun: Callable[..., Any] | None = None,
    in_shardings: Any = None,
    out_shardings: Any = None,
    static_argnums: int | Sequence[int] | None = None,
    donate_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
    donate_argnames: str | Sequence[str] | None = None,
    keep_unused: bool = False,
    device: Any = None,
    backend: str | None = None,
    inline: bool = False,
    name: str | None = None,
    **options: Any,
) -> Any:
    """Compile `fun` on its first call; later calls run the compiled program. Also a decorator, with or without `()`.

    States that `fun` reads are inputs of the program and those that it writes are results, so a call has the effects
    of running `fun` itself. Another shape, dtype, unit, static argument, or another value of a setting such as `dt`
    compiles again; another value of `t` or of an array setting does not. Large States that are replaced give their
    buffer to the program.

    | name | meaning |
    |---|---|
    | `static_argnums`, `static_argnames` | arguments used by value; one program for each value |
    | `donate_argnums`, `donate_argnames` | arguments whose buffers the program may overwrite |
    | `in_shardings`, `out_shardings`, `keep_unused`, `device`, `backend`, `inline` | as in `jax.jit` |
    """
    if fun is None:
        given = {k: v for k, v in locals().items() if k not in ("fun", "options")}
        return lambda f: jit(f, **given, **options)
    extra = {"keep_unused": keep_unused or None, "device": device, "backend": backend, "inline": inline or None}
    options |= {k: v for k, v in extra.items() if v is not None}
    if in_shardings is not None:
        options["in_shardings"] = (None, None, None, None, None, in_shardings, None)
    if out_shardings is not None:
        options["out_shardings"] = (out_shardings, None)
    static, donate = (static_argnums, static_argnames), (donate_argnums, donate_argnames)
    wrapped = JitFunction(fun, static, donate, options)
    if name is not None:
        wrapped.__name__ = name
    return wrapped


def _resolve(fun: Callable[..., Any], nums: Any, names: Any, kind: str) -> tuple[tuple[int, ...], frozenset[str]]:
    """Positions and names of arguments; each one given by position may be passed by name, and the reverse."""
    nums = () if nums is None else (nums,) if isinstance(nums, int) else tuple(nums)
    names = () if names is None else (names,) if isinstance(names, str) else tuple(names)
    if any(i < 0 for i in nums):
        raise ValueError(f"{kind}_argnums must not be negative; given {nums}.")
    if not nums and not names:
        return (), frozenset()
    parameters = list(inspect.signature(fun).parameters)
    by_name = tuple(parameters.index(name) for name in names if name in parameters)
    by_num = (parameters[i] for i in nums if i < len(parameters))
    return tuple(sorted({*nums, *by_name})), frozenset({*names, *by_num})
