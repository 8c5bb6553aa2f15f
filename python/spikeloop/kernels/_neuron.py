"""One step of a population: decay, synaptic drive, integration, threshold, reset and refractoriness in one pass.

`reference` defines the pass; the native kernels are tested against it and take its place on the platforms that have
them. Derivatives come from the same step: forward mode by `jvp_p`, reverse mode by its transpose `vjp_p`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from . import _library, _nest_order
from ._derivatives import Smooth, Step, with_derivatives
from ._draws import KEYS, uniform
from ._kernel import FLOATS, Operands, inputs, params, state
from ._receptors import ReceptorKind
from .program._lower import NoProgram
from .program._trace import check_elementwise, traced

_LARGEST_CACHE = 1024

# Operands of every pass, beside those of the model and its receptors. A space keeps them apart from a model's names.
REF_STEPS, REF_LEFT = "refractory steps", "steps left"
DELTA, SPIKE, CURRENT = "delta input", "last spike", "input current"


class Model(Protocol):
    """What the pass needs to know of a neuron model; all functions work on plain numbers."""

    operands: tuple[str, ...]  # parameters and what is derived from them and dt
    state_vars: Mapping[str, Any]  # the first is the membrane potential V
    edge: bool  # a spike is a rise above threshold, without a reset
    holds_all: bool  # a refractory neuron keeps all states
    holds: tuple[str, ...]  # or those that it keeps
    draws: bool  # its functions may call p.uniform(k), k from 0 to 3, for a random number of each neuron
    order: str  # of a step: "reset first", or "nest" for NEST's, whose models define `arrive`
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
    integration: Any = None  # takes the place of `integrate`, and has further `operands`

    def __post_init__(self) -> None:
        if twice := {*self.model_operands} & {*self.model.state_vars}:
            raise TypeError(
                f"{self.model.__name__}: {min(twice)!r} is the name of an operand and of a state; rename one."
            )

    def operands(self) -> Operands:
        """The operands by name; all results are states."""
        model, held = self.model, [REF_LEFT] * self.refractory
        return (
            *params(*self.model_operands, *[REF_STEPS] * self.refractory),
            *params(*(name for names in self.receptor_params for name in names), *self.surrogate_params),
            *state(*model.state_vars, *held, *(name for names in self.receptor_states for name in names)),
            *state(*[DELTA] * self.delta, SPIKE),
            *inputs(CURRENT, *KEYS * self.model.draws),
        )

    @property
    def model_operands(self) -> tuple[str, ...]:
        """The operands of the model and its integration."""
        return (*self.model.operands, *(self.integration.operands if self.integration else ()))

    @property
    def receptor_params(self) -> list[list[str]]:
        """The operands of each receptor that do not change."""
        return [[f"receptors[{k}].{name}" for name in kind.params] for k, kind in enumerate(self.receptors)]

    @property
    def receptor_states(self) -> list[list[str]]:
        """The states of each receptor."""
        return [[f"receptors[{k}].{name}" for name in kind.states] for k, kind in enumerate(self.receptors)]

    @property
    def surrogate_params(self) -> list[str]:
        """The operands of the surrogate gradient."""
        return [f"surrogate {k}" for k in range(len(self.surrogate.parameters()))]

    def smooth(self) -> Smooth:
        """What may carry tangents; the emptied delta and the last spikes are constants."""
        fixed = {REF_STEPS, REF_LEFT, *KEYS, *self.surrogate_params}
        operands = [x for x in self.operands() if x.name not in fixed]
        return Smooth(
            tuple(x.name for x in operands if x.name != SPIKE),
            tuple(x.name for x in operands if x.group == "state" and x.name != DELTA),
        )

    def split(self, args: Sequence[Any]) -> SimpleNamespace:
        """The operands by group."""
        named = dict(zip((x.name for x in self.operands()), args, strict=True))
        some = lambda names: [named[name] for name in names]  # noqa: E731
        return SimpleNamespace(
            params=some(self.model_operands),
            n_ref=some([REF_STEPS] * self.refractory),
            receptor_params=[some(names) for names in self.receptor_params],
            surrogate=some(self.surrogate_params),
            states=some(self.model.state_vars),
            left=some([REF_LEFT] * self.refractory),
            receptor_states=[some(names) for names in self.receptor_states],
            delta=some([DELTA] * self.delta),
            spike=named[SPIKE],
            current=named[CURRENT],
            key=some(KEYS * self.model.draws),
        )


def reference(*args: Any, config: Pass) -> list[Any]:
    """The pass in plain JAX: it defines what the native kernels compute."""
    a = config.split(args)
    p = SimpleNamespace(**dict(zip(config.model_operands, a.params, strict=True)))
    s = SimpleNamespace(**dict(zip(config.model.state_vars, a.states, strict=True)))
    like = a.states[0]
    if a.key:
        p.uniform = lambda k=0: uniform(like, a.key, k)
    if config.model.releases:
        results = _release(p, s, a, config)
    elif config.model.order == "nest":
        results = _nest_order.fire(p, s, a, config, _drive(s, a, config, like))
    else:
        results = _fire(p, s, a, config)
    return [jnp.broadcast_to(x, like.shape).astype(like.dtype) for x in results]


def _release(p: Any, s: Any, a: Any, config: Pass) -> list[Any]:
    """States and what is released."""
    new, release = config.model.release(p, s, a.current)
    return [*new, release]


def _fire(p: Any, s: Any, a: Any, config: Pass) -> list[Any]:
    """States and spikes after a reset, a step of the equations, jumps and the refractory hold."""
    model, like, surrogate = config.model, a.states[0], config.surrogate.bound(a.surrogate)
    # The threshold of the last step was another one if it is drawn at random.
    last = a.spike if a.key else last_spike(model, surrogate, p, s, a.spike, a.left[0] if a.left else None)
    if not model.edge:
        model.reset(p, s, last, config.hard)
    held = SimpleNamespace(**vars(s))
    receptors = list(zip(config.receptors, a.receptor_params, a.receptor_states, strict=True))
    integrate = config.integration or model.integrate
    integrate(p, s, _drive(s, a, config, like))
    if config.delta:
        s.V = s.V + a.delta[0]
    left, waiting = [], jnp.zeros_like(like)
    if config.refractory:
        waiting = jnp.maximum(a.left[0] - 1, 0)
        for name in model.state_vars if model.holds_all else model.holds:
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


def _drive(s: Any, a: Any, config: Pass, like: Any) -> Drive:
    """The input of the equations, at the present potential."""
    V = getattr(s, next(iter(config.model.state_vars)))
    receptors = zip(config.receptors, a.receptor_params, a.receptor_states, strict=True)
    drives = [kind.drive(q, g, V) for kind, q, g in receptors if not kind.port]
    synaptic = sum((d for d, _ in drives), jnp.zeros_like(like))
    return Drive(a.current, synaptic, sum((d for _, d in drives), jnp.zeros_like(like)))


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


def step(config: Pass, operands: Mapping[str, Any]) -> dict[str, Any]:
    """One pass over operands by name: the new states by name. Native where the platform has programs."""
    V = operands[next(iter(config.model.state_vars))]
    groups = dict(config.operands())
    args = {name: jnp.asarray(operands[name], np.uint32 if name in KEYS else V.dtype) for name in groups}
    if V.dtype in FLOATS and _is_elementwise(config, V.shape, V.dtype):
        flat = _flattened(args, groups, V.shape)
        results = [out.reshape(V.shape) for out in step_p.bind(*flat, config=config)]
    else:
        results = reference(*args.values(), config=config)
    return dict(zip((name for name, group in groups.items() if group == "state"), results, strict=True))


def _is_elementwise(config: Pass, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether the step of a neuron depends on that neuron alone, in the derivatives too; else tells that it does not.

    A model may mix neurons, as in an average over the population; then it is no kernel, but plain JAX.
    """
    if reason := _why_not(config, shape, dtype.name):
        _library.fall_back(_label(config), reason)
    return reason is None


