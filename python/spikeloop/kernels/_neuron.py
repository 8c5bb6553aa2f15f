"""One step of a population: decay, synaptic drive, integration, threshold, reset and refractoriness in one pass.

`reference` defines the pass; the native kernels are tested against it and take its place on the platforms that have
them. Derivatives come from the same step: forward mode by `jvp`, reverse mode by its transpose `vjp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._receptors import ReceptorKind


class Model(Protocol):
    """What the pass needs to know of a neuron model; all functions work on plain numbers."""

    kernel: str
    operands: tuple[str, ...]  # parameters and what is derived from them and dt
    state_vars: Mapping[str, Any]  # the first is the membrane potential V
    edge: bool  # a spike is a rise above threshold, without a reset
    holds_all: bool  # a refractory neuron keeps all states, not only V
    releases: bool  # `release` of the input takes the place of the methods below, and the pass returns what it releases

    def threshold(self, p: Any, s: Any) -> Any: ...
    def reset(self, p: Any, s: Any, spike: Any, hard: bool) -> None: ...
    def integrate(self, p: Any, s: Any, drive: Drive) -> None: ...


class Drive(NamedTuple):
    """The input of one step: the external current, and the sum over receptors with its derivative d/dV."""

    current: Any
    synaptic: Any
    slope: Any


@dataclass(frozen=True)
class Pass:
    """A neuron model with its options; it fixes the order of the operands."""

    model: Any
    refractory: bool  # counts the steps left; of an `edge` model always
    delta: bool
    hard: bool
    surrogate: Any
    receptors: tuple[ReceptorKind, ...]

    @property
    def is_native(self) -> bool:
        """Whether the native library can run it."""
        return self.has_kernel and self.surrogate.code is not None

    @property
    def has_kernel(self) -> bool:
        """Whether the native library can run it but for, perhaps, its surrogate gradient."""
        return self.model.kernel is not None and all(kind.is_native for kind in self.receptors)

    def layout(self) -> Layout:
        """Where each group of operands starts."""
        return Layout(
            params=len(self.model.operands),
            n_ref=int(self.refractory),
            receptor_params=tuple(len(kind.params) for kind in self.receptors),
            surrogate=len(self.surrogate.parameters()),
            states=len(self.model.state_vars),
            left=int(self.refractory),
            receptor_states=tuple(len(kind.states) for kind in self.receptors),
            delta=int(self.delta),
        )


class Layout(NamedTuple):
    """Numbers of operands by group, in the order of the kernel's arguments; `spike` and `current` follow."""

    params: int
    n_ref: int
    receptor_params: tuple[int, ...]
    surrogate: int
    states: int
    left: int
    receptor_states: tuple[int, ...]
    delta: int

    @property
    def first_state(self) -> int:
        """Position of V."""
        return self.params + self.n_ref + sum(self.receptor_params) + self.surrogate

    @property
    def num_results(self) -> int:
        """States, steps left, receptor states, delta and spike."""
        return self.states + self.left + sum(self.receptor_states) + self.delta + 1

    @property
    def num_args(self) -> int:
        """All operands."""
        return self.first_state + self.num_results + 1

    @property
    def differentiable_results(self) -> tuple[int, ...]:
        """Positions of the results that carry tangents: all but the steps left and the emptied delta."""
        left, delta = self.states, self.num_results - 2
        return tuple(
            i for i in range(self.num_results) if not (self.left and i == left) and not (self.delta and i == delta)
        )

    @property
    def differentiable_args(self) -> frozenset[int]:
        """Positions of the operands that may carry tangents."""
        fixed = {self.params} if self.n_ref else set()
        start = self.first_state
        fixed |= set(range(start - self.surrogate, start)) | {start + self.num_results - 1}
        if self.left:
            fixed.add(start + self.states)
        return frozenset(range(self.num_args)) - fixed

    def split(self, args: Sequence[Any]) -> SimpleNamespace:
        """The operands by group."""
        rest = list(args)

        def take(n: int) -> list[Any]:
            group, rest[:] = rest[:n], rest[n:]
            return group

        groups = SimpleNamespace(params=take(self.params), n_ref=take(self.n_ref))
        groups.receptor_params = [take(n) for n in self.receptor_params]
        groups.surrogate = take(self.surrogate)
        groups.states, groups.left = take(self.states), take(self.left)
        groups.receptor_states = [take(n) for n in self.receptor_states]
        groups.delta, groups.spike, groups.current = take(self.delta), take(1)[0], take(1)[0]
        return groups


