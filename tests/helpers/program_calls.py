"""Calls of step programs as native code gets them: the program of a kernel, its operands in order, its results."""

from types import SimpleNamespace
from typing import NamedTuple

import brainunit as u
import jax
import numpy as np
import spikeloop as sl
from spikeloop.kernels import _library, _neuron
from spikeloop.models import _neuron as _of_neurons
from spikeloop.models import _short_term as _of_short_term


class Captured(Exception):
    """The pass that a model is about to run, in place of its results."""

    def __init__(self, config, given):
        self.config, self.given = config, given


def operands_of(model, given):
    """The pass of a model with initial states, and its operands by name."""

    def capture(config, operands):
        raise Captured(config, dict(operands))

    callers = (_of_neurons, _of_short_term)
    try:
        for module in callers:
            module.step = capture
        model(given)
    except Captured as found:
        return found.config, {name: np.asarray(x) for name, x in found.given.items()}
    finally:
        for module in callers:
            module.step = _neuron.step
    raise AssertionError("the model runs no step program")


def population(cls, n, **options):
    """A population with a receptor, and what a call of it takes."""
    unit = u.mA if cls.current_unit.is_unitless else cls.current_unit
    neuron = cls(n, **options)
    if not cls.current_unit.is_unitless:
        sl.AlignPostProj(comm=lambda x: x, post=neuron, syn=sl.Expon.desc(n, g_initializer=0.1 * unit / u.mV),
                         out=sl.COBA.desc(E=-10.0 * u.mV))  # fmt: skip
    if cls.delta_into == "V":
        neuron.take_delta()
    sl.nn.init_all_states(neuron)
    return neuron, np.full(n, 1.0) if cls.current_unit.is_unitless else u.Quantity(np.full(n, 1.0), unit=unit)


def varied(config, given, shape, dtype, kinds=("scalar",), seed=0):
    """Operands of a population of this shape around the given ones: parameters are in turn of these kinds."""
    rng = np.random.default_rng(seed)
    shapes = {"scalar": (), "neuron": shape[-1:], "row": (*shape[:-1], 1), "full": shape}
    made = []
    for k, (name, group) in enumerate(config.operands()):
        size = shapes[kinds[k % len(kinds)]] if group == "parameter" else shape
        middle = float(np.mean(given[name]))
        x = middle * rng.uniform(0.8, 1.2, size) + (rng.normal(0, 5, size) if group == "state" else 0)
        if name in (_neuron.REF_STEPS, _neuron.REF_LEFT):
            x = rng.integers(0, 4, size)
        if name == _neuron.SPIKE:
            x = rng.integers(0, 2, size)
        made.append(np.asarray(x, dtype))
    return made


class Call(NamedTuple):
    """What native code is called with."""

    hash: int
    program: object
    operands: list  # arrays
    results: list  # shapes and dtypes: outs, then sums
    aliases: dict  # {result: operand}


def call_of(kernel, args, structure):
    """The call of an elementwise kernel."""
    given = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in args]
    with jax.enable_x64(True):
        made = jax.eval_shape(lambda *args: kernel.bind(*args, **structure), *given)
    program = kernel.program(given, made, structure)
    order = [*program.out_places, *program.sum_places]
    return Call(
        _library.native.program(program.text()),
        program,
        [args[k] for k in program.operands],
        [made[k] for k in order],
        {k: out.alias for k, out in enumerate(program.outs) if out.alias is not None},
    )


def calls_of(config, args, seed=1):
    """A step, its tangents and its cotangents."""
    rng, smooth = np.random.default_rng(seed), config.smooth()
    at = [x.name for x in config.operands()]
    dtype = args[0].dtype
    like = lambda x: rng.normal(size=x.shape).astype(dtype)  # noqa: E731
    tangents = [like(args[at.index(name)]) for name in smooth.operands]
    first = args[at.index(next(iter(config.model.state_vars)))]
    cts = [like(first) for _ in smooth.results]
    active = {"config": config, "active": smooth.operands}
    return SimpleNamespace(
        step=call_of(_neuron.step_p, args, {"config": config}),
        jvp=call_of(_neuron.jvp_p, [*args, *tangents], active),
        vjp=call_of(_neuron.vjp_p, [*args, *cts], active),
    )