@lru_cache(_LARGEST_CACHE)
def _why_not(config: Pass, shape: tuple[int, ...], dtype: str) -> str | None:
    try:
        names = [operand.name for operand in config.operands()]
        words = {k for k, name in enumerate(names) if name in KEYS}
        shapes = [() if k in words else shape for k in range(len(names))]
        check_elementwise(traced(partial(reference, config=config), shapes, dtype, words))
    except NoProgram as reason:
        return str(reason)
    return None


def _label(config: Pass) -> str:
    return config.model.__name__


def _flattened(args: Mapping[str, Any], groups: Mapping[str, str], shape: tuple[int, ...]) -> list[Any]:
    """Operands of shape (batch, n): a population of several axes is one of their product."""
    if len(shape) == 1 and all(x.ndim <= 1 for x in args.values()):
        return list(args.values())
    whole = (int(np.prod(shape[:-1])), shape[-1])

    def flat(name: str, x: Any) -> Any:
        if groups[name] != "state":
            if x.size == 1:
                return x.reshape(()) if x.ndim else x
            if x.shape == shape[-x.ndim :] and x.size == shape[-1]:
                return x.reshape(-1)  # one value per neuron, the same in every batch row
            if x.shape[-1] == 1:
                return jnp.broadcast_to(x, (*shape[:-1], 1)).reshape(-1, 1)  # one value per row
        return jnp.broadcast_to(x, shape).reshape(whole)

    return [flat(name, x) for name, x in args.items()]


step_of_neuron = Step(
    "neuron",
    reference,
    structure=("config",),
    operands=lambda config: config.operands(),
    smooth=lambda config: config.smooth(),
    label=_label,
    returned=(SPIKE,),
)
step_p, jvp_p, vjp_p = with_derivatives(step_of_neuron)