def reference(*args: Any, config: Pass) -> list[Any]:
    """The pass in plain JAX: it defines what the native kernels compute."""
    a = config.layout().split(args)
    p = SimpleNamespace(**dict(zip(config.model.operands, a.params, strict=True)))
    s = SimpleNamespace(**dict(zip(config.model.state_vars, a.states, strict=True)))
    like = a.states[0]
    results = _release(p, s, a, config) if config.model.releases else _fire(p, s, a, config)
    return [jnp.broadcast_to(x, like.shape).astype(like.dtype) for x in results]


def _release(p: Any, s: Any, a: Any, config: Pass) -> list[Any]:
    """States and what is released."""
    new, release = config.model.release(p, s, a.current)
    return [*new, release]


def _fire(p: Any, s: Any, a: Any, config: Pass) -> list[Any]:
    """States and spikes after a reset, a step of the equations, jumps and the refractory hold."""
    model, like, surrogate = config.model, a.states[0], config.surrogate.bound(a.surrogate)
    last = last_spike(model, surrogate, p, s, a.spike, a.left[0] if a.left else None)
    if not model.edge:
        model.reset(p, s, last, config.hard)
    held = SimpleNamespace(**vars(s))
    receptors = list(zip(config.receptors, a.receptor_params, a.receptor_states, strict=True))
    drives = [kind.drive(q, g, s.V) for kind, q, g in receptors]
    synaptic = sum((d for d, _ in drives), jnp.zeros_like(like))
    model.integrate(p, s, Drive(a.current, synaptic, sum((d for _, d in drives), jnp.zeros_like(like))))
    if config.delta:
        s.V = s.V + a.delta[0]
    left, waiting = [], jnp.zeros_like(like)
    if config.refractory:
        waiting = jnp.maximum(a.left[0] - 1, 0)
        for name in model.state_vars if model.holds_all else ("V",):
            setattr(s, name, jnp.where(waiting > 0, getattr(held, name), getattr(s, name)))
    # A refractory neuron does not spike, wherever it is held.
    above = jnp.where(waiting > 0, 0, surrogate(model.threshold(p, s)))
    spike = above * (1 - last) if model.edge else above
    if config.refractory:
        steps = jnp.where(spike > 0, jnp.broadcast_to(a.n_ref[0], like.shape), waiting)
        left = [jnp.maximum(steps, above) if model.edge else steps]
    decayed = [g for kind, q, states in receptors for g in kind.decay(q, states)]
    cleared = [jnp.zeros_like(d) for d in a.delta]
    return [*(getattr(s, name) for name in model.state_vars), *left, *decayed, *cleared, spike]


def last_spike(model: Any, surrogate: Any, p: Any, s: Any, spike: Any, left: Any) -> Any:
    """Where the last step spiked; of an `edge` model, where it ended above threshold.

    A potential above threshold does not tell: it may have been assigned since, or held there by a refractory period.
    Where it tells something else, there is no spike whose derivative a reset could have.
    `spike` is what the last step sent, `left` its refractory steps left, None if these are not counted.
    """
    fired, seen = surrogate(model.threshold(p, s)), left if model.edge else spike
    tells = (seen > 0) == (fired > 0)
    if left is not None and not model.edge:  # a neuron that was held could not spike, whatever its potential
        tells = tells & ~((left > 0) & (spike == 0))
    fixed = jax.lax.stop_gradient(fired)
    fired = jnp.where(tells, fired, fixed)
    return jnp.where(seen > 0, fired, fired - fixed)


def step(config: Pass, args: Sequence[Any]) -> list[Any]:
    """One pass over operands in the order of `Layout`; native where the platform has a kernel."""
    dtype = args[config.layout().first_state].dtype
    args = [jnp.asarray(arg, dtype) for arg in args]
    if not config.is_native or dtype not in (jnp.float32, jnp.float64):
        if config.has_kernel and not config.is_native and config.model.kernel in _library.targets:
            name = config.surrogate.label
            _library.fall_back(f"{config.model.kernel} with {name}", f"there is no native code for {name}")
        return reference(*args, config=config)
    return _flattened(args, config.layout(), lambda flat: step_p.bind(*flat, config=config))


