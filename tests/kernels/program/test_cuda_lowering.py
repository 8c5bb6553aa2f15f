"""Programs for GPUs, compiled on a machine without one: each step is one call of native code, in place."""

import re

import brainunit as u
import jax
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _neuron

from tests.helpers.program_calls import calls_of, operands_of, population, varied
from tests.models.test_neurons import ALL_NEURONS


@pytest.fixture(autouse=True)
def _native(native):
    sl.environ.set(precision=32, dt=0.1 * u.ms)


def lowered(function, *args):
    """The program of XLA for GPUs."""
    return jax.jit(function).trace(*args).lower(lowering_platforms=("cuda",)).as_text()


def calls(text):
    """The native calls, with the types of their results."""
    lines = [line for line in text.splitlines() if "custom_call @spikeloop." in line]
    return [(re.search(r"@(spikeloop[\w.]+)", line)[1], line.split("-> ")[-1]) for line in lines]


@pytest.mark.parametrize("cls", ALL_NEURONS, ids=lambda cls: cls.__name__)
def test_every_model_is_a_call_on_gpus(cls):
    config, given = operands_of(*population(cls, 3000))
    args = varied(config, given, (2, 3000), np.float32, ("scalar", "neuron"))
    names, (active, smooth) = [x.name for x in config.operands()], config.smooth()
    tangents = [np.ones_like(args[names.index(name)]) for name in active]
    cts = [np.ones((2, 3000), np.float32)] * len(smooth)
    derivative = {"config": config, "active": active}
    for kernel, more, structure in (
        (_neuron.step_p, [], {"config": config}),
        (_neuron.jvp_p, tangents, derivative),
        (_neuron.vjp_p, cts, derivative),
    ):
        ((name, results),) = calls(lowered(lambda *x, k=kernel, s=structure: k.bind(*x, **s), *args, *more))
        assert name == "spikeloop.cuda.program"
        # two rows of three chunks for each sum, behind the results
        sums = calls_of(config, args).vjp.program.sums if kernel is _neuron.vjp_p else ()
        assert (f"tensor<{6 * len(sums)}xf32>" in results) == bool(sums)
    assert sl.info()["fallbacks"] == "none"


def test_the_states_of_a_step_are_updated_in_place():
    """But for the spikes, which loops return from every step."""
    config, given = operands_of(*population(sl.LIFRef, 100))
    args = varied(config, given, (100,), np.float32)
    text = lowered(lambda *x: _neuron.step_p.bind(*x, config=config), *args)
    aliases = re.findall(r"output_operand_alias<output_tuple_indices = \[(\d)\], operand_index = (\d+)", text)
    names = [x.name for x in config.operands()]
    state = [k for k, x in enumerate(config.operands()) if x.group == "state" and x.name != _neuron.SPIKE]
    taken = calls_of(config, args).step.program.operands
    assert [taken[int(operand)] for _, operand in aliases] == state, names
    assert [int(result) for result, _ in aliases] == [*range(len(state))]
