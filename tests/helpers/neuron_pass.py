"""The pass of a population on lists of operands, in the order of their declaration."""

import jax.numpy as jnp
from spikeloop.kernels import _neuron


def names(config):
    return [operand.name for operand in config.operands()]


def states(config):
    return [operand.name for operand in config.operands() if operand.group == "state"]


def step(config, args):
    return list(_neuron.step(config, dict(zip(names(config), args, strict=True))).values())


def in_order(config, operands):
    """The list of operands that `step` of the package makes of those by name."""
    return [operands[name] for name in names(config)]


def first_state(config):
    """The position of V."""
    return names(config).index(states(config)[0])


def slopes(config, args, rng, dtype):
    """The operands that may carry tangents, tangents of them, and cotangents of the results that may."""
    smooth, at = config.smooth(), names(config)
    tangents = [jnp.asarray(rng.normal(size=args[at.index(name)].shape), dtype) for name in smooth.operands]
    shape = args[first_state(config)].shape
    return smooth.operands, tangents, [jnp.asarray(rng.normal(size=shape), dtype) for _ in smooth.results]