def _flattened(args: Sequence[Any], layout: Layout, run: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """Run on operands of shape (batch, n): a population of several axes is one of their product."""
    shape = args[layout.first_state].shape
    if len(shape) == 1 and all(arg.ndim <= 1 for arg in args):
        return run(list(args))
    flat = [arg if arg.ndim == 0 else arg.reshape(()) if arg.size == 1 else _rows(arg, shape) for arg in args]
    first = layout.first_state
    for i in range(first, first + layout.num_results):
        flat[i] = jnp.broadcast_to(args[i], shape).reshape(_two(shape))
    return [out.reshape(shape) for out in run(flat)]


def _rows(arg: Any, shape: tuple[int, ...]) -> Any:
    if arg.shape == shape[-arg.ndim :] and arg.size == shape[-1]:
        return arg.reshape(-1)  # one value per neuron, the same in every batch row
    return jnp.broadcast_to(arg, shape).reshape(_two(shape))


def _two(shape: tuple[int, ...]) -> tuple[int, int]:
    return (int(np.prod(shape[:-1])), shape[-1])


def _jvp_reference(*args: Any, config: Pass, active: tuple[int, ...]) -> list[Any]:
    primals, tangents = _split_tangents(args, config, active)
    _, slopes = jax.jvp(_as_function(primals, config, active), [primals[i] for i in active], tangents)
    return slopes


def _vjp_reference(*args: Any, config: Pass, active: tuple[int, ...]) -> list[Any]:
    n = config.layout().num_args
    primals, cotangents = list(args[:n]), list(args[n:])
    shape = primals[config.layout().first_state].shape
    full = [jnp.broadcast_to(primals[i], shape) for i in active]
    _, pullback = jax.vjp(lambda *values: _as_function(primals, config, active)(*values), *full)
    return list(pullback(cotangents))


def _as_function(primals: Sequence[Any], config: Pass, active: tuple[int, ...]) -> Callable[..., list[Any]]:
    """The differentiable results as a function of the active operands."""

    def run(*values: Any) -> list[Any]:
        chosen = dict(zip(active, values, strict=True))
        outs = reference(*(chosen.get(i, x) for i, x in enumerate(primals)), config=config)
        return [outs[i] for i in config.layout().differentiable_results]

    return run


def _split_tangents(args: Sequence[Any], config: Pass, active: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    n = config.layout().num_args
    primals, tangents = list(args[:n]), list(args[n:])
    for k, i in enumerate(active):  # either may be repeated: vmap batches one and not the other
        shape = jnp.broadcast_shapes(primals[i].shape, tangents[k].shape)
        primals[i], tangents[k] = jnp.broadcast_to(primals[i], shape), jnp.broadcast_to(tangents[k], shape)
    return primals, tangents


def _like_state(count: Callable[[Pass, Any], int]) -> Callable[..., list[Any]]:
    def abstract_eval(*avals: Any, config: Pass, active: Any = ()) -> list[Any]:
        state = avals[config.layout().first_state]
        return [state.update(shape=state.shape, dtype=state.dtype, weak_type=False)] * count(config, active)

    return abstract_eval


step_p = new_primitive("spikeloop_neuron", _like_state(lambda c, _: c.layout().num_results), reference)
jvp_p = new_primitive(
    "spikeloop_neuron_jvp", _like_state(lambda c, _: len(c.layout().differentiable_results)), _jvp_reference
)
vjp_p = new_primitive("spikeloop_neuron_vjp", _like_state(lambda _, active: len(active)), _vjp_reference)


# --- differentiation -------------------------------------------------------------------------------------------------


def _step_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, config: Pass) -> tuple[list[Any], list[Any]]:
    layout = config.layout()
    outs = step_p.bind(*primals, config=config)
    active = tuple(i for i in sorted(layout.differentiable_args) if type(tangents[i]) is not ad.Zero)
    slopes = [zero_tangent(out) for out in outs]
    if active:
        given = [tangents[i] for i in active]
        for i, slope in zip(
            layout.differentiable_results, jvp_p.bind(*primals, *given, config=config, active=active), strict=True
        ):
            slopes[i] = slope
    return outs, slopes


def _jvp_transpose(cts: Sequence[Any], *args: Any, config: Pass, active: tuple[int, ...]) -> list[Any]:
    n = config.layout().num_args
    primals = args[:n]
    cts = [ad.instantiate_zeros(ct) for ct in cts]
    grads = vjp_p.bind(*primals, *cts, config=config, active=active)
    wanted = [_sum_to(g, t.aval.shape) if ad.is_undefined_primal(t) else None
              for g, t in zip(grads, args[n:], strict=True)]  # fmt: skip
    return [None] * n + wanted


def _sum_to(value: Any, shape: tuple[int, ...]) -> Any:
    """Add up the axes along which an operand of this shape was repeated."""
    if value.shape == shape:
        return value
    value = value.sum(tuple(range(value.ndim - len(shape))))
    axes = tuple(i for i, (a, b) in enumerate(zip(value.shape, shape, strict=True)) if a != b)
    return value.sum(axes, keepdims=True) if axes else value


def _by_reference(fun: Callable[..., list[Any]]) -> Callable[..., Any]:
    """The JVP rule of a derivative: JAX differentiates the reference."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        slopes = [ad.instantiate_zeros(t) for t in tangents]
        return jax.jvp(lambda *xs: fun(*xs, **params), tuple(primals), tuple(slopes))

    return rule


ad.primitive_jvps[step_p] = _step_jvp
ad.primitive_jvps[jvp_p] = _by_reference(_jvp_reference)
ad.primitive_jvps[vjp_p] = _by_reference(_vjp_reference)
ad.primitive_transposes[jvp_p] = _jvp_transpose


# --- batching --------------------------------------------------------------------------------------------------------


def _batching_rule(primitive: Any) -> Callable[..., Any]:
    """Lanes become rows of the batch; operands that are equal in all lanes and rows are not repeated."""

    def rule(args: Sequence[Any], dims: Sequence[Any], *, config: Pass, **params: Any) -> tuple[list[Any], list[int]]:
        layout = config.layout()
        n, first = layout.num_args, layout.first_state
        lanes = next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
        state, dim = args[first], dims[first]
        shape = tuple(s for i, s in enumerate(state.shape) if i != dim)
        whole = (lanes, *shape)
        flat = []
        for i, (x, d) in enumerate(zip(args, dims, strict=True)):
            repeat = d is None and not (first <= i < first + layout.num_results or i >= n) and x.size in (1, shape[-1])
            flat.append(x.reshape(-1)[: x.size] if repeat and x.ndim else x if repeat else _lanes_first(x, d, whole))
        outs = primitive.bind(*flat, config=config, **params)
        return [out.reshape(whole) for out in outs], [0] * len(outs)

    return rule


def _lanes_first(x: Any, dim: Any, whole: tuple[int, ...]) -> Any:
    if dim is not None:
        x = jnp.moveaxis(x, dim, 0)
        x = x.reshape(x.shape[0], *[1] * (len(whole) - x.ndim), *x.shape[1:])
    return jnp.broadcast_to(x, whole).reshape(-1, whole[-1])


for _p in (step_p, jvp_p, vjp_p):
    batching.primitive_batchers[_p] = _batching_rule(_p)


# --- lowering --------------------------------------------------------------------------------------------------------


def _native_lowering(suffix: str, reference_rule: Any) -> Callable[..., Any]:
    def lower(ctx: Any, *operands: Any, config: Pass, active: tuple[int, ...] | None = None) -> Any:
        kernel = config.model.kernel + suffix
        if not _library.has(kernel):
            params = {} if active is None else {"active": active}
            return reference_rule(ctx, *operands, config=config, **params)
        layout = config.layout()
        first = layout.first_state
        aliases = {} if suffix else {first + i: i for i in range(layout.num_results)}
        rule = ffi_lowering(_library.PREFIX + kernel, aliases)
        extra = {} if active is None else {"active": np.array(active, np.int32)}
        return rule(ctx, *operands, **_attributes(config), **extra)

    return lower


def _attributes(config: Pass) -> dict[str, Any]:
    codes = [kind.code for kind in config.receptors]
    return {
        "refractory": config.refractory,
        "delta": config.delta,
        "hard": config.hard,
        "surrogate": np.int32(config.surrogate.code),
        "receptors": np.array(codes or [-1], np.int32),
        "n_receptors": np.int32(len(codes)),
    }


for _p, _suffix, _fun in ((step_p, "", reference), (jvp_p, ".jvp", _jvp_reference), (vjp_p, ".vjp", _vjp_reference)):
    _rule = mlir.lower_fun(_fun, multiple_results=True)
    mlir.register_lowering(_p, _native_lowering(_suffix, _rule), platform="cpu")
