"""`jit`: compile a function that uses States."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from .. import _mesh
from . import _eager
from ._inspect import eval_shape
from ._program import Call, ProgramCache
from ._static import fix_static, resolve


class JitFunction:
    """A compiled function; see `jit`."""

    def __init__(self, fun: Callable[..., Any], static: Any, donate: Any, options: dict[str, Any]):
        functools.update_wrapper(self, fun)
        self.__name__ = getattr(fun, "__name__", type(fun).__name__)
        self.origin_fun = fun
        self._given = static, donate, options
        self._static_nums, self._static_names = resolve(fun, static, "static")
        self._donate_nums, self._donate_names = resolve(fun, donate, "donate")
        self._plain = not (self._static_nums or self._static_names or self._donate_nums or self._donate_names)
        self.cache = ProgramCache(options)
        self._call = self.cache.call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _mesh.current() is not None:  # where arrays lie is part of the program, which is found by what is traced
            fun, _, call = self._bind(args, kwargs)
            return _eager.run(_called, (fun,), (), call.whole())
        if self._plain:
            return self._call(self.origin_fun, None, Call(args, kwargs))
        return self._call(*self._bind(args, kwargs))

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = f"_jit_{name}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The method of `instance`, which keeps its programs: they hold for this instance alone."""
        if instance is None:
            return self
        bound = vars(instance).get(key := getattr(self, "_attribute", f"_jit_{self.__name__}"))
        if bound is None or bound.origin_fun != types.MethodType(self.origin_fun, instance):
            (nums, names), (donate_nums, donate_names), options = self._given
            static, donate = (_without_self(nums), names), (_without_self(donate_nums), donate_names)
            bound = JitFunction(types.MethodType(self.origin_fun, instance), static, donate, options)
            vars(instance)[key] = bound
        return bound

    def _bind(self, args: tuple, kwargs: dict[str, Any]) -> tuple[Callable[..., Any], Any, Call]:
        """(function of the dynamic arguments, key of the static ones, call); static arguments become None."""
        fun, key, args, kwargs = fix_static(self.origin_fun, self._static_nums, self._static_names, args, kwargs)
        donated = {i: args[i] for i in self._donate_nums if i < len(args)}
        donated_kwargs = {k: v for k, v in kwargs.items() if k in self._donate_names}
        kept = tuple(None if i in donated else arg for i, arg in enumerate(args))
        kept_kwargs = {k: v for k, v in kwargs.items() if k not in donated_kwargs}
        return fun, key, Call(kept, kept_kwargs, donated, donated_kwargs)

    def __reduce__(self) -> Any:
        """By its name where a decorated function stands at the top of a module, else by what it was made of."""
        module = sys.modules.get(getattr(self.origin_fun, "__module__", ""))
        if getattr(module, self.__name__, None) is self:
            return self.__name__
        return JitFunction, (self.origin_fun, *self._given)

    def clear_cache(self) -> None:
        """Forget every compiled program."""
        self.cache.clear()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shapes and dtypes of the result, without computing it."""
        fun, _, call = self._bind(args, kwargs)
        args, kwargs = call.whole()
        return eval_shape(fun, *args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The lowered program for these arguments, as `jax.stages.Lowered`."""
        if _mesh.current() is not None:
            fun, _, call = self._bind(args, kwargs)
            whole = call.whole()
            return _eager.TracedCall(_called, (fun,), (), whole).lower(*whole)
        return self.cache.lower(*self._bind(args, kwargs))

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

    States that `fun` reads are inputs of the program and those that it writes are results, so a call has the effects of
    running `fun` itself. Another shape, dtype, unit, static argument, or another value of a setting such as `dt`
    compiles again; another value of `t` or of an array setting does not. The buffers of large States that are replaced
    are donated to the program.

    | name | meaning |
    |---|---|
    | `static_argnums`, `static_argnames` | arguments used by value; one program for each value |
    | `donate_argnums`, `donate_argnames` | arguments whose buffers the program may overwrite |
    | `in_shardings`, `out_shardings`, `keep_unused`, `device`, `backend`, `inline` | as in `jax.jit` |

    >>> count = sl.State(jnp.zeros(()))
    >>> @sl.transform.jit
    ... def add(x):
    ...     count.value = count.value + x
    >>> add(2.0)
    >>> count.value.item()
    2.0
    """
    if fun is None:
        given = {k: v for k, v in locals().items() if k not in ("fun", "options")}
        return lambda f: jit(f, **given, **options)
    extra = {"keep_unused": keep_unused or None, "device": device, "backend": backend, "inline": inline or None}
    options |= {k: v for k, v in extra.items() if v is not None}
    if in_shardings is not None:
        options["in_shardings"] = (None, None, in_shardings, None)
    if out_shardings is not None:
        options["out_shardings"] = (out_shardings, None)
    static, donate = (static_argnums, static_argnames), (donate_argnums, donate_argnames)
    wrapped = JitFunction(fun, static, donate, options)
    if name is not None:
        wrapped.__name__ = name
    return wrapped


def _called(functions: tuple[Any], _config: tuple, args: tuple[Any, Any]) -> Any:
    return functions[0](*args[0], **args[1])


def _without_self(nums: Any) -> Any:
    """Positions of the arguments of a method once its first argument is bound."""
    if nums is None:
        return None
    return tuple(i - 1 for i in ((nums,) if isinstance(nums, int) else nums) if i > 0)
